use mcp_runtime::server;

struct Orders;

async fn in_order(_from: &u32, _until: &u32) -> Result<(), String> {
    Ok(())
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
