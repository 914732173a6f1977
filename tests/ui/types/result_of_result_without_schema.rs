use mcp_runtime::{Json, ToolError, server};

#[derive(serde::Serialize)]
struct Order;

#[derive(Debug, thiserror::Error, ToolError)]
#[error("no such order")]
struct OrderError;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self) -> Result<Json<Order>, OrderError> {
        Err(OrderError)
    }
}

fn main() {}
