use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min", cost = wight / 10)]
    async fn find_order(&self, weight: u32) -> String {
        weight.to_string()
    }
}

fn main() {}
