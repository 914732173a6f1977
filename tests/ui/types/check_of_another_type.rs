use mcp_runtime::server;

struct Orders;

fn known(name: &String) -> Result<(), String> {
    if name.is_empty() { Err("must be known".to_owned()) } else { Ok(()) }
}

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, #[arg(check = known)] id: u32) -> String {
        id.to_string()
    }
}

fn main() {}
