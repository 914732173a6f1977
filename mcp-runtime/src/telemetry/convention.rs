//! The semantic conventions of OpenTelemetry for MCP, which Prometheus' names follow too.
//!
//! Status: development, at
//! <https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md>. What is not in there has
//! names that begin with `mcp_runtime`.

use std::borrow::Cow;

use crate::record::{CallRecord, Via};

/// The buckets of `mcp.server.operation.duration`, in seconds.
pub(super) const BUCKETS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// `error.type`: the code of the JSON-RPC error, `tool_error` for a result with `isError`, `cancelled` for what was not
/// answered because nobody waited any more.
pub(super) fn error_type(method: &str, outcome: &str, rpc_code: Option<i32>) -> Option<Cow<'static, str>> {
    if let Some(code) = rpc_code {
        return Some(code.to_string().into());
    }
    match outcome {
        CallRecord::OK | CallRecord::INPUT_REQUIRED => None,
        crate::error::code::CANCELLED => Some("cancelled".into()),
        _ if method == "tools/call" => Some("tool_error".into()),
        _ => Some("_OTHER".into()),
    }
}

/// `network.transport`; none where no network and no pipe is.
pub(super) fn transport(via: Via) -> Option<&'static str> {
    match via {
        Via::Http => Some("tcp"),
        Via::Stdio => Some("pipe"),
        Via::Operator | Via::Process => None,
    }
}

/// `network.protocol.name`.
pub(super) fn protocol(via: Via) -> Option<&'static str> {
    (via == Via::Http).then_some("http")
}

/// `gen_ai.operation.name`: of tool calls alone.
pub(super) fn operation(method: &str) -> Option<&'static str> {
    (method == "tools/call").then_some("execute_tool")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_types_of_the_convention() {
        for (method, outcome, rpc_code, expected) in [
            ("tools/call", "OK", None, None),
            ("tools/call", "INPUT_REQUIRED", None, None),
            ("tools/call", "RATE_LIMITED", None, Some("tool_error")),
            ("tools/call", "RATE_LIMITED", Some(429), Some("429")),
            ("tools/call", "NOT_FOUND", None, Some("tool_error")),
            ("tools/call", "INVALID_REQUEST", Some(-32602), Some("-32602")),
            ("tools/call", "CANCELLED", None, Some("cancelled")),
            ("prompts/get", "INTERNAL", Some(-32603), Some("-32603")),
            ("prompts/get", "SOMETHING", None, Some("_OTHER")),
        ] {
            assert_eq!(error_type(method, outcome, rpc_code).as_deref(), expected, "{method} {outcome}");
        }
    }
}
