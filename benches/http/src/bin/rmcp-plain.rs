//! rmcp without any protection, as its documentation shows it, or with its router kept in a field (`--router-in-field`).

use std::sync::Arc;

use bench_http::{Arguments, KEY, Revenue, revenue, serve};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{Json, ServerHandler, tool, tool_handler, tool_router};

#[derive(Clone)]
struct Default;

#[tool_router]
impl Default {
    /// Revenue of one account.
    #[tool(annotations(read_only_hint = true))]
    async fn get_revenue(&self, Parameters(Arguments { account, months }): Parameters<Arguments>) -> Json<Revenue> {
        Json(revenue(account, months))
    }
}

#[tool_handler(name = "revenue")]
impl ServerHandler for Default {}

#[derive(Clone)]
struct Kept {
    router: Arc<ToolRouter<Self>>,
}

#[tool_router]
impl Kept {
    /// Revenue of one account.
    #[tool(annotations(read_only_hint = true))]
    async fn get_revenue(&self, Parameters(Arguments { account, months }): Parameters<Arguments>) -> Json<Revenue> {
        Json(revenue(account, months))
    }
}

#[tool_handler(name = "revenue", router = self.router)]
impl ServerHandler for Kept {}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let sessions = Arc::new(NeverSessionManager::default());
    let router = if std::env::args().any(|argument| argument == "--router-in-field") {
        let kept = Kept { router: Arc::new(Kept::tool_router()) };
        let service = StreamableHttpService::new(move || Ok(kept.clone()), sessions, config);
        axum::Router::new().nest_service("/mcp", service)
    } else {
        let service = StreamableHttpService::new(|| Ok(Default), sessions, config);
        axum::Router::new().nest_service("/mcp", service)
    };
    serve(router, KEY).await
}
