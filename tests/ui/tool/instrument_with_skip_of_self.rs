use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tracing::instrument(skip(self))]
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
