use mcp_runtime::tool;

struct Orders;

impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(
        &self,
        /// The order's number.
        #[arg(range(1..))]
        id: u32,
    ) -> String {
        id.to_string()
    }
}

fn main() {}
