//! How often a verdict was in memory.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often verdicts on credentials were found in memory, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// In memory.
    pub hits: u64,
    /// Not in memory: the store, or whoever knows, was asked.
    pub misses: u64,
}

/// The counters of one cache.
#[derive(Debug, Default)]
pub(super) struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Tally {
    pub(super) fn count(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> CacheCounts {
        CacheCounts { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }
}
