//! Who is counted, and when their next calls would arrive: bounded, and looked up with as few steps through memory as can
//! be. With a million of them no table fits into a cache, and each step costs more than everything else a limit does.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use super::{Bucket, Limited};

const SHARDS: usize = 32;

/// The least time between two sweeps of a shard that is full, in nanoseconds.
const SWEEP_PAUSE: u64 = 100_000_000;

/// Callers of one kind, spread over locks.
#[derive(Debug)]
pub(super) struct Callers {
    hashers: [RandomState; 2],
    shards: Box<[Mutex<Shard>]>,
}

/// Stands for a caller: 128 bits under keys of this process. That two callers share one is less likely than a fault of
/// the memory it stands in, and nobody outside can look for two that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u64; 2]);

impl Hash for Mark {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[1]);
    }
}

/// A mark is a hash already.
#[derive(Default)]
struct Marked(u64);

impl Hasher for Marked {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, mark: u64) {
        self.0 = mark;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Debug)]
pub(super) struct Shard {
    entries: HashMap<Mark, Arrivals, BuildHasherDefault<Marked>>,
    /// Entries it holds at the most.
    capacity: usize,
    /// At this many entries the idle ones are swept out.
    sweep_at: usize,
    /// When they were swept last.
    swept: u64,
}

/// Arrival times by window, sorted by slot; a slot that is not there has its whole burst. Most callers have two or three,
/// which stand in the table itself.
#[derive(Debug, Default)]
pub(super) struct Arrivals(SmallVec<[(u32, u64); 3]>);

impl Arrivals {
    pub(super) fn of(&self, bucket: Bucket, window: usize) -> u64 {
        let slot = slot(bucket, window);
        self.find(slot).ok().and_then(|index| self.0.get(index)).map_or(0, |(_, arrival)| *arrival)
    }

    pub(super) fn settle(&mut self, bucket: Bucket, window: usize, arrival: u64) {
        let slot = slot(bucket, window);
        match self.find(slot) {
            Ok(index) => self.0[index].1 = arrival,
            Err(index) => self.0.insert(index, (slot, arrival)),
        }
    }

    fn find(&self, slot: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&slot, |(slot, _)| *slot)
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

impl Callers {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.div_ceil(SHARDS).max(1);
        let shard = || Mutex::new(Shard { entries: HashMap::default(), capacity, sweep_at: 0, swept: 0 });
        Self { hashers: [RandomState::new(), RandomState::new()], shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    #[cfg(feature = "prometheus")]
    pub(super) fn capacity(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).capacity).sum()
    }

    /// The shard of a caller, and what the caller stands there as.
    pub(super) fn lock<Q: Hash + ?Sized>(&self, who: &Q) -> (MutexGuard<'_, Shard>, Mark) {
        let mark = Mark([self.hashers[0].hash_one(who), self.hashers[1].hash_one(who)]);
        // By bits that the tables do not place by.
        let shard = usize::try_from(mark.0[0] % SHARDS as u64).unwrap_or(0);
        (lock(&self.shards[shard]), mark)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }
}

impl Shard {
    /// The arrivals of a caller, made if there is room for one more. Only entries without effect are forgotten.
    pub(super) fn entry(&mut self, mark: Mark, now: u64) -> Result<&mut Arrivals, Limited> {
        // Looked up twice where one would do for the compiler of today; the second time it is in the cache.
        if !self.entries.contains_key(&mark) {
            self.make_room(now)?;
            self.entries.insert(mark, Arrivals::default());
        }
        self.entries.get_mut(&mark).ok_or(Limited::Full)
    }

    /// The arrivals of a caller that is counted.
    #[cfg(feature = "http")]
    pub(super) fn known(&self, mark: Mark) -> Option<&Arrivals> {
        self.entries.get(&mark)
    }

    fn make_room(&mut self, now: u64) -> Result<(), Limited> {
        let is_due = self.entries.len() >= self.sweep_at.clamp(64, self.capacity.max(64)).min(self.capacity);
        // A shard that stays full is not swept at every call.
        if is_due && (self.entries.len() < self.capacity || now.saturating_sub(self.swept) >= SWEEP_PAUSE) {
            self.swept = now;
            self.entries.retain(|_, arrivals| !arrivals.is_idle(now));
            self.sweep_at = (self.entries.len() * 2).max(64);
        }
        if self.entries.len() >= self.capacity { Err(Limited::Full) } else { Ok(()) }
    }
}

/// A poisoned lock guards numbers that are each whole: a panic elsewhere does not make them wrong.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_apart_and_spread() {
        let callers = Callers::new(1_000_000);
        for who in 0..20_000_u32 {
            let (mut shard, mark) = callers.lock(&who);
            shard.entry(mark, 0).unwrap().settle(Bucket::Agent, 0, u64::from(who) + 1);
        }
        assert_eq!(callers.len(), 20_000);
        for who in 0..20_000_u32 {
            let (mut shard, mark) = callers.lock(&who);
            assert_eq!(shard.entry(mark, 0).unwrap().of(Bucket::Agent, 0), u64::from(who) + 1);
        }
        let most = callers.shards.iter().map(|shard| lock(shard).entries.len()).max();
        assert!(most < Some(2 * 20_000 / SHARDS), "{most:?}");
    }

    #[test]
    fn windows_of_many_tools_stand_side_by_side() {
        let mut arrivals = Arrivals::default();
        let buckets = [Bucket::AgentTool(9), Bucket::Agent, Bucket::AgentTool(0), Bucket::AgentTool(65_535)];
        for (index, bucket) in buckets.into_iter().enumerate() {
            for window in 0..2 {
                arrivals.settle(bucket, window, (10 * index + window) as u64 + 1);
            }
        }
        for (index, bucket) in buckets.into_iter().enumerate() {
            for window in 0..2 {
                assert_eq!(arrivals.of(bucket, window), (10 * index + window) as u64 + 1);
            }
        }
        assert_eq!(arrivals.of(Bucket::AgentTool(1), 0), 0);
        assert!(arrivals.is_idle(100) && !arrivals.is_idle(30));
    }
}
