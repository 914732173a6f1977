//! Counters by what a request was and came to, and by who called.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use super::{add, get};
use crate::caller::Agent;
use crate::record::{CallRecord, Decided, Via};
use crate::telemetry::convention::BUCKETS;

/// How many series there are at the most. Everything in a [`Key`] is a name of the program's own, so that they are few by
/// themselves; a program with very many tools and codes counts the rest together.
const MAX_SERIES: usize = 10_000;

/// What is counted where there is no series for it any more.
pub(super) const OVERFLOW: &str = "overflow";

/// What a request was and came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) method: &'static str,
    pub(super) tool: Option<&'static str>,
    pub(super) decision: Decided,
    pub(super) outcome: &'static str,
    pub(super) rpc_code: Option<i32>,
    pub(super) via: Via,
    pub(super) revision: Option<&'static str>,
    pub(super) http_version: Option<&'static str>,
}

/// Where a text stands. Two texts may be equal and stand in two places: then there are two series, which the page adds up.
type Place = (usize, usize);

/// A key as places: compared and hashed without looking at the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id {
    method: Place,
    tool: Place,
    outcome: Place,
    revision: Place,
    http_version: Place,
    rpc_code: Option<i32>,
    decision: Decided,
    via: Via,
}

fn place(text: &'static str) -> Place {
    (text.as_ptr() as usize, text.len())
}

impl Key {
    fn of(record: &CallRecord) -> Self {
        let CallRecord { method, tool, decision, outcome, rpc_code, via, revision, http_version, .. } = *record;
        Self { method, tool, decision, outcome, rpc_code, via, revision, http_version }
    }

    fn id(&self) -> Id {
        Id {
            method: place(self.method),
            tool: self.tool.map_or((0, 0), place),
            outcome: place(self.outcome),
            revision: self.revision.map_or((0, 0), place),
            http_version: self.http_version.map_or((0, 0), place),
            rpc_code: self.rpc_code,
            decision: self.decision,
            via: self.via,
        }
    }

    /// Of the requests that have no series of their own.
    fn overflow() -> Self {
        Self {
            method: OVERFLOW,
            tool: Some(OVERFLOW),
            decision: Decided::Undecided,
            outcome: OVERFLOW,
            rpc_code: None,
            via: Via::Process,
            revision: None,
            http_version: None,
        }
    }
}

/// What is counted of the requests of one key.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) key: Key,
    buckets: [AtomicU64; BUCKETS.len() + 1],
    duration_us: AtomicU64,
    phases_us: [AtomicU64; 4],
    output_bytes: AtomicU64,
    /// Untrusted, removed, defused, masked.
    sanitised: [AtomicU64; 4],
    violations: AtomicU64,
}

/// The counts of a series, or of several together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// By bucket, not yet added up.
    pub(super) buckets: [u64; BUCKETS.len() + 1],
    pub(super) duration_us: u64,
    pub(super) phases_us: [u64; 4],
    pub(super) output_bytes: u64,
    pub(super) sanitised: [u64; 4],
    pub(super) violations: u64,
}

impl Series {
    fn new(key: Key) -> Self {
        Self {
            key,
            buckets: Default::default(),
            duration_us: AtomicU64::new(0),
            phases_us: Default::default(),
            output_bytes: AtomicU64::new(0),
            sanitised: Default::default(),
            violations: AtomicU64::new(0),
        }
    }

    fn count(&self, record: &CallRecord) {
        add(&self.buckets[bucket(record.duration_us)], 1);
        add(&self.duration_us, record.duration_us);
        let latency = record.latency;
        let phases = [latency.queue_us, latency.gate_us, latency.tool_us, latency.output_us];
        let sanitised = [record.untrusted, record.removed, record.defused, record.masked].map(|count| count as u64);
        let some = self.phases_us.iter().zip(phases).chain(self.sanitised.iter().zip(sanitised));
        for (counter, value) in some.chain([(&self.output_bytes, record.output_bytes)]).filter(|(_, value)| *value > 0)
        {
            add(counter, value);
        }
        if !record.violations.is_empty() {
            add(&self.violations, record.violations.iter().map(|(_, count)| u64::from(*count)).sum());
        }
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            buckets: self.buckets.each_ref().map(get),
            duration_us: get(&self.duration_us),
            phases_us: self.phases_us.each_ref().map(get),
            output_bytes: get(&self.output_bytes),
            sanitised: self.sanitised.each_ref().map(get),
            violations: get(&self.violations),
        }
    }
}

impl Totals {
    /// How many requests these are.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        let sums = |these: &mut [u64], those: &[u64]| these.iter_mut().zip(those).for_each(|(a, b)| *a += b);
        sums(&mut self.buckets, &other.buckets);
        sums(&mut self.phases_us, &other.phases_us);
        sums(&mut self.sanitised, &other.sanitised);
        self.duration_us += other.duration_us;
        self.output_bytes += other.output_bytes;
        self.violations += other.violations;
    }
}

/// The bucket of a duration: the first whose bound is not below it.
pub(super) fn bucket(duration_us: u64) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "a duration in microseconds is far below what a float tells apart")]
    let seconds = duration_us as f64 / 1e6;
    BUCKETS.partition_point(|bound| *bound < seconds)
}

/// All series.
#[derive(Debug, Default)]
pub(super) struct Table(RwLock<HashMap<Id, Arc<Series>>>);

impl Table {
    pub(super) fn count(&self, record: &CallRecord) {
        let key = Key::of(record);
        let id = key.id();
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(series) = known.get(&id) {
                return series.count(record);
            }
        }
        self.insert(key, id).count(record);
    }

    fn insert(&self, key: Key, id: Id) -> Arc<Series> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = all.len() >= MAX_SERIES && !all.contains_key(&id);
        let (key, id) = if is_full { (Key::overflow(), Key::overflow().id()) } else { (key, id) };
        Arc::clone(all.entry(id).or_insert_with(|| Arc::new(Series::new(key))))
    }

    pub(super) fn all(&self) -> Vec<Arc<Series>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// What is counted of one agent's requests.
#[derive(Debug, Default)]
pub(super) struct AgentSeries {
    /// By decision, in the order of [`DECISIONS`].
    requests: [AtomicU64; DECISIONS.len()],
    tool_us: AtomicU64,
    output_bytes: AtomicU64,
}

/// Every decision there is.
pub(super) const DECISIONS: [Decided; 5] =
    [Decided::Admitted, Decided::Rejected, Decided::Limited, Decided::Invalid, Decided::Undecided];

impl AgentSeries {
    pub(super) fn requests(&self) -> impl Iterator<Item = (Decided, u64)> {
        DECISIONS.into_iter().zip(self.requests.each_ref().map(get))
    }

    pub(super) fn tool_us(&self) -> u64 {
        get(&self.tool_us)
    }

    pub(super) fn output_bytes(&self) -> u64 {
        get(&self.output_bytes)
    }

    fn count(&self, record: &CallRecord) {
        if let Some(place) = DECISIONS.iter().position(|decision| *decision == record.decision) {
            add(&self.requests[place], 1);
        }
        add(&self.tool_us, record.latency.tool_us);
        add(&self.output_bytes, record.output_bytes);
    }
}

/// The agents that have a label, and all others together.
#[derive(Debug)]
pub(super) struct Agents {
    capacity: usize,
    one: RwLock<HashMap<Agent, Arc<AgentSeries>>>,
    others: AgentSeries,
}

impl Agents {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, one: RwLock::default(), others: AgentSeries::default() }
    }

    fn read<R>(&self, read: impl FnOnce(&HashMap<Agent, Arc<AgentSeries>>) -> R) -> R {
        read(&self.one.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn count(&self, record: &CallRecord) {
        let agent = record.agent();
        let (known, is_full) = self.read(|all| (all.get(agent).cloned(), all.len() >= self.capacity));
        match known {
            Some(series) => series.count(record),
            None if is_full => self.others.count(record),
            None => {
                let mut all = self.one.write().unwrap_or_else(PoisonError::into_inner);
                if all.len() >= self.capacity && !all.contains_key(agent) {
                    self.others.count(record);
                } else {
                    all.entry(agent.clone()).or_default().count(record);
                }
            }
        }
    }

    /// The agents with a label by name, and the others.
    pub(super) fn all(&self) -> (Vec<(String, Arc<AgentSeries>)>, &AgentSeries) {
        let mut one: Vec<_> =
            self.read(|all| all.iter().map(|(agent, series)| (agent.to_string(), Arc::clone(series))).collect());
        one.sort_by(|(a, _), (b, _)| a.cmp(b));
        (one, &self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        for (us, expected) in [(0, 0), (10_000, 0), (10_001, 1), (20_000, 1), (300_000_000, 13), (300_000_001, 14)] {
            assert_eq!(bucket(us), expected, "{us}");
        }
    }

    #[test]
    fn series_have_a_bound_and_nothing_is_lost() {
        let table = Table::default();
        for code in 0..i32::try_from(MAX_SERIES).unwrap() + 50 {
            let key = Key { rpc_code: Some(code), ..Key::overflow() };
            add(&table.insert(key, key.id()).buckets[0], 1);
        }
        let all = table.all();
        assert_eq!(all.len(), MAX_SERIES + 1, "and one for the rest");
        let rest = all.iter().find(|series| series.key.rpc_code.is_none()).unwrap();
        assert_eq!(rest.totals().count(), 50);
    }
}
