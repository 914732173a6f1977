use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the database failed")]
    Database(#[from] std::io::Error),
}

fn main() {}
