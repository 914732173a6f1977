//! `add` over HTTP with rmcp, its macros and axum.

use std::sync::Arc;

use rmcp::{
    Json, ServerHandler,
    handler::server::wrapper::Parameters,
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Adds.
#[derive(Clone)]
struct Calculator;

#[tool_router]
impl Calculator {
    /// The sum of two numbers.
    #[tool(annotations(read_only_hint = true))]
    async fn add(&self, Parameters(Terms { a, b }): Parameters<Terms>) -> Json<Sum> {
        Json(Sum { result: a.wrapping_add(b) })
    }
}

#[tool_handler(name = "calculator")]
impl ServerHandler for Calculator {}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service = StreamableHttpService::new(|| Ok(Calculator), Arc::new(NeverSessionManager::default()), config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8787").await?;
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await
}
