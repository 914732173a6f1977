//! Records as events of `tracing`.

use tracing::Span;

use crate::record::CallRecord;

/// The target of records.
pub(super) const TARGET: &str = "mcp_runtime::call";

/// Whether a subscriber wants the events.
pub(super) fn is_heard() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::INFO)
}

/// One event, whatever the outcome: who asks for errors asks for `outcome`.
pub(super) fn record(record: &CallRecord, span: &Span) {
    tracing::info!(
        target: TARGET,
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
        tool_us = record.latency.tool_us,
        output_bytes = record.output_bytes,
        untrusted = some(record.untrusted),
        removed = some(record.removed),
        defused = some(record.defused),
        masked = some(record.masked),
        remaining = record.quota.map(|quota| quota.remaining),
        "call"
    );
}

/// A count of nothing is not written: each field costs what a tenth of the record does.
fn some(count: usize) -> Option<usize> {
    (count > 0).then_some(count)
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
