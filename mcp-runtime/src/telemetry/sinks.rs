//! All that get records.

use std::fmt;
#[cfg(any(feature = "http", feature = "stdio"))]
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tracing::Span;

use super::audit::Audit;
use super::log;
#[cfg(feature = "otel")]
use super::otel::Otel;
use super::queue::{Counts, Queued};
use super::redact::Redactor;
#[cfg(any(feature = "http", feature = "stdio"))]
use super::session::SessionEnd;
use super::sink::Sink;
#[cfg(any(feature = "http", feature = "stdio"))]
use super::strangers::Strangers;
use super::watch::{Begun, Observer, Scopes, contained};
#[cfg(any(feature = "http", feature = "stdio"))]
use crate::auth::Refusal;
use crate::config::Config;
use crate::gate::StartError;
use crate::json::Document;
use crate::record::CallRecord;
use crate::spec::{ArgumentSpec, ServerSpec};

/// How many records wait for a sink at the most.
pub(super) const QUEUE: usize = 8192;

/// Observers and sinks of a server's own, beside those of the configuration, and the key of its digests.
///
/// A server that is started with `run` hands it on beside itself: its constructor gives a pair of both. A program of its own
/// gives it to [`Protected`](crate::Protected):
///
/// ```no_run
/// # use mcp_runtime::{config::Config, Protected, spec::Server, telemetry::{Sink, Telemetry}};
/// # fn protect(server: impl Server, sink: impl Sink) -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = Telemetry::new().sink(sink);
/// let protected = Protected::with_telemetry(server, Config::default(), telemetry)?;
/// # let _ = protected; Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use]
pub struct Telemetry {
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) sinks: Vec<Box<dyn Sink>>,
    pub(crate) digest_key: Option<[u8; 32]>,
    #[cfg(feature = "otel")]
    pub(crate) otel: Option<Otel>,
}

impl Telemetry {
    /// None of one's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more that watches requests where they are served.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// One more that gets records, on a thread of its own behind a queue of 8192.
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// OpenTelemetry that the program has started by itself, for the layer that it has. Without, `[otel]` starts it.
    #[cfg(feature = "otel")]
    pub fn otel(mut self, otel: Otel) -> Self {
        self.otel = Some(otel);
        self
    }

    /// The key of the digests in records, and of the seals of the audit file. Without it, digests compare as long as the
    /// process runs, and nobody can check the seals later.
    pub fn digest_key(mut self, key: [u8; 32]) -> Self {
        self.digest_key = Some(key);
        self
    }

    /// That key, or one of this process alone; `None` if the system gives no random numbers.
    pub(crate) fn key(&self) -> Option<[u8; 32]> {
        self.digest_key.or_else(|| {
            let mut key = [0; 32];
            getrandom::fill(&mut key).ok().map(|()| key)
        })
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("observers", &self.observers.len())
            .field("sinks", &self.sinks.len())
            .finish_non_exhaustive()
    }
}

/// What became of the records of one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkCount {
    /// The sink's name; the audit file's is `audit`.
    pub name: &'static str,
    /// Records that it wrote: what it took and still holds back is not among them.
    pub written: u64,
    /// Records that it did not get or write: the queue was full, or it failed.
    pub lost: u64,
    /// How often it could not let go of what it held. While that happens, records wait in memory.
    pub failed_flushes: u64,
}

/// Everything that gets a record.
pub(crate) struct Sinks {
    pub(crate) redactor: Redactor,
    observers: Vec<Arc<dyn Observer>>,
    /// Whether one of them follows traces.
    traced: bool,
    /// Whether one of them reads arguments.
    reads_arguments: bool,
    queued: Vec<Queued>,
    #[cfg(any(feature = "http", feature = "stdio"))]
    strangers: Strangers,
    /// Requests of identified callers that are not over yet.
    in_flight: AtomicUsize,
    /// What `/metrics` shows, if it is served.
    #[cfg(feature = "prometheus")]
    pub(crate) metrics: Option<Arc<super::metrics::Metrics>>,
    /// What sends to a collector. Last: what the sinks before it still write may be counted.
    #[cfg(feature = "otel")]
    otel: Option<Otel>,
}

impl Sinks {
    pub(crate) fn new(redactor: Redactor, observers: Vec<Arc<dyn Observer>>) -> Self {
        Self {
            redactor,
            traced: observers.iter().any(|observer| observer.follows_traces()),
            reads_arguments: observers.iter().any(|observer| observer.reads_arguments()),
            observers,
            queued: Vec::new(),
            #[cfg(any(feature = "http", feature = "stdio"))]
            strangers: Strangers::default(),
            in_flight: AtomicUsize::new(0),
            #[cfg(feature = "prometheus")]
            metrics: None,
            #[cfg(feature = "otel")]
            otel: None,
        }
    }

    /// The sinks of the configuration, and those of the program.
    ///
    /// # Errors
    /// An audit file that cannot be written, a sink that gets no thread, no random numbers for a key.
    pub(crate) fn start(
        config: &Config,
        #[cfg_attr(
            not(feature = "otel"),
            expect(unused_variables, reason = "the name of the service in OpenTelemetry")
        )]
        spec: &ServerSpec,
        telemetry: Telemetry,
        key: &[u8; 32],
    ) -> Result<Self, StartError> {
        #[cfg(feature = "otel")]
        let otel = match telemetry.otel {
            Some(otel) => Some(otel),
            None => Otel::start(config, spec.name, spec.version)?,
        };
        let Telemetry { observers, sinks, .. } = telemetry;
        #[cfg(feature = "otel")]
        let observers = observers.into_iter().chain(otel.as_ref().map(Otel::observer)).collect();
        #[cfg(feature = "prometheus")]
        let (observers, metrics) = super::metrics::observed(config, observers);
        let mut all = Self::new(Redactor::new(key, &config.redaction), observers);
        #[cfg(feature = "prometheus")]
        {
            all.metrics = metrics;
        }
        #[cfg(feature = "otel")]
        {
            all.otel = otel;
        }
        if let Some(path) = &config.audit.path {
            let audit = Audit::open(path, &config.audit, key)?;
            all.add(Box::new(audit), config.audit.queue, config.audit.patience())?;
        }
        for sink in sinks {
            all.add(sink, QUEUE, None)?;
        }
        Ok(all)
    }

    /// Starts one more sink; calls wait for it as long as `patience` says.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn add(
        &mut self,
        sink: Box<dyn Sink>,
        bound: usize,
        patience: Option<Duration>,
    ) -> Result<(), StartError> {
        let name = sink.name();
        let queued = Queued::start(sink, bound, patience).map_err(|source| StartError::Sink { sink: name, source })?;
        self.queued.push(queued);
        Ok(())
    }

    /// Puts into a record what it may hold of the arguments. Where nobody gets it, that is nothing.
    pub(crate) fn arguments(&self, record: &mut CallRecord, sent: &Document<'_>, arguments: &[ArgumentSpec]) {
        if !self.queued.is_empty() || self.reads_arguments || log::is_heard() {
            let (redacted, digest) = self.redactor.record(sent, arguments);
            record.arguments = redacted;
            record.arguments_digest = Some(digest);
        }
    }

    /// Whether anybody wants to know when a request begins.
    pub(crate) fn is_watched(&self) -> bool {
        !self.observers.is_empty()
    }

    /// Whether anybody wants to know where a request comes from.
    pub(crate) fn is_traced(&self) -> bool {
        self.traced
    }

    /// A stranger was turned away.
    #[cfg(feature = "stdio")]
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.refused_from(refusal, None);
    }

    /// A stranger at an address was turned away.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn refused_from(&self, refusal: &Refusal, from: Option<IpAddr>) {
        self.strangers.count(refusal, from);
        for observer in &self.observers {
            contained("an observer", || observer.refuse(refusal));
        }
    }

    /// A session is over.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn session(&self, end: &SessionEnd) {
        for observer in &self.observers {
            contained("an observer", || observer.session(end));
        }
    }

    /// One more request is on its way.
    pub(crate) fn arrived(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// It is over.
    pub(crate) fn left(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many requests of identified callers are not over yet.
    #[cfg(feature = "prometheus")]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, request: &Begun<'_>) -> Scopes {
        Scopes::begin(&self.observers, request)
    }

    /// Hands the record to everybody. Denials are records like all others.
    pub(crate) fn record(&self, record: &Arc<CallRecord>, scopes: &Scopes, span: &Span) {
        scopes.end(record);
        for observer in &self.observers {
            contained("an observer", || observer.end(record));
        }
        log::record(record, span);
        for sink in &self.queued {
            sink.push(record);
        }
    }

    /// The cause of a failure, which nobody but the log gets.
    pub(crate) fn cause(&self, record: &CallRecord, cause: &str) {
        log::cause(record, &self.redactor.cause(cause));
    }

    /// Waits until every sink has written what came so far, within a time for all together. Whether they have.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        #[cfg(feature = "otel")]
        let end = Instant::now() + within;
        #[cfg_attr(not(feature = "otel"), expect(unused_mut, reason = "a collector may have more to say"))]
        let mut all = self.flush_files(within);
        #[cfg(feature = "otel")]
        if let Some(otel) = &self.otel {
            all &= otel.flush(end.saturating_duration_since(Instant::now()));
        }
        all
    }

    /// As [`flush`](Self::flush), without what is sent to a collector.
    pub(crate) fn flush_files(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        let mut all = true;
        for sink in &self.queued {
            all &= sink.flush(end.saturating_duration_since(Instant::now()));
        }
        all
    }

    /// Ends every sink, as the drop does, for a process that cannot wait for that.
    #[cfg(feature = "cli")]
    pub(crate) fn end(&self, within: Duration) {
        let end = Instant::now() + within;
        for sink in &self.queued {
            sink.end(end.saturating_duration_since(Instant::now()));
        }
    }

    pub(crate) fn counts(&self) -> Vec<SinkCount> {
        let count = |sink: &Queued| {
            let Counts { written, lost, failed_flushes } = sink.counts();
            SinkCount { name: sink.name(), written, lost, failed_flushes }
        };
        self.queued.iter().map(count).collect()
    }
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sinks")
            .field("observers", &self.observers.len())
            .field("queued", &self.queued)
            .finish_non_exhaustive()
    }
}
