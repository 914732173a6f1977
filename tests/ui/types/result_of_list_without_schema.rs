use mcp_runtime::{Json, server};

#[derive(serde::Serialize)]
struct Order;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self) -> Json<Vec<Order>> {
        Json(Vec::new())
    }
}

fn main() {}
