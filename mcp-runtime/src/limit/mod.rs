//! Limits: so many calls in so much time, for one agent, one subject, one tool.
//!
//! The algorithm is GCRA, the generic cell rate algorithm of ATM Forum TM 4.0: for every window one number is kept, the
//! theoretical arrival time of the next call. A call is admitted if that time is no further ahead than the burst allows;
//! then the call moves it on by its cost. So a limit of `10/min` admits ten calls at once and then one each six seconds.
//! All limits of a call are checked before any of them is charged.

mod arrivals;
mod callers;
#[cfg(feature = "http")]
mod each;
mod mark;
mod memory;
mod rate;
mod table;

use std::time::Duration;

use crate::caller::Agent;
use crate::spec::Window;

#[cfg(feature = "http")]
pub(crate) use each::Each;
#[cfg(feature = "http")]
pub(crate) use mark::ByMark;
pub(crate) use mark::Mark;
pub use memory::Memory;
pub use rate::{InvalidRate, parse as parse_rate, text as rate_text};

/// Whose calls a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// One agent's, over all tools.
    Agent,
    /// One subject's, over all agents that act for it.
    Subject,
    /// One agent's calls of the tool with this index.
    AgentTool(u16),
    /// Everybody's calls of the tool with this index.
    Tool(u16),
}

/// The windows of one bucket.
#[derive(Clone, Debug)]
pub struct Limit {
    bucket: Bucket,
    windows: Box<[Gcra]>,
}

impl Limit {
    /// A limit; `None` if there are no windows, which limits nothing.
    pub fn new(bucket: Bucket, windows: &[Window]) -> Option<Self> {
        (!windows.is_empty()).then(|| Self { bucket, windows: windows.iter().map(Gcra::new).collect() })
    }

    /// The window whose burst is below this cost, if there is one.
    pub(crate) fn never_admits(&self, cost: u64) -> Option<Window> {
        let beyond = |window: &&Gcra| window.admit(0, 0, cost) == Err(Refusal::Never);
        self.windows.iter().find(beyond).map(|window| window.window)
    }
}

/// A window in nanoseconds.
#[derive(Clone, Debug)]
struct Gcra {
    window: Window,
    /// The time between two calls at the rate; rounded up, so that rounding never admits more.
    interval: u64,
    /// How far ahead the arrival time may be: `burst` intervals.
    tolerance: u64,
}

impl Gcra {
    fn new(window: &Window) -> Self {
        let period = u64::try_from(window.period.as_nanos()).unwrap_or(u64::MAX);
        let interval = period.div_ceil(u64::from(window.count.max(1))).max(1);
        // A burst of more than a century's worth is cut to that: the sums below stay far from their bounds.
        let tolerance = interval.saturating_mul(u64::from(window.burst.max(1))).min(u64::MAX / 4).max(interval);
        Self { window: *window, interval, tolerance }
    }

    /// The arrival time after a call of this cost at `now`, or how long to wait.
    fn admit(&self, arrival: u64, now: u64, cost: u64) -> Result<u64, Refusal> {
        let Some(weight) = self.interval.checked_mul(cost).filter(|weight| *weight <= self.tolerance) else {
            return Err(Refusal::Never);
        };
        let next = arrival.max(now).saturating_add(weight);
        match next.checked_sub(now.saturating_add(self.tolerance)) {
            None | Some(0) => Ok(next),
            Some(early) => Err(Refusal::Wait(early)),
        }
    }

    /// Whole calls that are left at `now`, and the nanoseconds until there is one more.
    fn left(&self, arrival: u64, now: u64) -> (u64, u64) {
        let ahead = arrival.saturating_sub(now);
        let room = self.tolerance.saturating_sub(ahead);
        (room / self.interval, self.interval - room % self.interval)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// In so many nanoseconds.
    Wait(u64),
    /// The cost is above the burst.
    Never,
}

/// Who calls, as far as limits care.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The agent.
    pub agent: &'a Agent,
    /// On whose behalf.
    pub subject: Option<&'a str>,
}

/// A call that was admitted: what is left of the tightest of its limits that are the caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Whose calls the limit counts.
    pub bucket: Bucket,
    /// The window.
    pub window: Window,
    /// Calls that are left.
    pub remaining: u64,
    /// Until there is one more.
    pub reset: Duration,
}

/// A call that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// A limit is reached.
    Wait {
        /// Whose calls the limit counts.
        bucket: Bucket,
        /// The window that has to wait longest.
        window: Window,
        /// How long. Waited for, the call is admitted unless others came first.
        retry_after: Duration,
    },
    /// The call costs more than a limit ever admits.
    Never {
        /// Whose calls the limit counts.
        bucket: Bucket,
        /// The window whose burst is below the cost.
        window: Window,
    },
    /// There is no room to count another caller.
    Full,
}

impl Limited {
    /// The limit that was reached, with nothing left; `None` if it is not the caller's own.
    pub(crate) fn quota(&self) -> Option<Quota> {
        match *self {
            Self::Wait { bucket: Bucket::Tool(_), .. } | Self::Never { .. } | Self::Full => None,
            Self::Wait { bucket, window, retry_after } => {
                Some(Quota { bucket, window, remaining: 0, reset: retry_after })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_burst_still_limits() {
        let wide = Gcra::new(&Window::new(1, 86_400, u32::MAX));
        let mut arrival = 0;
        let mut admitted: u64 = 0;
        while let Ok(next) = wide.admit(arrival, 0, 1000) {
            arrival = next;
            admitted += 1000;
        }
        assert!(admitted < 100_000, "{admitted} calls at once");
    }
}
