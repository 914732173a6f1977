use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the warehouse is loading")]
    #[tool_error(retry_after = "30")]
    Loading,
}

fn main() {}
