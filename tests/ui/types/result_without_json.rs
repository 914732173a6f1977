use mcp_runtime::server;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Order;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self) -> Order {
        Order
    }
}

fn main() {}
