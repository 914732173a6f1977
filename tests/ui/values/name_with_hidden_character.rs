use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min", name = "find\u{200b}order")]
    async fn find_order(&self) -> String {
        String::new()
    }
}

fn main() {}
