//! Limits in memory, bounded: what has no effect any more is forgotten, and what still has is never pushed out.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Bucket, Gcra, Identity, Limit, Limited, Quota, Refusal};
use crate::caller::Agent;

const SHARDS: usize = 32;

/// The least time between two sweeps of a shard that is full, in nanoseconds.
const SWEEP_PAUSE: u64 = 100_000_000;

/// How many agents and subjects are counted at a time, unless told otherwise.
const CAPACITY: usize = 1_000_000;

/// The in-memory limiter of one process.
#[derive(Debug)]
pub struct Memory {
    start: Instant,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    /// Limits over all callers, one entry a tool, found by the tool's index.
    totals: Mutex<Arrivals>,
    /// Entries a shard holds at the most.
    shard_capacity: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Who, Arrivals>,
    /// At this many entries the idle ones are swept out.
    sweep_at: usize,
    /// When they were swept last.
    swept: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Agent(Agent),
    Subject(Box<str>),
}

/// Arrival times by window, sorted by slot; a slot that is not there has its whole burst.
#[derive(Debug, Default)]
struct Arrivals(Vec<(u32, u64)>);

impl Arrivals {
    fn get(&self, slot: u32) -> u64 {
        self.0.binary_search_by_key(&slot, |(slot, _)| *slot).map_or(0, |index| self.0[index].1)
    }

    fn set(&mut self, slot: u32, arrival: u64) {
        match self.0.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(index) => self.0[index].1 = arrival,
            Err(index) => self.0.insert(index, (slot, arrival)),
        }
    }

    /// Whether every window has its whole burst again, so that forgetting changes nothing.
    fn is_idle(&self, now: u64) -> bool {
        self.0.iter().all(|(_, arrival)| *arrival <= now)
    }
}

/// Where the arrival time of a window stands: tools above the agent's own windows.
fn slot(bucket: Bucket, window: usize) -> u32 {
    // A bucket has a handful of windows.
    let window = u32::try_from(window).unwrap_or(u32::MAX) & 0xFF;
    match bucket {
        Bucket::Agent | Bucket::Subject => window,
        Bucket::AgentTool(tool) | Bucket::Tool(tool) => ((u32::from(tool) + 1) << 8) | window,
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Memory {
    /// A limiter that counts so many agents and subjects at a time.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            start: Instant::now(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            totals: Mutex::default(),
            shard_capacity: capacity.div_ceil(SHARDS).max(1),
        }
    }

    /// Checks every limit, and charges `cost` to all of them or to none.
    ///
    /// # Errors
    /// The limit that has to wait longest, or one whose burst is below the cost.
    pub fn charge(&self, who: Identity<'_>, limits: &[&Limit], cost: u64) -> Result<Option<Quota>, Limited> {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut held = self.hold(who, limits);
        held.make_room(now, self.shard_capacity)?;
        let mut admitted = Vec::with_capacity(limits.len() + 2);
        let mut longest: Option<(u64, &Limit, &Gcra)> = None;
        for limit in limits {
            for (index, window) in limit.windows.iter().enumerate() {
                let slot = slot(limit.bucket, index);
                match window.admit(held.arrival(limit.bucket, slot), now, cost) {
                    Ok(next) => admitted.push((*limit, window, slot, next)),
                    Err(Refusal::Never) => return Err(Limited::Never { bucket: limit.bucket, window: window.window }),
                    Err(Refusal::Wait(nanos)) if longest.is_none_or(|(most, ..)| nanos > most) => {
                        longest = Some((nanos, limit, window));
                    }
                    Err(Refusal::Wait(_)) => {}
                }
            }
        }
        if let Some((nanos, limit, window)) = longest {
            let retry_after = Duration::from_nanos(nanos);
            return Err(Limited::Wait { bucket: limit.bucket, window: window.window, retry_after });
        }
        let mut tightest = None;
        for (limit, window, slot, next) in admitted {
            held.set(limit.bucket, slot, next);
            let (remaining, reset) = window.left(next, now);
            // What all callers together have left is nobody's business.
            let own = !matches!(limit.bucket, Bucket::Tool(_));
            if own && tightest.is_none_or(|quota: Quota| remaining < quota.remaining) {
                let reset = Duration::from_nanos(reset);
                tightest = Some(Quota { bucket: limit.bucket, window: window.window, remaining, reset });
            }
        }
        Ok(tightest)
    }

    /// How many agents and subjects are counted now.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    /// Whether nobody is counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Locks what a call needs: always in the order of the shards, the totals last.
    fn hold(&self, who: Identity<'_>, limits: &[&Limit]) -> Held<'_> {
        let has = |wanted: fn(Bucket) -> bool| limits.iter().any(|limit| wanted(limit.bucket));
        let agent = has(|bucket| matches!(bucket, Bucket::Agent | Bucket::AgentTool(_)))
            .then(|| Who::Agent(who.agent.clone()))
            .map(|who| (self.shard_of(&who), who));
        let subject = who
            .subject
            .filter(|_| has(|bucket| bucket == Bucket::Subject))
            .map(|subject| Who::Subject(subject.into()))
            .map(|who| (self.shard_of(&who), who));
        let mut indices: Vec<usize> = agent.iter().chain(&subject).map(|(index, _)| *index).collect();
        indices.sort_unstable();
        indices.dedup();
        let shards = indices.into_iter().map(|index| (index, lock(&self.shards[index]))).collect();
        let totals = has(|bucket| matches!(bucket, Bucket::Tool(_))).then(|| lock(&self.totals));
        Held { agent, subject, shards, totals }
    }

    fn shard_of(&self, who: &Who) -> usize {
        usize::try_from(self.hasher.hash_one(who) % SHARDS as u64).unwrap_or(0)
    }
}

/// A poisoned lock guards numbers that are each whole: a panic elsewhere does not make them wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The locked parts of the limiter that one call needs.
struct Held<'a> {
    agent: Option<(usize, Who)>,
    subject: Option<(usize, Who)>,
    shards: Vec<(usize, MutexGuard<'a, Shard>)>,
    totals: Option<MutexGuard<'a, Arrivals>>,
}

impl Held<'_> {
    /// Makes sure that a new caller can be counted. Only entries without effect are forgotten.
    fn make_room(&mut self, now: u64, capacity: usize) -> Result<(), Limited> {
        for (index, who) in self.agent.iter().chain(&self.subject) {
            let Some((_, shard)) = self.shards.iter_mut().find(|(held, _)| held == index) else { continue };
            if shard.entries.contains_key(who) {
                continue;
            }
            let is_due = shard.entries.len() >= shard.sweep_at.clamp(64, capacity.max(64)).min(capacity);
            // A shard that stays full is not swept at every call.
            if is_due && (shard.entries.len() < capacity || now.saturating_sub(shard.swept) >= SWEEP_PAUSE) {
                shard.swept = now;
                shard.entries.retain(|_, arrivals| !arrivals.is_idle(now));
                shard.sweep_at = (shard.entries.len() * 2).max(64);
            }
            if shard.entries.len() >= capacity {
                return Err(Limited::Full);
            }
        }
        Ok(())
    }

    fn arrival(&self, bucket: Bucket, slot: u32) -> u64 {
        let who = match bucket {
            Bucket::Tool(_) => return self.totals.as_ref().map_or(0, |totals| totals.get(slot)),
            Bucket::Subject => &self.subject,
            Bucket::Agent | Bucket::AgentTool(_) => &self.agent,
        };
        let Some((index, who)) = who else { return 0 };
        let shard = self.shards.iter().find(|(held, _)| held == index);
        shard.and_then(|(_, shard)| shard.entries.get(who)).map_or(0, |arrivals| arrivals.get(slot))
    }

    fn set(&mut self, bucket: Bucket, slot: u32, arrival: u64) {
        let who = match bucket {
            Bucket::Tool(_) => {
                if let Some(totals) = &mut self.totals {
                    totals.set(slot, arrival);
                }
                return;
            }
            Bucket::Subject => &self.subject,
            Bucket::Agent | Bucket::AgentTool(_) => &self.agent,
        };
        let Some((index, who)) = who else { return };
        if let Some((_, shard)) = self.shards.iter_mut().find(|(held, _)| held == index) {
            if let Some(arrivals) = shard.entries.get_mut(who) {
                arrivals.set(slot, arrival);
            } else {
                shard.entries.insert(who.clone(), Arrivals(vec![(slot, arrival)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Window;

    fn limit(bucket: Bucket, count: u32, seconds: u32) -> Limit {
        Limit::new(bucket, &[Window::new(count, seconds, count)]).unwrap()
    }

    fn agent(name: &str) -> Agent {
        Agent::key(name).unwrap()
    }

    fn of(agent: &Agent) -> Identity<'_> {
        Identity { agent, subject: None }
    }

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_call_waits_and_then_works() {
        let memory = Memory::default();
        let limit = limit(Bucket::AgentTool(0), 10, 60);
        let (a, b) = (agent("a"), agent("b"));
        for left in (0..10).rev() {
            assert_eq!(memory.charge(of(&a), &[&limit], 1).unwrap().unwrap().remaining, left);
        }
        let Err(Limited::Wait { retry_after, .. }) = memory.charge(of(&a), &[&limit], 1) else { panic!("admitted") };
        assert_eq!(retry_after, Duration::from_secs(6));
        assert!(memory.charge(of(&b), &[&limit], 1).is_ok(), "another agent has a burst of its own");
        tokio::time::advance(Duration::from_nanos(5_999_999_999)).await;
        assert!(memory.charge(of(&a), &[&limit], 1).is_err());
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(memory.charge(of(&a), &[&limit], 1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_charges_nothing() {
        let memory = Memory::default();
        let wide = limit(Bucket::Agent, 100, 60);
        let narrow = limit(Bucket::AgentTool(3), 1, 60);
        let a = agent("a");
        memory.charge(of(&a), &[&wide, &narrow], 1).unwrap();
        for _ in 0..50 {
            assert!(memory.charge(of(&a), &[&wide, &narrow], 1).is_err());
        }
        assert_eq!(memory.charge(of(&a), &[&wide], 1).unwrap().unwrap().remaining, 98);
    }

    #[tokio::test(start_paused = true)]
    async fn totals_count_everybody_and_tell_nobody() {
        let memory = Memory::default();
        let total = limit(Bucket::Tool(1), 2, 60);
        let own = limit(Bucket::AgentTool(1), 50, 60);
        assert_eq!(memory.charge(of(&agent("a")), &[&own, &total], 1).unwrap().unwrap().remaining, 49);
        assert_eq!(memory.charge(of(&agent("b")), &[&total], 1).unwrap(), None);
        assert!(memory.charge(of(&agent("c")), &[&own, &total], 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_subject_is_counted_over_its_agents() {
        let memory = Memory::default();
        let subject = limit(Bucket::Subject, 3, 60);
        for name in ["a", "b", "c"] {
            memory.charge(Identity { agent: &agent(name), subject: Some("carol") }, &[&subject], 1).unwrap();
        }
        assert!(memory.charge(Identity { agent: &agent("d"), subject: Some("carol") }, &[&subject], 1).is_err());
        assert!(memory.charge(Identity { agent: &agent("d"), subject: Some("dave") }, &[&subject], 1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn costs_weigh_and_those_above_the_burst_never_pass() {
        let memory = Memory::default();
        let limit = limit(Bucket::AgentTool(0), 10, 60);
        let a = agent("a");
        assert_eq!(memory.charge(of(&a), &[&limit], 7).unwrap().unwrap().remaining, 3);
        assert!(matches!(memory.charge(of(&a), &[&limit], 4), Err(Limited::Wait { .. })));
        assert!(memory.charge(of(&a), &[&limit], 3).is_ok());
        assert!(matches!(memory.charge(of(&a), &[&limit], 11), Err(Limited::Never { .. })));
        assert!(matches!(memory.charge(of(&a), &[&limit], u64::MAX), Err(Limited::Never { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_offenders_stay() {
        let memory = Memory::with_capacity(SHARDS * 100);
        let limit = limit(Bucket::AgentTool(0), 1, 60);
        let offender = agent("offender");
        memory.charge(of(&offender), &[&limit], 1).unwrap();
        let mut full = 0;
        for i in 0..20_000 {
            full += usize::from(memory.charge(of(&agent(&format!("a{i}"))), &[&limit], 1) == Err(Limited::Full));
        }
        assert!(memory.len() <= SHARDS * 100 && full > 10_000, "{} counted, {full} refused", memory.len());
        assert!(memory.charge(of(&offender), &[&limit], 1).is_err(), "nobody was pushed out");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(memory.charge(of(&agent("late")), &[&limit], 1).is_ok(), "idle entries make room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_parallel_burst_passes_exactly_its_size() {
        let memory = std::sync::Arc::new(Memory::default());
        let limit = std::sync::Arc::new(limit(Bucket::AgentTool(0), 10, 86_400));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (memory, limit) = (memory.clone(), limit.clone());
                std::thread::spawn(move || {
                    (0..25).filter(|_| memory.charge(of(&agent("a")), &[&limit], 1).is_ok()).count()
                })
            })
            .collect();
        let passed: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(passed, 10);
    }
}
