use mcp_runtime::ToolError;

#[derive(ToolError)]
union OrderError {
    id: u32,
}

fn main() {}
