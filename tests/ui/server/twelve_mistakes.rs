use mcp_runtime::server;

fn the_fourth_tool_works() -> usize {
    <Orders as mcp_runtime::__private::Server>::TOOLS.len()
}

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    #[tool(scop = "orders.read", rate = "10/mn")]
    async fn get_order(&self, email: String, country: &str) -> String {
        let _ = (email, country);
        String::new()
    }

    /// Delete an order.
    #[tool(scope = all("orders..delete"), rate = inherit, read_only = "yes", desc = "Delete.")]
    async fn delete_order(&self, #[arg(range(5..=1))] id: u32) -> String {
        let _ = id;
        String::new()
    }

    /// List the orders.
    #[tool(rate = "0/min", name = "list orders")]
    async fn list_orders(&self) -> String {
        String::new()
    }

    /// Count the orders.
    #[tool(any_caller, rate = "10/min")]
    async fn count_orders(&self) -> String {
        String::new()
    }
}

fn main() {}
