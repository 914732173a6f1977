use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError<E: std::fmt::Debug + std::fmt::Display + Send + 'static> {
    #[error("the database failed: {0}")]
    Database(E),
}

fn main() {}
