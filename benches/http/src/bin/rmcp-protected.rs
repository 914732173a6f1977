//! rmcp with the five protections glued on by hand: a layer for keys, the rest in `call_tool`. `--quiet` keeps rmcp's own
//! lines out of the log.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bench_http::protections::{Agent, Protections, log_to};
use bench_http::{Arguments, KEY, Revenue, record_path, revenue, serve};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, Json, RoleServer, ServerHandler, tool, tool_router};
use serde_json::{Value, json};

#[derive(Clone)]
struct Server {
    router: Arc<ToolRouter<Self>>,
    protections: Arc<Protections>,
}

#[tool_router]
impl Server {
    /// Revenue of one account.
    #[tool(annotations(read_only_hint = true))]
    async fn get_revenue(&self, Parameters(Arguments { account, months }): Parameters<Arguments>) -> Json<Revenue> {
        Json(revenue(account, months))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.router.list_all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let began = Instant::now();
        let agent =
            context.extensions.get::<http::request::Parts>().and_then(|parts| parts.extensions.get::<Arc<Agent>>());
        let agent = Arc::clone(agent.ok_or_else(|| ErrorData::internal_error("nobody", None))?);
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        let tool = request.name.to_string();
        if let Err((code, message)) = self.protections.check(&agent, 0, &arguments) {
            self.protections.record(&agent, &tool, &arguments, code, 0, began);
            let error = json!({"error": {"code": code, "message": message}}).to_string();
            return Ok(CallToolResult::error(vec![ContentBlock::text(error)]).into());
        }
        let result = self.router.call(ToolCallContext::new(self, request, context)).await;
        let bytes = match &result {
            Ok(CallToolResponse::Complete(result)) => {
                result.content.first().and_then(|block| block.as_text()).map_or(0, |block| block.text.len())
            }
            _ => 0,
        };
        self.protections.record(
            &agent,
            &tool,
            &arguments,
            if result.is_ok() { "OK" } else { "INTERNAL" },
            bytes,
            began,
        );
        result
    }
}

async fn authenticate(State(protections): State<Arc<Protections>>, mut request: Request, next: Next) -> Response {
    match protections.authenticate(request.headers()) {
        Some(agent) => {
            request.extensions_mut().insert(agent);
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let quiet = std::env::args().any(|argument| argument == "--quiet");
    log_to(&record_path(), if quiet { "info,rmcp=warn" } else { "info" });
    let protections = Arc::new(Protections::new());
    let server = Server { router: Arc::new(Server::tool_router()), protections: Arc::clone(&protections) };
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    let router = axum::Router::new().nest_service("/mcp", service).layer(from_fn_with_state(protections, authenticate));
    serve(router, KEY).await
}
