use mcp_runtime::ToolError;

type Broken = std::io::Error;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the database failed: {0}")]
    Database(Broken),
}

fn main() {}
