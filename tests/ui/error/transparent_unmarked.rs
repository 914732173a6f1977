use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error(transparent)]
    Database(std::io::Error),
}

fn main() {}
