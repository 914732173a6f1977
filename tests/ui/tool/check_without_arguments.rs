use mcp_runtime::server;

struct Orders;

fn in_order() -> Result<(), String> {
    Ok(())
}

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Count the orders.
    #[tool(scope = "orders.read", rate = "10/min", check = in_order)]
    async fn count_orders(&self) -> String {
        String::new()
    }
}

fn main() {}
