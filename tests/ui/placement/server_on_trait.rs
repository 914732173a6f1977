use mcp_runtime::server;

#[server(name = "orders", rate = "300/min")]
trait Orders {
    /// Find an order.
    async fn find_order(&self) -> String;
}

fn main() {}
