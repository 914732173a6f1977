use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the database failed: {0}")]
    Database(std::io::Error),
}

fn main() {}
