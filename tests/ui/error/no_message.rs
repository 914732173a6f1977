use mcp_runtime::ToolError;

#[derive(Debug, ToolError)]
enum OrderError {
    NotFound,
}

fn main() {}
