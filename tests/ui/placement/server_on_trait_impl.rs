use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Default for Orders {
    fn default() -> Self {
        Self
    }
}

fn main() {}
