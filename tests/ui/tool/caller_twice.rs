use mcp_runtime::{Caller, server};

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, caller: &Caller, other: &Caller) -> String {
        let _ = (caller, other);
        String::new()
    }
}

fn main() {}
