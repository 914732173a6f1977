use mcp_runtime::{Caller, server};

fn may_find(_caller: &Caller, _id: &u32) -> Result<(), mcp_runtime::Denied> {
    Ok(())
}

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min", guard = may_find)]
    async fn find_order(&self, id: u32) -> String {
        let _ = id;
        String::new()
    }
}

fn main() {}
