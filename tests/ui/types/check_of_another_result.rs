use mcp_runtime::server;

struct Orders;

fn even(id: &u32) -> bool {
    id % 2 == 0
}

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, #[arg(check = even)] id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
