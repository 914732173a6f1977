//! `add` over HTTP with tower-mcp.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tower_mcp::{BoxError, CallToolResult, HttpTransport, McpRouter, ToolBuilder};

#[derive(Deserialize, JsonSchema)]
struct Terms {
    /// One number.
    a: i64,
    /// The other one.
    b: i64,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    result: i64,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let add = ToolBuilder::new("add")
        .description("The sum of two numbers.")
        .read_only()
        .handler(
            |Terms { a, b }: Terms| async move { CallToolResult::from_serialize(&Sum { result: a.wrapping_add(b) }) },
        )
        .build();
    let router = McpRouter::new().server_info("calculator", "0.0.0").tool(add);
    HttpTransport::new(router).serve("127.0.0.1:8787").await?;
    Ok(())
}
