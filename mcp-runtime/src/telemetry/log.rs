//! Records as events of `tracing`.

use tracing::Span;

use crate::record::CallRecord;

/// One event, whatever the outcome: who asks for errors asks for `outcome`.
pub(super) fn record(record: &CallRecord, span: &Span) {
    tracing::info!(
        target: "mcp_runtime::call",
        parent: span,
        request = record.request.as_str(),
        correlation = %record.correlation,
        via = record.via.as_str(),
        revision = record.revision,
        method = record.method,
        tool = record.tool,
        agent = %record.agent(),
        subject = record.subject(),
        credential = record.credential(),
        decision = record.decision.as_str(),
        outcome = record.outcome,
        arguments = record.arguments.as_str(),
        duration_us = record.duration_us,
        queue_us = record.latency.queue_us,
        gate_us = record.latency.gate_us,
        tool_us = record.latency.tool_us,
        output_us = record.latency.output_us,
        output_bytes = record.output_bytes,
        untrusted = record.untrusted,
        removed = record.removed,
        defused = record.defused,
        masked = record.masked,
        remaining = record.quota.map(|quota| quota.remaining),
        "call"
    );
}

/// The cause of a failure, which nobody but the log gets. Escaped, so that it stays one line.
pub(super) fn cause(record: &CallRecord, cause: &str) {
    tracing::error!(
        target: "mcp_runtime::failure",
        correlation = %record.correlation,
        tool = record.tool,
        agent = %record.agent(),
        outcome = record.outcome,
        cause = cause.escape_debug().to_string(),
        "failure"
    );
}
