use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min", errors(NotFound { id: u32 } = "no order has id {number}"))]
    async fn find_order(&self, id: u32) -> Result<String, FindOrderError> {
        Err(FindOrderError::NotFound { id })
    }
}

fn main() {}
