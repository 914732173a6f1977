use mcp_runtime::{Json, server};

struct Order;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self) -> Json<Order> {
        Json(Order)
    }
}

fn main() {}
