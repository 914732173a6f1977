use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("failed")]
    HTTPFailed,
    #[error("failed")]
    HttpFailed,
}

fn main() {}
