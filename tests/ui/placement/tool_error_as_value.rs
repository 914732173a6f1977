use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("gone")]
    #[tool_error = "GONE"]
    Gone,
}

fn main() {}
