use mcp_runtime::server;

struct Orders;

#[server(name = "orders", rate = "300/min")]
impl Orders {
    #[tool(scope = "orders.read", rate = "10/min")]
    const COUNT: u32 = 1;
}

fn main() {}
