use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, #[arg(check = |id| Ok(()))] id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
