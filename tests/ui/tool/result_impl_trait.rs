use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    fn find_order(&self) -> impl ToString {
        String::new()
    }
}

fn main() {}
