//! What every call goes through, seen by a client in the same process.

mod errors;
mod execution;
mod guards;
mod hygiene;
mod levels;
mod limits;
mod listing;
mod outputs;
mod records;
mod scopes;
mod telemetry;
mod validation;

use mcp_runtime::testing::{Answer, CallError, Client};
use serde_json::Value;

/// Calls without arguments.
async fn call(client: &Client, tool: &str) -> Result<Answer, CallError> {
    client.call(tool, serde_json::json!({})).await
}

/// The error of a call, as the client gets it.
async fn refused(client: &Client, tool: &str, arguments: Value) -> Value {
    match client.call(tool, arguments).await {
        Ok(answer) => panic!("answered: {answer:?}"),
        Err(error) => error.json(),
    }
}
