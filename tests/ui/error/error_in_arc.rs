use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the database failed: {tries:?}")]
    Database { tries: Vec<std::sync::Arc<std::io::Error>> },
}

fn main() {}
