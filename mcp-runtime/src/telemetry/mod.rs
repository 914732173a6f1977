//! Where records go.
//!
//! Every request of an identified caller leaves one [`CallRecord`], and each of these gets it:
//!
//! | | runs | loses |
//! | --- | --- | --- |
//! | an event of `tracing`, target `mcp_runtime::call`, within the call's span | where the call runs, if somebody listens | nothing |
//! | an [`Observer`]: it also hears when a request begins, and stands around the tool while that runs | where the call runs, so it must never wait | nothing |
//! | a [`Sink`] | on a thread of its own, behind a bounded queue | what does not fit, counted, denials by their code |
//! | the [`audit`] file (`[audit] path`) | as a sink, or with `when_full = "block"` waited for within a deadline | as a sink |
//!
//! Who has no good credential leaves no record, or strangers could fill a disk: they are counted, and a warning every ten
//! seconds at the most says how many there were, why they were refused, and some of their addresses.
//!
//! [`Telemetry`] adds observers and sinks to a server. Arguments are redacted before any of them sees the record, by the
//! rules of [`redact`].
//!
//! With the feature `prometheus`, `[admin]` adds an observer that counts, and a page that shows it: `AdminPage`. With
//! `otel`, `[otel]` adds one that sends spans, metrics and logs to a collector: the module `otel` has what is in them, what
//! a caller's trace context is worth, and what happens when no collector is there.
//!
//! # The span of a call
//!
//! Around the gate and the tool stands a span `tools/call` (target `mcp_runtime::call`) with `tool`, `agent` and
//! `correlation`: what the tool logs by itself nests in it. Any subscriber of `tracing` gets it; without one it costs a
//! few nanoseconds. `init` sets one up as `[log]` says, for people on a terminal and JSON for a pipe; `run` does that by itself for a server
//! that brings none.

#[cfg(feature = "prometheus")]
mod admin;
#[cfg(any(feature = "otel", feature = "prometheus"))]
mod convention;
#[cfg(feature = "log")]
pub(crate) mod lines;
mod log;
#[cfg(feature = "prometheus")]
pub(crate) mod metrics;
#[cfg(feature = "otel")]
pub mod otel;
mod queue;
pub mod redact;
mod session;
mod sink;
mod sinks;
#[cfg(any(feature = "http", feature = "otel", feature = "stdio"))]
#[cfg_attr(
    not(any(feature = "http", feature = "stdio")),
    expect(dead_code, reason = "nobody is turned away where nothing is served")
)]
mod strangers;
#[cfg(feature = "log")]
pub(crate) mod subscriber;
mod watch;

pub mod audit;

#[cfg(feature = "prometheus")]
pub use admin::AdminPage;
pub use audit::AuditError;
#[cfg(feature = "prometheus")]
pub(crate) use metrics::Running;
#[cfg(feature = "otel")]
pub use otel::Otel;
pub use session::SessionEnd;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use session::SessionMark;
pub use sink::{Dropped, Sink, SinkError};
pub(crate) use sinks::Sinks;
pub use sinks::{SinkCount, Telemetry};
#[cfg(feature = "log")]
pub use subscriber::init;
pub(crate) use watch::Scopes;
pub use watch::{Begun, Observer, Scope};

pub use crate::record::CallRecord;
