//! JSON-RPC messages, in both revisions that are served.

use serde_json::{Value, json};

/// The revision without sessions, whose requests carry `_meta` and mirror it in headers.
pub const MODERN: &str = "2026-07-28";
/// The revision with `initialize`.
pub const LEGACY: &str = "2025-11-25";

/// The `_meta` of a request of the modern revision.
pub fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A request of the older revision.
pub fn request(id: impl Into<Value>, method: &str, params: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params.into() })
}

/// A tool call of the older revision.
pub fn call(id: impl Into<Value>, tool: &str, arguments: impl Into<Value>) -> Value {
    request(id, "tools/call", json!({ "name": tool, "arguments": arguments.into() }))
}

/// The first message of the older revision.
pub fn initialize(id: impl Into<Value>) -> Value {
    request(
        id,
        "initialize",
        json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "tests", "version": "1" } }),
    )
}

/// A request of the modern revision.
pub fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    params["_meta"] = meta();
    request(id, method, params)
}

/// The error that a tool answered with, from the text that the model reads. The same stands in `_meta`, and there is no
/// structured content beside it.
pub fn tool_error(answer: &Value) -> Value {
    let result = &answer["result"];
    assert_eq!(result["isError"], true, "a tool error: {answer}");
    assert!(result.get("structuredContent").is_none(), "structured content in an error: {answer}");
    let text = result["content"][0]["text"].as_str().expect("a text block");
    let error: Value = serde_json::from_str(text).expect("JSON in the text block");
    assert_eq!(error["error"], result["_meta"]["dev.mcp-runtime/error"], "text and _meta: {answer}");
    error["error"].clone()
}
