use mcp_runtime::server;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Kind;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min")]
    async fn find_order(&self, #[arg(default = Kind)] kind: Kind) -> String {
        let _ = kind;
        String::new()
    }
}

fn main() {}
