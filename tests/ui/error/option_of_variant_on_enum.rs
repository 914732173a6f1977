use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
#[tool_error(retryable)]
enum OrderError {
    #[error("the warehouse is loading")]
    Loading,
}

fn main() {}
