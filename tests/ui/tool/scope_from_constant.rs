use mcp_runtime::server;

const SCOPE: &str = "orders.read";

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Count the orders.
    #[tool(scope = SCOPE, rate = "10/min")]
    async fn count_orders(&self) -> String {
        String::new()
    }
}

fn main() {}
