use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("no order has this id")]
    #[tool_error(code = "order-not-found")]
    NotFound,
}

fn main() {}
