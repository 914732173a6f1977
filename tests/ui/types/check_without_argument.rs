use mcp_runtime::server;

struct Orders;

fn in_order(from: &u32) -> Result<(), String> {
    if *from > 0 { Ok(()) } else { Err("must be above 0".to_owned()) }
}

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// The orders of a range.
    #[tool(scope = "orders.read", rate = "10/min", check = in_order)]
    async fn orders_between(&self, from: u32, until: u32) -> String {
        format!("{from} {until}")
    }
}

fn main() {}
