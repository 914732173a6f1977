use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the warehouse is slow")]
    Timeout,
}

fn main() {}
