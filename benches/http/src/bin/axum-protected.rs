//! axum with the five protections by hand: what somebody writes who knows what a call needs, and counts microseconds.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bench_http::protections::{Protections, Refused, log_to};
use bench_http::{Arguments, KEY, Revenue, record_path, revenue, serve};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: &'a str,
    arguments: Value,
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: Result<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Result<'a> {
    result_type: &'static str,
    content: [Text<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Revenue>,
    is_error: bool,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

fn call(protections: &Protections, headers: &HeaderMap, body: &[u8]) -> std::result::Result<Vec<u8>, StatusCode> {
    let began = Instant::now();
    let agent = protections.authenticate(headers).ok_or(StatusCode::UNAUTHORIZED)?;
    let Call { id, method, params } = serde_json::from_slice(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if method != "tools/call" || params.name != "get_revenue" {
        return Err(StatusCode::NOT_FOUND);
    }
    let checked = protections.check(&agent, 0, &params.arguments).and_then(|()| {
        let invalid = |error: serde_json::Error| -> Refused { ("INVALID_ARGUMENTS", error.to_string()) };
        Arguments::deserialize(&params.arguments).map_err(invalid)
    });
    let (text, structured_content, outcome) = match checked {
        Ok(Arguments { account, months }) => {
            let revenue = revenue(account, months);
            (serde_json::to_string(&revenue).unwrap_or_default(), Some(revenue), "OK")
        }
        Err((code, message)) => (json!({"error": {"code": code, "message": message}}).to_string(), None, code),
    };
    protections.record(&agent, "get_revenue", &params.arguments, outcome, text.len(), began);
    let content = [Text { r#type: "text", text: &text }];
    let is_error = structured_content.is_none();
    let result = Result { result_type: "complete", content, structured_content, is_error };
    serde_json::to_vec(&Answer { jsonrpc: "2.0", id, result }).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn mcp(State(protections): State<Arc<Protections>>, headers: HeaderMap, body: Bytes) -> Response {
    match call(&protections, &headers, &body) {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(status) => status.into_response(),
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    log_to(&record_path(), "info");
    let router = Router::new().route("/mcp", post(mcp)).with_state(Arc::new(Protections::new()));
    serve(router, KEY).await
}
