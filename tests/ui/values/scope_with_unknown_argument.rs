use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "order:{order_id}:read", rate = "10/min")]
    async fn find_order(&self, id: u32) -> String {
        let _ = id;
        String::new()
    }
}

fn main() {}
