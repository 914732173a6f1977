use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "customer:{custmer}:read", rate = "10/min")]
    async fn find_order(&self, customer: u32) -> String {
        customer.to_string()
    }
}

fn main() {}
