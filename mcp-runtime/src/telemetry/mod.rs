//! Where records go: `tracing`, and the audit file.

mod audit;
pub(crate) mod redact;
#[cfg(feature = "cli")]
pub(crate) mod subscriber;

use crate::record::CallRecord;

pub use audit::{Audit, AuditError};

/// Everything that gets a record.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    pub(crate) audit: Option<Audit>,
}

impl Sinks {
    /// Hands the record to every sink. Denials are lines like all others.
    pub(crate) fn record(&self, record: &CallRecord) {
        if let Some(audit) = &self.audit
            && let Err(error) = audit.append(record)
        {
            tracing::error!(
                target: "mcp_runtime::audit",
                correlation = %record.correlation,
                error = %error,
                "the audit file could not be written: this record is in the log alone"
            );
        }
        // One event, whatever the outcome: who asks for errors asks for `outcome`.
        tracing::info!(
            target: "mcp_runtime::call",
            request = record.request.as_str(),
            correlation = %record.correlation,
            via = record.via.as_str(),
            method = record.method,
            tool = record.tool,
            agent = %record.agent.agent(),
            subject = record.subject.as_deref(),
            credential = %record.credential,
            outcome = record.outcome,
            arguments = %record.arguments,
            duration_us = record.duration_us,
            output_bytes = record.output_bytes,
            removed = record.removed,
            "call"
        );
    }

    /// The cause of a failure, which nobody but the log gets. Escaped, so that it stays one line.
    #[allow(clippy::unused_self)] // sinks for causes follow
    pub(crate) fn cause(&self, record: &CallRecord, cause: &str) {
        tracing::error!(
            target: "mcp_runtime::failure",
            correlation = %record.correlation,
            tool = record.tool,
            agent = %record.agent.agent(),
            outcome = record.outcome,
            cause = cause.escape_debug().to_string(),
            "failure"
        );
    }
}
