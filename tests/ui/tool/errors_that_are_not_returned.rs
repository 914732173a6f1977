use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Count the orders.
    #[tool(scope = "orders.read", rate = "10/min", errors(Gone = "gone"))]
    async fn count_orders(&self) -> String {
        String::new()
    }
}

fn main() {}
