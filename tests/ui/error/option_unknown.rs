use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the warehouse is loading")]
    #[tool_error(retry = "30s")]
    Loading,
}

fn main() {}
