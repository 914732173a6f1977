//! How long sessions were open.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::series::bucket;
use crate::telemetry::SessionEnd;
use crate::telemetry::convention::{self, BUCKETS};

/// By what a session was and ended by; all of it are names of the program's own, so
/// that there are few.
type Labels = [(&'static str, Option<&'static str>); 5];

/// The sessions that are over, by label.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<Labels, Durations>>);

/// How long they were open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Durations {
    /// By bucket, not yet added up.
    pub(super) buckets: [u64; BUCKETS.len() + 1],
    pub(super) us: u64,
}

impl Sessions {
    pub(super) fn count(&self, end: &SessionEnd) {
        let us = u64::try_from(end.duration.as_micros()).unwrap_or(u64::MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = all.entry(labels(end)).or_default();
        durations.buckets[bucket(us)] += 1;
        durations.us = durations.us.saturating_add(us);
    }

    pub(super) fn all(&self) -> BTreeMap<Labels, Durations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The attributes that `mcp.server.session.duration` has, as labels.
fn labels(end: &SessionEnd) -> Labels {
    [
        ("mcp_protocol_version", end.revision),
        ("network_transport", convention::transport(end.via)),
        ("network_protocol_name", convention::protocol(end.via)),
        ("network_protocol_version", end.http_version),
        ("error_type", end.error),
    ]
}
