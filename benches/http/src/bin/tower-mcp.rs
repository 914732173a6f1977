//! tower-mcp with what it brings itself: API keys, validation by schema, its audit layer as JSON. It has no limit by agent
//! and no scopes for API keys, and its audit does not name the agent.

use bench_http::protections::log_to;
use bench_http::{Arguments, KEY, record_path, revenue, serve};
use tower_mcp::auth::{ApiKeyValidator, AuthLayer};
use tower_mcp::middleware::AuditLayer;
use tower_mcp::{BoxError, CallToolResult, HttpTransport, McpRouter, ToolBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let plain = std::env::args().any(|argument| argument == "--plain");
    let tool = ToolBuilder::new("get_revenue")
        .description("Revenue of one account.")
        .read_only()
        .handler(|Arguments { account, months }: Arguments| async move {
            CallToolResult::from_serialize(&revenue(account, months))
        })
        .build();
    let transport = HttpTransport::new(McpRouter::new().server_info("revenue", "1.0.0").tool(tool));
    let router = if plain {
        transport.into_router_at("/mcp")
    } else {
        log_to(&record_path(), "mcp::audit=info");
        let keys = ApiKeyValidator::new([KEY.to_owned()]);
        transport.layer(AuditLayer::new()).into_router_at("/mcp").layer(AuthLayer::new(keys))
    };
    serve(router, KEY).await?;
    Ok(())
}
