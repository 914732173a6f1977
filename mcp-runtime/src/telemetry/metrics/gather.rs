//! What is not counted but looked at when somebody asks.

use crate::auth::{Authenticate, CacheCounts};
use crate::gate::Gate;
use crate::telemetry::SinkCount;

/// The server at this moment.
pub(crate) struct Moment {
    pub(super) server: &'static str,
    pub(super) version: &'static str,
    pub(super) in_flight: usize,
    /// Calls of tools that have a bound on them.
    pub(super) running: Vec<Running>,
    /// How often each tool was found blocking a thread.
    pub(super) blocked: Vec<(&'static str, u64)>,
    pub(super) busy_threads: usize,
    pub(super) threads: usize,
    pub(super) counted_callers: usize,
    pub(super) callers_capacity: usize,
    pub(super) sinks: Vec<SinkCount>,
    pub(super) cache: Option<CacheCounts>,
}

/// The calls of one tool that run, and how many may.
pub(crate) struct Running {
    pub(crate) tool: &'static str,
    pub(crate) now: u32,
    pub(crate) limit: u32,
}

/// Looks at a server.
pub(crate) fn gather(gate: &Gate, authenticate: &dyn Authenticate) -> Moment {
    let spec = gate.tools().spec();
    let (busy_threads, threads) = gate.threads();
    let (counted_callers, callers_capacity) = gate.counted_callers();
    Moment {
        server: spec.name,
        version: spec.version,
        in_flight: gate.sinks().in_flight(),
        running: gate.running(),
        blocked: gate.blocked(),
        busy_threads,
        threads,
        counted_callers,
        callers_capacity,
        sinks: gate.sinks().counts(),
        cache: authenticate.cache_counts(),
    }
}
