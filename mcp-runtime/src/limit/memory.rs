//! Limits in memory, bounded: what has no effect any more is forgotten, and what still has is never pushed out.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::callers::{Callers, lock};
use super::{Bucket, Gcra, Identity, Limit, Limited, Mark, Quota, Refusal};

/// How many agents and subjects are counted at a time, unless told otherwise.
const CAPACITY: usize = 1_000_000;

/// The in-memory limiter of one process.
#[derive(Debug)]
pub struct Memory {
    start: Instant,
    agents: Callers,
    subjects: Callers,
    /// Limits over all callers, one entry a tool, found by the tool's index.
    totals: Mutex<Arrivals>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Memory {
    /// A limiter that counts so many agents, and so many subjects, at a time.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            start: Instant::now(),
            agents: Callers::new(capacity),
            subjects: Callers::new(capacity),
            totals: Mutex::default(),
        }
    }

    /// Checks every limit, and charges `cost` to all of them or to none.
    ///
    /// # Errors
    /// The limit that has to wait longest, or one whose burst is below the cost.
    pub fn charge<'a, L>(&self, who: Identity<'_>, limits: L, cost: u64) -> Result<Option<Quota>, Limited>
    where
        L: IntoIterator<Item = &'a Limit, IntoIter: Clone>,
    {
        let limits = limits.into_iter();
        let has = |wanted: fn(Bucket) -> bool| limits.clone().any(|limit| wanted(limit.bucket));
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);

        // Locked in this order by every call, so that no two wait for each other.
        let mark = who.agent.mark();
        let mut agents =
            has(|bucket| matches!(bucket, Bucket::Agent | Bucket::AgentTool(_))).then(|| self.agents.lock(mark));
        let agent = agents.as_mut().map(|shard| shard.entry(mark, now)).transpose()?;
        let subject = who.subject.filter(|_| has(|bucket| bucket == Bucket::Subject)).map(Mark::of);
        let mut subjects = subject.map(|mark| (self.subjects.lock(mark), mark));
        let subject = subjects.as_mut().map(|(shard, mark)| shard.entry(*mark, now)).transpose()?;
        let mut totals = has(|bucket| matches!(bucket, Bucket::Tool(_))).then(|| lock(&self.totals));
        let mut held = Held { agent, subject, totals: totals.as_deref_mut() };

        let mut longest: Option<(u64, &Limit, &Gcra)> = None;
        for limit in limits.clone() {
            for (index, window) in limit.windows.iter().enumerate() {
                match window.admit(held.arrival(limit.bucket, index), now, cost) {
                    Err(Refusal::Never) => return Err(Limited::Never { bucket: limit.bucket, window: window.window }),
                    Err(Refusal::Wait(nanos)) if longest.is_none_or(|(most, ..)| nanos > most) => {
                        longest = Some((nanos, limit, window));
                    }
                    Ok(_) | Err(Refusal::Wait(_)) => {}
                }
            }
        }
        if let Some((nanos, limit, window)) = longest {
            let retry_after = Duration::from_nanos(nanos);
            return Err(Limited::Wait { bucket: limit.bucket, window: window.window, retry_after });
        }
        let mut tightest = None;
        for limit in limits {
            for (index, window) in limit.windows.iter().enumerate() {
                // Admitted above, under the same locks: it costs less to say so again than to keep it.
                let Ok(next) = window.admit(held.arrival(limit.bucket, index), now, cost) else { continue };
                held.set(limit.bucket, index, next);
                let (remaining, reset) = window.left(next, now);
                // What all callers together have left is nobody's business.
                let own = !matches!(limit.bucket, Bucket::Tool(_));
                if own && tightest.is_none_or(|quota: Quota| remaining < quota.remaining) {
                    let reset = Duration::from_nanos(reset);
                    tightest = Some(Quota { bucket: limit.bucket, window: window.window, remaining, reset });
                }
            }
        }
        Ok(tightest)
    }

    /// How many agents and subjects are counted now.
    pub fn len(&self) -> usize {
        self.agents.len() + self.subjects.len()
    }

    /// How many agents and subjects can be counted at a time.
    #[cfg(feature = "prometheus")]
    pub(crate) fn capacity(&self) -> usize {
        self.agents.capacity() + self.subjects.capacity()
    }

    /// Whether nobody is counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What one call needs of the limiter, under its locks.
struct Held<'a> {
    agent: Option<&'a mut Arrivals>,
    subject: Option<&'a mut Arrivals>,
    totals: Option<&'a mut Arrivals>,
}

impl Held<'_> {
    fn arrival(&self, bucket: Bucket, window: usize) -> u64 {
        let arrivals = match bucket {
            Bucket::Tool(_) => &self.totals,
            Bucket::Subject => &self.subject,
            Bucket::Agent | Bucket::AgentTool(_) => &self.agent,
        };
        arrivals.as_ref().map_or(0, |arrivals| arrivals.of(bucket, window))
    }

    fn set(&mut self, bucket: Bucket, window: usize, arrival: u64) {
        let arrivals = match bucket {
            Bucket::Tool(_) => &mut self.totals,
            Bucket::Subject => &mut self.subject,
            Bucket::Agent | Bucket::AgentTool(_) => &mut self.agent,
        };
        if let Some(arrivals) = arrivals {
            arrivals.settle(bucket, window, arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Agent;
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
            assert_eq!(memory.charge(of(&a), [&limit], 1).unwrap().unwrap().remaining, left);
        }
        let Err(Limited::Wait { retry_after, .. }) = memory.charge(of(&a), [&limit], 1) else { panic!("admitted") };
        assert_eq!(retry_after, Duration::from_secs(6));
        assert!(memory.charge(of(&b), [&limit], 1).is_ok(), "another agent has a burst of its own");
        tokio::time::advance(Duration::from_nanos(5_999_999_999)).await;
        assert!(memory.charge(of(&a), [&limit], 1).is_err());
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(memory.charge(of(&a), [&limit], 1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_charges_nothing() {
        let memory = Memory::default();
        let wide = limit(Bucket::Agent, 100, 60);
        let narrow = limit(Bucket::AgentTool(3), 1, 60);
        let a = agent("a");
        memory.charge(of(&a), [&wide, &narrow], 1).unwrap();
        for _ in 0..50 {
            assert!(memory.charge(of(&a), [&wide, &narrow], 1).is_err());
        }
        assert_eq!(memory.charge(of(&a), [&wide], 1).unwrap().unwrap().remaining, 98);
    }

    #[tokio::test(start_paused = true)]
    async fn totals_count_everybody_and_tell_nobody() {
        let memory = Memory::default();
        let total = limit(Bucket::Tool(1), 2, 60);
        let own = limit(Bucket::AgentTool(1), 50, 60);
        assert_eq!(memory.charge(of(&agent("a")), [&own, &total], 1).unwrap().unwrap().remaining, 49);
        assert_eq!(memory.charge(of(&agent("b")), [&total], 1).unwrap(), None);
        assert!(memory.charge(of(&agent("c")), [&own, &total], 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_subject_is_counted_over_its_agents() {
        let memory = Memory::default();
        let subject = limit(Bucket::Subject, 3, 60);
        for name in ["a", "b", "c"] {
            memory.charge(Identity { agent: &agent(name), subject: Some("carol") }, [&subject], 1).unwrap();
        }
        assert!(memory.charge(Identity { agent: &agent("d"), subject: Some("carol") }, [&subject], 1).is_err());
        assert!(memory.charge(Identity { agent: &agent("d"), subject: Some("dave") }, [&subject], 1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn costs_weigh_and_those_above_the_burst_never_pass() {
        let memory = Memory::default();
        let limit = limit(Bucket::AgentTool(0), 10, 60);
        let a = agent("a");
        assert_eq!(memory.charge(of(&a), [&limit], 7).unwrap().unwrap().remaining, 3);
        assert!(matches!(memory.charge(of(&a), [&limit], 4), Err(Limited::Wait { .. })));
        assert!(memory.charge(of(&a), [&limit], 3).is_ok());
        assert!(matches!(memory.charge(of(&a), [&limit], 11), Err(Limited::Never { .. })));
        assert!(matches!(memory.charge(of(&a), [&limit], u64::MAX), Err(Limited::Never { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_offenders_stay() {
        let memory = Memory::with_capacity(3200);
        let limit = limit(Bucket::AgentTool(0), 1, 60);
        let offender = agent("offender");
        memory.charge(of(&offender), [&limit], 1).unwrap();
        let mut full = 0;
        for i in 0..20_000 {
            full += usize::from(memory.charge(of(&agent(&format!("a{i}"))), [&limit], 1) == Err(Limited::Full));
        }
        assert!(memory.len() <= 3200 && full > 10_000, "{} counted, {full} refused", memory.len());
        assert!(memory.charge(of(&offender), [&limit], 1).is_err(), "nobody was pushed out");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(memory.charge(of(&agent("late")), [&limit], 1).is_ok(), "idle entries make room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_parallel_burst_passes_exactly_its_size() {
        let memory = std::sync::Arc::new(Memory::default());
        let limit = std::sync::Arc::new(limit(Bucket::AgentTool(0), 10, 86_400));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (memory, limit) = (memory.clone(), limit.clone());
                std::thread::spawn(move || {
                    (0..25).filter(|_| memory.charge(of(&agent("a")), [&*limit], 1).is_ok()).count()
                })
            })
            .collect();
        let passed: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(passed, 10);
    }
}
