//! The gate's outcome as MCP's results and errors.

use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::model::{CacheScope, CallToolResult, ContentBlock, JsonObject, ListToolsResult, MetaObject, Tool};
use serde_json::{Value, json};

use crate::error::Failure;
use crate::gate::{Answered, Decision, Outcome};
use crate::output::{Problem, hygiene, to_clean_value};

/// Under this key of a result's `_meta` stands the error for programs.
pub(crate) const ERROR_KEY: &str = "dev.mcp-runtime/error";

/// Under this key of a result's `_meta` stand the places of texts that others wrote.
pub(crate) const UNTRUSTED_KEY: &str = "dev.mcp-runtime/untrusted";

/// A decision as the result of `tools/call`.
///
/// # Errors
/// A protocol error for what is no call of a tool of this server.
pub(crate) fn result(decision: Decision) -> Result<CallToolResult, ErrorData> {
    match decision.outcome {
        Outcome::Answered(answered) => Ok(answer(answered)),
        Outcome::Failed(failure) => Ok(failed(&failure)),
        Outcome::UnknownTool => Err(ErrorData::invalid_params("there is no tool of this name", None)),
        Outcome::Malformed(malformed) => Err(ErrorData::invalid_params(format!("arguments: {malformed}"), None)),
    }
}

fn answer(answered: Answered) -> CallToolResult {
    let meta = (!answered.untrusted.is_empty()).then(|| meta(UNTRUSTED_KEY, answered.untrusted.into()));
    let mut result = CallToolResult::success(answered.content).with_meta(meta);
    result.structured_content = answered.structured;
    result
}

/// A tool error: compact JSON for the model, the same object in `_meta` for programs. No structured content: clients
/// check that against the output schema even on errors.
pub(crate) fn failed(failure: &Failure) -> CallToolResult {
    let error = json!(failure);
    let text = json!({ "error": error }).to_string();
    CallToolResult::error(vec![ContentBlock::text(text)]).with_meta(Some(meta(ERROR_KEY, error)))
}

fn meta(key: &str, value: Value) -> MetaObject {
    MetaObject(JsonObject::from_iter([(key.to_owned(), value)]))
}

/// The list of tools. It depends on the caller, so no cache may share it.
pub(crate) fn tools(tools: Vec<Tool>) -> ListToolsResult {
    ListToolsResult::with_all_items(tools).with_ttl_ms(0).with_cache_scope(CacheScope::Private)
}

/// A message of the user's own handler (a prompt, a resource), cleaned like everything that a model can see.
///
/// # Errors
/// A message that cannot be cleaned, because two of its keys become one.
pub(crate) fn cleaned(message: Bytes) -> Result<Bytes, Problem> {
    // Escapes in JSON are the one other way that a control character can be written.
    let text = std::str::from_utf8(&message).unwrap_or_default();
    if hygiene::clean(text).removed == 0 && !text.contains('\\') {
        return Ok(message);
    }
    let value: Value = serde_json::from_slice(&message).map_err(|error| Problem::Invalid(error.to_string()))?;
    let mut clean = to_clean_value(&value, u64::MAX)?.value;
    // An id goes back as it came, or the client does not know it again.
    if let (Some(id), Value::Object(message)) = (value.get("id"), &mut clean) {
        message.insert("id".to_owned(), id.clone());
    }
    Ok(clean.to_string().into())
}
