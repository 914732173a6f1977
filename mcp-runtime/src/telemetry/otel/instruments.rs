//! Metrics of requests.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::auth::Refusal;
use crate::record::CallRecord;
use crate::telemetry::strangers::{self, REASONS};
use crate::telemetry::{SessionEnd, convention};

/// The instruments: the convention's, and those that it has none for.
#[derive(Debug)]
pub(super) struct Instruments {
    duration: Histogram<f64>,
    session: Histogram<f64>,
    requests: Counter<u64>,
    output: Counter<u64>,
    violations: Counter<u64>,
    sanitised: Counter<u64>,
    refused: Counter<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            duration: meter
                .f64_histogram("mcp.server.operation.duration")
                .with_unit("s")
                .with_description("Time from the arrival of a request to its answer.")
                .with_boundaries(convention::BUCKETS.to_vec())
                .build(),
            session: meter
                .f64_histogram("mcp.server.session.duration")
                .with_unit("s")
                .with_description("Time from the beginning of a session to its end.")
                .with_boundaries(convention::BUCKETS.to_vec())
                .build(),
            requests: meter
                .u64_counter("mcp_runtime.requests")
                .with_unit("{request}")
                .with_description("Requests by what the gate decided and what came of them.")
                .build(),
            output: meter
                .u64_counter("mcp_runtime.output")
                .with_unit("By")
                .with_description("Content that tools answered with, in bytes of JSON.")
                .build(),
            violations: meter
                .u64_counter("mcp_runtime.violations")
                .with_unit("{violation}")
                .with_description("Rules that arguments of calls broke.")
                .build(),
            sanitised: meter
                .u64_counter("mcp_runtime.sanitised")
                .with_unit("{place}")
                .with_description("What was found in answers: texts of others, and what sanitising changed.")
                .build(),
            refused: meter
                .u64_counter("mcp_runtime.refused")
                .with_unit("{request}")
                .with_description("Requests without a caller, by what was wrong with the credential.")
                .build(),
        }
    }

    /// Counts a stranger.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        self.refused.add(1, &[KeyValue::new("mcp_runtime.reason", REASONS[strangers::place(refusal)])]);
    }

    /// Counts a session.
    pub(super) fn session(&self, end: &SessionEnd) {
        let texts = [
            ("mcp.protocol.version", end.revision),
            ("network.transport", convention::transport(end.via)),
            ("network.protocol.name", convention::protocol(end.via)),
            ("network.protocol.version", end.http_version),
            ("error.type", end.error),
        ];
        let attributes: Vec<_> =
            texts.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text?))).collect();
        self.session.record(end.duration.as_secs_f64(), &attributes);
    }

    /// Counts a request. Every value of an attribute is a name of the program's own.
    pub(super) fn count(&self, record: &CallRecord) {
        let tool = record.tool.map(|tool| KeyValue::new("gen_ai.tool.name", tool));
        let method = KeyValue::new("mcp.method.name", record.method);
        let mut attributes = Vec::with_capacity(9);
        attributes.push(method.clone());
        attributes.extend(tool.clone());
        let texts = [
            ("gen_ai.operation.name", convention::operation(record.method)),
            ("mcp.protocol.version", record.revision),
            ("network.transport", convention::transport(record.via)),
            ("network.protocol.name", convention::protocol(record.via)),
            ("network.protocol.version", record.http_version),
        ];
        attributes.extend(texts.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text?))));
        if let Some(error) = convention::error_type(record.method, record.outcome, record.rpc_code) {
            attributes.push(KeyValue::new("error.type", error.into_owned()));
        }
        if let Some(code) = record.rpc_code {
            attributes.push(KeyValue::new("rpc.response.status_code", code.to_string()));
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a duration in microseconds is far below what a float tells apart"
        )]
        let seconds = record.duration_us as f64 / 1e6;
        self.duration.record(seconds, &attributes);

        attributes.clear();
        attributes.push(method);
        attributes.extend(tool.clone());
        attributes.push(KeyValue::new("mcp_runtime.decision", record.decision.as_str()));
        attributes.push(KeyValue::new("mcp_runtime.outcome", record.outcome));
        self.requests.add(1, &attributes);

        let Some(tool) = tool else { return };
        if record.output_bytes > 0 {
            self.output.add(record.output_bytes, std::slice::from_ref(&tool));
        }
        let violations: u64 = record.violations.iter().map(|(_, count)| u64::from(*count)).sum();
        if violations > 0 {
            self.violations.add(violations, std::slice::from_ref(&tool));
        }
        for (kind, count) in [
            ("untrusted", record.untrusted),
            ("removed", record.removed),
            ("defused", record.defused),
            ("masked", record.masked),
        ] {
            if count > 0 {
                self.sanitised.add(count as u64, &[tool.clone(), KeyValue::new("mcp_runtime.kind", kind)]);
            }
        }
    }
}
