use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Count the orders.
    #[tool(require_scope = "orders.read", rate = "10/min")]
    async fn count_orders(&self) -> String {
        String::new()
    }
}

fn main() {}
