//! A log record a request.

use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::logs::SdkLogger;

use super::observe::{came_to, end_of};
use crate::record::CallRecord;

/// What writes them.
#[derive(Debug)]
pub(super) struct Logs(pub(super) SdkLogger);

impl Logs {
    /// The record of a request, within its span. Who asks for errors asks for `mcp_runtime.outcome`.
    pub(super) fn write(&self, record: &CallRecord, arguments: bool) {
        let Self(logger) = self;
        let mut log = logger.create_log_record();
        log.set_event_name("mcp_runtime.call");
        log.set_timestamp(end_of(record));
        let (severity, text) = if record.is_denial() { (Severity::Warn, "WARN") } else { (Severity::Info, "INFO") };
        log.set_severity_number(severity);
        log.set_severity_text(text);
        log.set_body(AnyValue::from("call"));
        if let Some(traced) = &record.trace {
            let flags = if traced.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            log.set_trace_context(
                TraceId::from_bytes(traced.trace.to_be_bytes()),
                SpanId::from_bytes(traced.span.to_be_bytes()),
                Some(flags),
            );
        }
        let texts = [
            ("mcp.method.name", Some(record.method)),
            ("gen_ai.tool.name", record.tool),
            ("mcp.protocol.version", record.revision),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                log.add_attribute(name, text);
            }
        }
        // A notification has none.
        if !record.request.is_empty() {
            log.add_attribute("jsonrpc.request.id", record.request.clone());
        }
        log.add_attribute("mcp_runtime.correlation", record.correlation.to_string());
        log.add_attribute("mcp_runtime.agent", record.agent().to_string());
        if let Some(subject) = record.subject() {
            log.add_attribute("mcp_runtime.subject", subject.to_owned());
        }
        log.add_attribute("mcp_runtime.credential", record.credential().to_owned());
        log.add_attribute("mcp_runtime.duration", i64::try_from(record.duration_us).unwrap_or(i64::MAX));
        for attribute in came_to(record, arguments) {
            log.add_attribute(attribute.key, value(attribute.value));
        }
        logger.emit(log);
    }
}

/// The values that [`came_to`] makes: texts and numbers.
fn value(value: opentelemetry::Value) -> AnyValue {
    match value {
        opentelemetry::Value::I64(number) => AnyValue::Int(number),
        opentelemetry::Value::F64(number) => AnyValue::Double(number),
        opentelemetry::Value::Bool(truth) => AnyValue::Boolean(truth),
        other => AnyValue::String(other.as_str().into_owned().into()),
    }
}
