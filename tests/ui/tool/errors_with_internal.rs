use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Count the orders.
    #[tool(scope = "orders.read", rate = "10/min", errors(Internal = "broken"))]
    async fn count_orders(&self) -> Result<String, CountOrdersError> {
        Ok(String::new())
    }
}

fn main() {}
