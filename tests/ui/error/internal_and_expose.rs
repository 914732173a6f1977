use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the database failed")]
    #[tool_error(internal, expose)]
    Database(#[from] std::io::Error),
}

fn main() {}
