use mcp_runtime::server;

#[server(name = "orders", rate = "300/min")]
struct Shop {
    id: u32,
}

fn main() {}
