use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, #[arg(header = "Weight")] weight: f64) -> String {
        let _ = weight;
        String::new()
    }
}

fn main() {}
