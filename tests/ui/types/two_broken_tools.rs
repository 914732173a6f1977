use mcp_runtime::server;

#[derive(serde::Deserialize)]
struct Kind;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, kind: Kind) -> String {
        let _ = kind;
        String::new()
    }

    /// Count the orders.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn count_orders(&self) -> String {
        let shared = std::rc::Rc::new(1);
        std::future::ready(()).await;
        shared.to_string()
    }
}

fn main() {}
