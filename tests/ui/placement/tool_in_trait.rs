use mcp_runtime::tool;

trait Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    fn find_order(&self, id: u32) -> String;
}

fn main() {}
