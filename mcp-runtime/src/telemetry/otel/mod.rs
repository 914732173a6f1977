//! OpenTelemetry: traces, metrics and logs over OTLP, by the semantic conventions for MCP.
//!
//! `[otel] endpoint` turns it on; a program that makes its own `tracing` subscriber starts it by itself, so that spans of
//! tools are sent too:
//!
//! ```no_run
//! # use mcp_runtime::{config::Config, Protected, spec::Server, telemetry::{Otel, Telemetry}};
//! # fn protect(server: impl Server, config: Config) -> Result<(), Box<dyn std::error::Error>> {
//! use tracing_subscriber::layer::SubscriberExt;
//! use tracing_subscriber::util::SubscriberInitExt;
//!
//! let otel = Otel::start(&config, "revenue", env!("CARGO_PKG_VERSION"))?;
//! tracing_subscriber::registry().with(otel.as_ref().map(Otel::layer)).init();
//! let telemetry = otel.into_iter().fold(Telemetry::new(), Telemetry::otel);
//! let protected = Protected::with_telemetry(server, config, telemetry)?;
//! # let _ = protected; Ok(())
//! # }
//! ```
//!
//! # The span of a request
//!
//! Kind `SERVER`, named `tools/call {tool}`, with the attributes of the convention and these of ours:
//! `mcp_runtime.agent`, `mcp_runtime.subject`, `mcp_runtime.credential`, `mcp_runtime.correlation`,
//! `mcp_runtime.decision`, `mcp_runtime.outcome`, `mcp_runtime.error.code`, `mcp_runtime.output.bytes` and
//! `mcp_runtime.arguments.digest`. Arguments are in it only with `[otel] arguments = true`, and then redacted. Results and
//! messages of errors never are.
//!
//! It is made directly, not out of the `tracing` span of the call, which would be made and filtered besides. It is the
//! current one of its thread whenever the tool goes on, so what a tool traces with OpenTelemetry's own API nests in it,
//! and what it traces with `tracing` does by [`Otel::layer`], which `run` sets up: spans and events of the program, not
//! those of this crate, of rmcp and of the exporters. They are sent as the tool wrote them: nothing in there is redacted.
//!
//! # What callers say of their trace
//!
//! `traceparent` of a request's `_meta` is read to the letter or not at all, `tracestate` is at most 512 bytes and 32
//! members, and `baggage` is not read. Whoever can call can write it, so that it decides nothing: unless
//! `[otel] trace_context = "trusted"`, the caller's sampled flag neither keeps a trace nor hides it, and neither does the
//! trace's id. The HTTP request's own span, or its `traceparent` header, is linked.
//!
//! # A collector that is not there
//!
//! Spans and records wait in queues of a fixed size; what does not fit is dropped, and the SDK says so in the log. No call
//! waits for any of it. The end of the server waits for what is left, `[otel] flush` at the most.

mod export;
mod instruments;
mod logs;
mod observe;
mod parent;
mod sampler;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use opentelemetry::InstrumentationScope;
use opentelemetry::KeyValue;
use opentelemetry::logs::LoggerProvider;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{self as sdk_logs, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{self as sdk_trace, SdkTracerProvider};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::Observer;
use crate::config::{Config, InvalidConfig, Otel as OtelConfig, OtelSignal, TraceContext};
use export::{Background, Maker};
use instruments::Instruments;
use observe::Watch;
use sampler::Chance;

/// What is named as the source of spans, metrics and logs.
const SCOPE: &str = "mcp-runtime";

/// The variable by which OpenTelemetry names a service everywhere.
const SERVICE_VARIABLE: &str = "OTEL_SERVICE_NAME";

/// Targets whose spans and events are not the program's: ours are sent in a form of their own, rmcp's show whole requests,
/// and those of the exporters would never end.
const FOREIGN: [&str; 8] = ["mcp_runtime", "rmcp", "opentelemetry", "tonic", "hyper", "hyper_util", "h2", "tower"];

/// OpenTelemetry that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtelError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The file of headers cannot be used.
    #[error("otel.headers_file: {}: {why}", path.display())]
    Headers {
        /// The file.
        path: PathBuf,
        /// What is wrong, without anything of a value.
        why: String,
    },
    /// There is no way to the endpoint.
    #[error("otel.endpoint: {0}")]
    Exporter(String),
    /// The system gives no thread.
    #[error("no thread for the exports of OpenTelemetry: {0}")]
    Thread(#[from] std::io::Error),
}

/// Running exports. Dropped, it waits for what is not sent yet, `[otel] flush` at the most.
#[derive(Debug)]
pub struct Otel {
    watch: Arc<Watch>,
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
    background: Background,
    flush: Duration,
}

impl Otel {
    /// Starts what `[otel]` asks for; `None` without it. `service` and `version` name the program where the configuration
    /// and `OTEL_SERVICE_NAME` do not.
    ///
    /// # Errors
    /// A configuration that cannot be used, a file of headers that cannot be read, a system that gives no thread.
    pub fn start(config: &Config, service: &str, version: &str) -> Result<Option<Self>, OtelError> {
        config.check()?;
        config.otel.as_ref().map(|otel| Self::start_with(otel, service, version)).transpose()
    }

    fn start_with(config: &OtelConfig, service: &str, version: &str) -> Result<Self, OtelError> {
        let background = Background::start()?;
        let maker = Maker::new(config, &background)?;
        let resource = resource(config, service, version);
        let traces = config.sends(OtelSignal::Traces).then(|| maker.spans()).transpose()?.map(|exporter| {
            let batches = sdk_trace::BatchConfigBuilder::default()
                .with_max_queue_size(config.queue)
                .with_max_export_batch_size(config.queue.min(512))
                .with_scheduled_delay(config.delay)
                .build();
            let processor = sdk_trace::BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
            SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_sampler(Chance::new(config.sampling, config.trace_context == TraceContext::Trusted))
                .with_span_processor(processor)
                .build()
        });
        let logs = config.sends(OtelSignal::Logs).then(|| maker.logs()).transpose()?.map(|exporter| {
            let batches = sdk_logs::BatchConfigBuilder::default()
                .with_max_queue_size(config.queue)
                .with_max_export_batch_size(config.queue.min(512))
                .with_scheduled_delay(config.delay)
                .build();
            let processor = sdk_logs::BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
            SdkLoggerProvider::builder().with_resource(resource.clone()).with_log_processor(processor).build()
        });
        let metrics = config.sends(OtelSignal::Metrics).then(|| maker.metrics()).transpose()?.map(|exporter| {
            let reader = PeriodicReader::builder(exporter).with_interval(config.interval).build();
            SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build()
        });
        let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
        let watch = Watch {
            tracer: traces.as_ref().map(|traces| traces.tracer_with_scope(scope.clone())),
            instruments: metrics.as_ref().map(|metrics| Instruments::new(&metrics.meter_with_scope(scope.clone()))),
            logs: logs.as_ref().map(|logs| self::logs::Logs(logs.logger_with_scope(scope))),
            trace_context: config.trace_context,
            arguments: config.arguments,
        };
        Ok(Self { watch: Arc::new(watch), traces, metrics, logs, background, flush: config.flush })
    }

    /// A layer for a `tracing` subscriber: spans and events of the program are sent, nested in the span of the request that
    /// they belong to.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.traces.as_ref().map(|traces| traces.tracer(SCOPE));
        tracer.map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer).with_filter(filter_fn(is_of_program)))
    }

    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.watch) as _
    }

    /// Waits until everything so far is sent, within a time. Whether it is.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let (traces, metrics, logs) = (self.traces.clone(), self.metrics.clone(), self.logs.clone());
        all_within(
            within,
            vec![
                Box::new(move || traces.is_none_or(|traces| traces.force_flush().is_ok())),
                Box::new(move || metrics.is_none_or(|metrics| metrics.force_flush().is_ok())),
                Box::new(move || logs.is_none_or(|logs| logs.force_flush().is_ok())),
            ],
        )
    }
}

impl Drop for Otel {
    fn drop(&mut self) {
        let (traces, metrics, logs) = (self.traces.take(), self.metrics.take(), self.logs.take());
        let within = self.flush;
        let sent = all_within(
            within,
            vec![
                Box::new(move || traces.is_none_or(|traces| traces.shutdown_with_timeout(within).is_ok())),
                Box::new(move || metrics.is_none_or(|metrics| metrics.shutdown_with_timeout(within).is_ok())),
                Box::new(move || logs.is_none_or(|logs| logs.shutdown_with_timeout(within).is_ok())),
            ],
        );
        if !sent {
            self.background.abandon();
            tracing::warn!(target: "mcp_runtime::telemetry", "not all telemetry was sent before the end");
        }
    }
}

/// Whether a span or an event is the program's own.
fn is_of_program(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    !FOREIGN.contains(&root) && !root.starts_with("opentelemetry")
}

/// Who sends: the configuration's word before `OTEL_RESOURCE_ATTRIBUTES`.
fn resource(config: &OtelConfig, service: &str, version: &str) -> Resource {
    let is_named = std::env::var_os(SERVICE_VARIABLE).is_some_and(|name| !name.is_empty());
    let mut builder = Resource::builder().with_attribute(KeyValue::new("service.version", version.to_owned()));
    match &config.service {
        Some(name) => builder = builder.with_service_name(name.clone()),
        None if !is_named => builder = builder.with_service_name(service.to_owned()),
        None => {}
    }
    let attributes = config.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    builder.with_attributes(attributes).build()
}

/// Does several things at a time, each on a thread of its own, and waits no longer than it may: the SDK's own time-outs add
/// up, and some of them are fixed. Whether all were done.
fn all_within(within: Duration, jobs: Vec<Box<dyn FnOnce() -> bool + Send>>) -> bool {
    let end = Instant::now() + within;
    let (done, finished) = mpsc::channel();
    let count = jobs.len();
    for job in jobs {
        let done = done.clone();
        let started = std::thread::Builder::new().name("mcp-otel-flush".to_owned()).spawn(move || {
            let _ = done.send(job());
        });
        if started.is_err() {
            return false;
        }
    }
    let mut all = true;
    for _ in 0..count {
        match finished.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(ok) => all &= ok,
            Err(_) => return false,
        }
    }
    all
}
