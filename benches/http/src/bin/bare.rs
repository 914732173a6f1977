//! axum and nothing else: the request is parsed, the tool is called, the answer is written.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bench_http::{Arguments, KEY, revenue, serve};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Call<'a> {
    id: u64,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: &'a str,
    arguments: Arguments,
}

async fn mcp(body: Bytes) -> Response {
    let Ok(Call { id, params }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if params.name != "get_revenue" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Arguments { account, months } = params.arguments;
    let revenue = revenue(account, months);
    let text = serde_json::to_string(&revenue).unwrap_or_default();
    let content = json!([{"type": "text", "text": text}]);
    let result = json!({"resultType": "complete", "content": content, "structuredContent": revenue, "isError": false});
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
    ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    serve(Router::new().route("/mcp", post(mcp)), KEY).await
}
