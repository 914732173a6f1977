//! What reaches a tool is exactly what its schema promises, and who sends something else learns how to mend it.

mod agreement;
mod broken;
mod checks;
mod coercion;
mod generate;
mod types;

use mcp_runtime::testing::{CallError, Client};
use serde_json::Value;

/// A runtime for tests that call in a loop.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The violations of a call as (pointer, keyword, message).
async fn violations(client: &Client, tool: &str, arguments: Value) -> Vec<(String, String, String)> {
    let error: CallError = client.call(tool, arguments.clone()).await.expect_err(&arguments.to_string());
    assert_eq!(error.code(), "INVALID_ARGUMENTS", "{arguments}: {error}");
    let text = |violation: &Value, key: &str| violation[key].as_str().unwrap().to_owned();
    let listed = error.json()["violations"].as_array().unwrap().clone();
    listed.iter().map(|v| (text(v, "pointer"), text(v, "keyword"), text(v, "message"))).collect()
}
