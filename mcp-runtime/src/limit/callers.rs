//! Who is counted, and when their next calls would arrive: bounded, and looked up with as few steps through memory as can
//! be. With a million of them no table fits into a cache, and each step costs more than everything else a limit does.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Limited;
use super::arrivals::Arrivals;
use super::mark::Mark;
use super::table::Table;

/// The least and the most shards, and how many callers of the capacity fall to one in between. A shard grows under its
/// lock, which keeps a call waiting as long as it takes to move so many.
const SHARDS: [usize; 2] = [32, 256];
const CALLERS_PER_SHARD: usize = 4096;

/// The least time between two sweeps of a shard that is full, in nanoseconds.
const SWEEP_PAUSE: u64 = 100_000_000;

/// Callers of one kind, spread over locks.
pub(super) struct Callers {
    shards: Box<[Line]>,
}

/// A line of the cache of its own, so that calls of different callers do not take turns with it.
#[repr(align(64))]
struct Line(Mutex<Shard>);

const _: () = assert!(size_of::<Line>() == 64, "one line of the cache");

pub(super) struct Shard {
    table: Table,
    /// Entries it holds at the most.
    capacity: usize,
    /// When idle ones were last swept out.
    swept: u64,
}

impl Callers {
    pub(super) fn new(capacity: usize) -> Self {
        let shards = (capacity / CALLERS_PER_SHARD).clamp(SHARDS[0], SHARDS[1]);
        let capacity = capacity.div_ceil(shards).max(1);
        Self { shards: (0..shards).map(|_| Line(Mutex::new(Shard::new(capacity)))).collect() }
    }

    #[cfg(feature = "prometheus")]
    pub(super) fn capacity(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.0).capacity).sum()
    }

    /// The shard where a mark stands.
    pub(super) fn lock(&self, mark: Mark) -> MutexGuard<'_, Shard> {
        lock(&self.shards[mark.shard(self.shards.len())].0)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.0).table.len()).sum()
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Shard {
    fn new(capacity: usize) -> Self {
        Self { table: Table::default(), capacity, swept: 0 }
    }

    /// The arrivals of a caller, made if there is room for one more. Only entries without effect are forgotten.
    pub(super) fn entry(&mut self, mark: Mark, now: u64) -> Result<&mut Arrivals, Limited> {
        let at = match self.table.find(mark) {
            Some(at) => Some(at),
            None => {
                self.make_room(now)?;
                self.table.insert(mark)
            }
        };
        at.and_then(|at| self.table.get_mut(at)).ok_or(Limited::Full)
    }

    /// The arrivals of a caller that is counted.
    #[cfg(feature = "http")]
    pub(super) fn known(&self, mark: Mark) -> Option<&Arrivals> {
        self.table.get(self.table.find(mark)?)
    }

    fn make_room(&mut self, now: u64) -> Result<(), Limited> {
        let is_full = self.table.len() >= self.capacity;
        if !is_full && self.table.has_room() {
            return Ok(());
        }
        // A shard that stays full is not swept at every call.
        if is_full && now.saturating_sub(self.swept) < SWEEP_PAUSE {
            return Err(Limited::Full);
        }
        self.swept = now;
        if is_full && !self.table.has_idle(now) {
            return Err(Limited::Full);
        }
        self.table.rebuild(now, self.capacity);
        Ok(())
    }
}

/// A poisoned lock guards numbers that are each whole: a panic elsewhere does not make them wrong.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    #[test]
    fn callers_are_told_apart_and_spread() {
        let callers = Callers::new(1_000_000);
        for who in 0..20_000_u32 {
            let mark = Mark::of(&who);
            callers.lock(mark).entry(mark, 0).unwrap().settle(Bucket::Agent, 0, u64::from(who) + 1);
        }
        assert_eq!(callers.len(), 20_000);
        for who in 0..20_000_u32 {
            let mark = Mark::of(&who);
            assert_eq!(callers.lock(mark).entry(mark, 0).unwrap().of(Bucket::Agent, 0), u64::from(who) + 1);
        }
        let most = callers.shards.iter().map(|shard| lock(&shard.0).table.len()).max();
        assert!(most < Some(2 * 20_000 / callers.shards.len()), "{most:?}");
    }
    #[test]
    fn a_full_shard_is_swept_once_in_a_while() {
        let mut shard = Shard::new(2);
        let marks = [0_u32, 1, 2].map(|who| Mark::of(&who));
        let later = SWEEP_PAUSE * 10;
        for mark in &marks[..2] {
            shard.entry(*mark, later).unwrap().settle(Bucket::Agent, 0, later + 1);
        }
        assert_eq!(shard.entry(marks[2], later).err(), Some(Limited::Full));
        assert_eq!(
            shard.entry(marks[2], later + SWEEP_PAUSE - 1).err(),
            Some(Limited::Full),
            "idle, but not looked at"
        );
        assert!(shard.entry(marks[0], later + SWEEP_PAUSE - 1).is_ok(), "who is counted is not refused");
        assert!(shard.entry(marks[2], later + SWEEP_PAUSE).is_ok());
        assert_eq!(shard.table.len(), 1);
    }
}
