use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Count the orders.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn count(&self) -> String {
        String::new()
    }

    /// Count the customers.
    #[tool(scope = "orders.read", rate = "10/min", name = "count")]
    async fn count_customers(&self) -> String {
        String::new()
    }
}

fn main() {}
