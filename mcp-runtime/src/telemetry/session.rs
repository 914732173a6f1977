//! Sessions, from their beginning to their end.

use std::time::Duration;

#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use mark::SessionMark;

use crate::record::Via;

/// A session that is over: one of a revision before 2026-07-28 over HTTP, or a connection over standard input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionEnd {
    /// Which way its messages came.
    pub via: Via,
    /// The revision of the protocol, if client and server came to speak one.
    pub revision: Option<&'static str>,
    /// The version of HTTP that it was opened over: `1.0`, `1.1` or `2`.
    pub http_version: Option<&'static str>,
    /// How long it was open.
    pub duration: Duration,
    /// What it ended by, where that was neither the client nor the end of the server: [`IDLE`](Self::IDLE),
    /// [`EVICTED`](Self::EVICTED), or [`BROKEN`](Self::BROKEN).
    pub error: Option<&'static str>,
}

impl SessionEnd {
    /// Nothing came for as long as `[http] session_idle` says. So ends what a client leaves without a word, and what
    /// belongs to a caller whose credential was revoked.
    pub const IDLE: &'static str = "timeout";

    /// It made room for a newer one of its caller.
    pub const EVICTED: &'static str = "evicted";

    /// Its beginning, or a stream, failed.
    pub const BROKEN: &'static str = "_OTHER";
}

#[cfg(any(feature = "http", feature = "stdio"))]
mod mark {
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::time::{Duration, Instant};

    use super::SessionEnd;
    use crate::record::{Via, known_revision};
    use crate::telemetry::Sinks;

    /// Stands for an open session. Whichever way it goes, those who watch hear of the end once: when they are told, or
    /// with the drop of this.
    #[derive(Debug)]
    pub(crate) struct SessionMark {
        sinks: Arc<Sinks>,
        begun: Instant,
        /// `None` once they heard.
        end: Mutex<Option<SessionEnd>>,
    }

    impl SessionMark {
        pub(crate) fn new(sinks: &Arc<Sinks>, via: Via, http_version: Option<&'static str>) -> Self {
            let end = SessionEnd { via, revision: None, http_version, duration: Duration::ZERO, error: None };
            Self { sinks: Arc::clone(sinks), begun: Instant::now(), end: Mutex::new(Some(end)) }
        }

        /// The revision that is spoken; one that MCP does not have is none.
        pub(crate) fn speaks(&self, revision: &str) {
            if let Some(end) = &mut *self.end() {
                end.revision = known_revision(revision);
            }
        }

        /// It is over, by this if not by the client or the server's own end.
        pub(crate) fn over(&self, error: Option<&'static str>) {
            // Who watches is told without the lock.
            let end = self.end().take();
            if let Some(end) = end {
                self.sinks.session(&SessionEnd { duration: self.begun.elapsed(), error, ..end });
            }
        }

        fn end(&self) -> MutexGuard<'_, Option<SessionEnd>> {
            self.end.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Drop for SessionMark {
        fn drop(&mut self) {
            self.over(None);
        }
    }
}
