//! Spans around requests.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::instruments::Instruments;
use super::logs::Logs;
use super::parent::remote;
use crate::auth::Refusal;
use crate::config::TraceContext;
use crate::record::{CallRecord, Origin, Traced};
use crate::telemetry::{Begun, Observer, Scope, SessionEnd, convention};

/// What watches requests for OpenTelemetry.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) tracer: Option<SdkTracer>,
    pub(super) instruments: Option<Instruments>,
    pub(super) logs: Option<Logs>,
    pub(super) trace_context: TraceContext,
    pub(super) arguments: bool,
}

impl Observer for Watch {
    fn begin(&self, request: &Begun<'_>) -> Option<Arc<dyn Scope>> {
        let tracer = self.tracer.as_ref()?;
        let current = Context::current();
        let (parent, linked) = self.related(request.origin, &current);
        // Tools are the server's own: a name that a client made up is not among them.
        let name = match request.tool {
            Some(tool) => Cow::Owned(format!("{} {tool}", request.method)),
            None => Cow::Borrowed(request.method),
        };
        let mut builder =
            SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_start_time(SystemTime::from(request.time));
        if let Some(linked) = linked {
            builder = builder.with_links(vec![opentelemetry::trace::Link::with_context(linked)]);
        }
        let span = tracer.build_with_context(builder, &parent);
        let context = parent.with_span(span);
        if context.span().is_recording() {
            context.span().set_attributes(attributes(request));
        }
        Some(Arc::new(Around { context, arguments: self.arguments, knows_revision: request.revision.is_some() }))
    }

    fn follows_traces(&self) -> bool {
        self.tracer.is_some()
    }

    fn reads_arguments(&self) -> bool {
        self.tracer.is_some() || self.logs.is_some()
    }

    fn refuse(&self, refusal: &Refusal) {
        if let Some(instruments) = &self.instruments {
            instruments.refuse(refusal);
        }
    }

    fn session(&self, end: &SessionEnd) {
        if let Some(instruments) = &self.instruments {
            instruments.session(end);
        }
    }

    fn end(&self, record: &CallRecord) {
        if let Some(instruments) = &self.instruments {
            instruments.count(record);
        }
        if let Some(logs) = &self.logs {
            logs.write(record, self.arguments);
        }
    }
}

impl Watch {
    /// The parent of a request's span, and the span that it has a link to.
    ///
    /// The message's own trace context is the parent, and the HTTP request that it came in is linked: that one may have
    /// carried other messages too. Without the first, the second is the parent.
    fn related(&self, origin: &Origin, current: &Context) -> (Context, Option<SpanContext>) {
        let of_message = || remote(origin.traceparent.as_deref(), origin.tracestate.as_deref());
        let of_header = || remote(origin.http_traceparent.as_deref(), None);
        let own = Some(current.span().span_context().clone()).filter(SpanContext::is_valid);
        let is_ignored = self.trace_context == TraceContext::Ignore;
        let of_message = if is_ignored { None } else { of_message() };
        let ambient = own.clone().or_else(|| if is_ignored { None } else { of_header() });
        match (self.trace_context, of_message) {
            (TraceContext::Link | TraceContext::Ignore, linked) if own.is_some() => (current.clone(), linked),
            (TraceContext::Link | TraceContext::Ignore, linked) => (current.clone(), linked.or(ambient)),
            (_, Some(parent)) => (current.with_remote_span_context(parent), ambient),
            (_, None) if own.is_some() => (current.clone(), None),
            (_, None) => match ambient {
                Some(ambient) => (current.with_remote_span_context(ambient), None),
                None => (current.clone(), None),
            },
        }
    }
}

/// What is known of a request when it begins.
fn attributes(request: &Begun<'_>) -> Vec<KeyValue> {
    let Begun { origin, via, .. } = request;
    let target = match request.method {
        "prompts/get" => "gen_ai.prompt.name",
        _ => "mcp.resource.uri",
    };
    let texts = [
        ("mcp.method.name", Some(request.method)),
        ("gen_ai.operation.name", convention::operation(request.method)),
        ("gen_ai.tool.name", request.tool),
        ("mcp.protocol.version", request.revision),
        ("network.transport", convention::transport(*via)),
        ("network.protocol.name", convention::protocol(*via)),
        ("network.protocol.version", request.http_version),
    ];
    let mut all: Vec<KeyValue> = Vec::with_capacity(20);
    all.extend(texts.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text?))));
    let owned = [
        ("jsonrpc.request.id", (!request.request.is_empty()).then(|| request.request.to_owned())),
        ("mcp.session.id", origin.session.as_deref().map(str::to_owned)),
        (target, origin.target.as_deref().map(str::to_owned)),
        ("client.address", origin.client.map(|client| client.to_string())),
        ("mcp_runtime.correlation", Some(request.correlation.to_string())),
        ("mcp_runtime.agent", Some(request.caller.agent().to_string())),
        ("mcp_runtime.subject", request.caller.subject().map(str::to_owned)),
        ("mcp_runtime.credential", Some(request.caller.credential().to_owned())),
    ];
    all.extend(owned.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text?))));
    all.extend(origin.client_port.map(|port| KeyValue::new("client.port", i64::from(port))));
    all
}

/// A request's span, and the context that it is the current span of.
struct Around {
    context: Context,
    arguments: bool,
    /// A handshake knows the revision at its end.
    knows_revision: bool,
}

impl Scope for Around {
    /// What the tool traces by itself nests in the span.
    fn enter(&self) -> Option<Box<dyn Any>> {
        Some(Box::new(self.context.clone().attach()))
    }

    fn traced(&self) -> Option<Traced> {
        let span = self.context.span();
        let context = span.span_context();
        context.is_valid().then(|| Traced {
            trace: u128::from_be_bytes(context.trace_id().to_bytes()),
            span: u64::from_be_bytes(context.span_id().to_bytes()),
            sampled: context.is_sampled(),
        })
    }

    fn end(&self, record: &CallRecord) {
        let span = self.context.span();
        if span.is_recording() {
            span.set_attributes(came_to(record, self.arguments));
            if let (false, Some(revision)) = (self.knows_revision, record.revision) {
                span.set_attribute(KeyValue::new("mcp.protocol.version", revision));
            }
            if convention::error_type(record.method, record.outcome, record.rpc_code).is_some() {
                // The code: its message may hold what a tool says of its arguments.
                span.set_status(Status::error(record.outcome));
            }
        }
        span.end_with_timestamp(end_of(record));
    }
}

/// When a request was over, by the same clock as its beginning.
pub(super) fn end_of(record: &CallRecord) -> SystemTime {
    SystemTime::from(record.time) + Duration::from_micros(record.duration_us)
}

/// What is known of a request when it is over.
pub(super) fn came_to(record: &CallRecord, arguments: bool) -> Vec<KeyValue> {
    let count = |name: &'static str, value: u64| KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX));
    let mut all = vec![
        KeyValue::new("mcp_runtime.decision", record.decision.as_str()),
        KeyValue::new("mcp_runtime.outcome", record.outcome),
        count("mcp_runtime.output.bytes", record.output_bytes),
    ];
    if let Some(error) = convention::error_type(record.method, record.outcome, record.rpc_code) {
        all.push(KeyValue::new("error.type", error.into_owned()));
        all.push(KeyValue::new("mcp_runtime.error.code", record.outcome));
    }
    if let Some(code) = record.rpc_code {
        all.push(KeyValue::new("rpc.response.status_code", code.to_string()));
    }
    if let Some(digest) = &record.arguments_digest {
        all.push(KeyValue::new("mcp_runtime.arguments.digest", digest.to_string()));
    }
    if arguments && !record.arguments.is_none() {
        all.push(KeyValue::new("gen_ai.tool.call.arguments", record.arguments.as_str().to_owned()));
    }
    all
}
