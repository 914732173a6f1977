use mcp_runtime::server;

struct Orders;

fn even(id: &u32) -> Result<(), String> {
    if id % 2 == 0 { Ok(()) } else { Err("must be even".to_owned()) }
}

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, #[arg(validate = even)] id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
