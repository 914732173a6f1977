//! What watches requests where they are served.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;

use super::session::SessionEnd;
use crate::auth::Refusal;
use crate::caller::Caller;
use crate::error::Correlation;
use crate::record::{CallRecord, Origin, Traced, Via};

/// Watches requests where they are served: metrics, and spans that exist while a tool runs.
///
/// Everything here runs on the threads that serve requests, so nothing here may wait: no I/O, no lock that is held for
/// long. What has to wait is a [`Sink`](super::Sink). A panic is caught and logged.
pub trait Observer: Send + Sync + 'static {
    /// A request was read, and its method and tool are known. What comes back is asked to stand around the tool, and is
    /// told of the end.
    fn begin(&self, request: &Begun<'_>) -> Option<Arc<dyn Scope>> {
        let _ = request;
        None
    }

    /// Whether [`Begun::origin`] is wanted: it costs a little, so it is kept only where somebody asks.
    fn follows_traces(&self) -> bool {
        false
    }

    /// Whether it reads the arguments of records: to redact them costs more than all else, so it is done only for those who
    /// do.
    fn reads_arguments(&self) -> bool {
        true
    }

    /// A stranger was turned away, before anything of the message was read: there is no record of it.
    fn refuse(&self, refusal: &Refusal) {
        let _ = refusal;
    }

    /// A session is over. Revision 2026-07-28 has none over HTTP.
    fn session(&self, end: &SessionEnd) {
        let _ = end;
    }

    /// A request is over, one that never began as well: a message that could not be read has a record and no beginning.
    fn end(&self, record: &CallRecord) {
        let _ = record;
    }
}

/// What an [`Observer`] has begun for one request.
pub trait Scope: Send + Sync {
    /// The gate and the tool go on, on this thread: as long as they do, the value that comes back is kept. It makes, say,
    /// a span the current one. Called again each time the request's future is polled, and on the thread of a blocking
    /// tool.
    fn enter(&self) -> Option<Box<dyn Any>> {
        None
    }

    /// The span that this is, for the record. The first that has one is taken.
    fn traced(&self) -> Option<Traced> {
        None
    }

    /// The request is over. Comes before [`Observer::end`], once.
    fn end(&self, record: &CallRecord);
}

/// A request that was read and is about to be decided.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Begun<'a> {
    /// When it arrived: a moment ago.
    pub time: Timestamp,
    /// The client's id of the request, cleaned, redacted, and cut at 64 bytes.
    pub request: &'a str,
    /// Our id.
    pub correlation: Correlation,
    /// Which way it came.
    pub via: Via,
    /// The revision of the protocol.
    pub revision: Option<&'static str>,
    /// The version of HTTP: `1.0`, `1.1` or `2`.
    pub http_version: Option<&'static str>,
    /// The JSON-RPC method; `unknown` for one that MCP does not have.
    pub method: &'static str,
    /// The tool; `None` if the request names none of this server's.
    pub tool: Option<&'static str>,
    /// Who calls.
    pub caller: &'a Caller,
    /// Where it came from.
    pub origin: &'a Origin,
}

impl<'a> Begun<'a> {
    pub(crate) fn of(record: &'a CallRecord, origin: &'a Origin) -> Self {
        Self {
            time: record.time,
            request: &record.request,
            correlation: record.correlation,
            via: record.via,
            revision: record.revision,
            http_version: record.http_version,
            method: record.method,
            tool: record.tool,
            caller: &record.caller,
            origin,
        }
    }
}

/// What all observers have begun for one request.
#[derive(Clone, Default)]
pub(crate) struct Scopes(Option<Arc<[Arc<dyn Scope>]>>);

impl Scopes {
    pub(super) fn begin(observers: &[Arc<dyn Observer>], request: &Begun<'_>) -> Self {
        let begun: Vec<_> = observers
            .iter()
            .filter_map(|observer| contained("an observer", || observer.begin(request)).flatten())
            .collect();
        Self((!begun.is_empty()).then(|| begun.into()))
    }

    fn all(&self) -> &[Arc<dyn Scope>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The span of the request.
    pub(crate) fn traced(&self) -> Option<Traced> {
        self.all().iter().find_map(|scope| contained("a scope", || scope.traced()).flatten())
    }

    /// What has to be kept as long as the request runs on this thread.
    pub(crate) fn enter(&self) -> impl Sized {
        let mut entered = Vec::new();
        for scope in self.all() {
            entered.extend(contained("a scope", || scope.enter()).flatten());
        }
        Entered(entered)
    }

    /// Runs a future, within the scopes whenever it goes on.
    pub(crate) async fn around<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            let _entered = self.enter();
            future.as_mut().poll(context)
        })
        .await
    }

    pub(super) fn end(&self, record: &CallRecord) {
        for scope in self.all() {
            contained("a scope", || scope.end(record));
        }
    }
}

/// Left in the opposite order, as nested things are.
struct Entered(Vec<Box<dyn Any>>);

impl Drop for Entered {
    fn drop(&mut self) {
        while let Some(entered) = self.0.pop() {
            contained("a scope", || drop(entered));
        }
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scopes").field(&self.all().len()).finish()
    }
}

/// Runs code of others: what watches a request may not break it.
pub(super) fn contained<R>(what: &'static str, run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => Some(done),
        Err(panic) => {
            // What a panic carries may panic when it is dropped.
            std::mem::forget(panic);
            tracing::error!(target: "mcp_runtime::telemetry", what, "it panicked");
            None
        }
    }
}
