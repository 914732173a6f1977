use mcp_runtime::server;

#[derive(Debug)]
struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tracing::instrument]
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
