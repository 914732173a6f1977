//! One limit for each of many, whatever they are told apart by.

use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::callers::Callers;
use super::{Bucket, Gcra, Limit, Limited, Mark, Refusal};

/// Counts each by itself, and forgets whoever has its whole burst again.
#[derive(Debug)]
pub(crate) struct Each<K> {
    start: Instant,
    limit: Limit,
    counted: Callers,
    of: PhantomData<fn(&K)>,
}

impl<K: Hash> Each<K> {
    /// Counts so many at a time.
    pub(crate) fn new(limit: Limit, capacity: usize) -> Self {
        Self { start: Instant::now(), limit, counted: Callers::new(capacity), of: PhantomData }
    }

    /// How long it takes until one more is admitted; `None` if it is now. Counts nothing, and remembers nobody.
    pub(crate) fn wait(&self, who: &K) -> Option<Duration> {
        let now = self.now();
        let mark = Mark::of(who);
        let shard = self.counted.lock(mark);
        let arrivals = shard.known(mark)?;
        let windows = self.limit.windows.iter().enumerate();
        let refusals =
            windows.filter_map(|(index, window)| window.admit(arrivals.of(Bucket::Agent, index), now, 1).err());
        refusals.map(wait).max()
    }

    /// Counts one.
    ///
    /// # Errors
    /// How long to wait: this one was too many, or there is no room to count it.
    pub(crate) fn charge(&self, who: &K) -> Result<(), Duration> {
        let now = self.now();
        let mark = Mark::of(who);
        let mut shard = self.counted.lock(mark);
        let arrivals = shard.entry(mark, now).map_err(|_: Limited| PAUSE)?;
        let windows = || self.limit.windows.iter().enumerate();
        let admit = |arrivals: &Arrivals, (index, window): (usize, &Gcra)| {
            window.admit(arrivals.of(Bucket::Agent, index), now, 1)
        };
        if let Some(longest) = windows().filter_map(|one| admit(arrivals, one).err()).map(wait).max() {
            return Err(longest);
        }
        for (index, window) in windows() {
            if let Ok(next) = admit(arrivals, (index, window)) {
                arrivals.settle(Bucket::Agent, index, next);
            }
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Where a refusal names no time.
const PAUSE: Duration = Duration::from_secs(1);

fn wait(refusal: Refusal) -> Duration {
    match refusal {
        Refusal::Wait(nanos) => Duration::from_nanos(nanos),
        Refusal::Never => PAUSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Window;

    #[tokio::test(start_paused = true)]
    async fn each_has_a_burst_of_its_own_and_to_ask_costs_nothing() {
        let each = Each::new(Limit::new(Bucket::Agent, &[Window::new(3, 60, 3)]).unwrap(), 1000);
        for _ in 0..10 {
            assert_eq!(each.wait(&1), None);
        }
        assert_eq!(each.counted.len(), 0, "who only asks is not remembered");
        for _ in 0..3 {
            assert_eq!(each.charge(&1), Ok(()));
        }
        assert_eq!(each.wait(&1), Some(Duration::from_secs(20)));
        assert_eq!(each.charge(&1), Err(Duration::from_secs(20)));
        assert_eq!((each.wait(&2), each.charge(&2)), (None, Ok(())));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(each.wait(&1), None);
        assert_eq!(each.charge(&1), Ok(()));
        assert!(each.charge(&1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_counted_waits() {
        let each = Each::new(Limit::new(Bucket::Agent, &[Window::new(3, 60, 3)]).unwrap(), 32);
        let refused = (0..10_000).filter(|who| each.charge(who).is_err()).count();
        assert!(refused > 9_000 && each.counted.len() <= 64, "{refused}");
    }
}
