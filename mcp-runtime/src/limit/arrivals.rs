//! When the next calls of one caller would arrive.

use std::num::NonZeroU32;

use smallvec::SmallVec;

use super::Bucket;

/// Windows that stand beside the mark.
const NEAR: usize = 3;

/// Arrival times by window; a window that is not there has its whole burst. Most callers have two or three, which stand
/// with the mark in one line of the cache.
#[derive(Debug)]
pub(super) struct Arrivals {
    slots: [Slot; NEAR],
    times: [u64; NEAR],
    /// Those of callers who use many tools.
    more: Option<Box<More>>,
}

/// Sorted by slot.
type More = SmallVec<[(Slot, u64); 5]>;

/// Which window. Never 0, so that a place in a table tells that it is empty without a bit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot(NonZeroU32);

impl Slot {
    const FREE: Self = Self(NonZeroU32::MAX);

    /// Tools stand above the agent's own windows.
    fn new(bucket: Bucket, window: usize) -> Self {
        // A bucket has a handful of windows.
        let window = u32::try_from(window).unwrap_or(u32::MAX) & 0xFF;
        let tool = match bucket {
            Bucket::Agent | Bucket::Subject => 0,
            Bucket::AgentTool(tool) | Bucket::Tool(tool) => u32::from(tool) + 1,
        };
        Self(NonZeroU32::MIN.saturating_add((tool << 8) | window))
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { slots: [Slot::FREE; NEAR], times: [0; NEAR], more: None }
    }
}

impl Arrivals {
    pub(super) fn of(&self, bucket: Bucket, window: usize) -> u64 {
        let slot = Slot::new(bucket, window);
        for (near, time) in self.slots.iter().zip(&self.times) {
            if *near == slot {
                return *time;
            }
        }
        let far = self.more.as_ref().and_then(|more| Some(more[find(more, slot).ok()?].1));
        far.unwrap_or(0)
    }

    pub(super) fn settle(&mut self, bucket: Bucket, window: usize, arrival: u64) {
        let slot = Slot::new(bucket, window);
        for (near, time) in self.slots.iter_mut().zip(&mut self.times) {
            // What is free comes last.
            if *near == slot || *near == Slot::FREE {
                (*near, *time) = (slot, arrival);
                return;
            }
        }
        let more = self.more.get_or_insert_default();
        match find(more, slot) {
            Ok(index) => more[index].1 = arrival,
            Err(index) => more.insert(index, (slot, arrival)),
        }
    }

    /// Whether every window has its whole burst again, so that forgetting changes nothing.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        let far = || self.more.iter().flat_map(|more| more.iter()).map(|(_, time)| time);
        self.times.iter().all(|time| *time <= now) && far().all(|time| *time <= now)
    }
}

fn find(more: &More, slot: Slot) -> Result<usize, usize> {
    more.binary_search_by_key(&slot, |(slot, _)| *slot)
}

#[cfg(test)]
mod tests {
    use super::*;

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
