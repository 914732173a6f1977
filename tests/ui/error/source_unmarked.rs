use mcp_runtime::ToolError;

#[derive(Debug, thiserror::Error, ToolError)]
enum OrderError {
    #[error("the database failed")]
    Database {
        table: String,
        #[source]
        cause: std::io::Error,
    },
}

fn main() {}
