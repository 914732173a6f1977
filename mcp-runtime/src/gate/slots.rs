//! How many calls of a tool run at a time, of one agent and in all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::caller::Agent;
use crate::spec::Concurrency;

/// The running calls of one tool. Bounded by itself: an agent is counted while a call of its runs.
#[derive(Debug, Default)]
pub(super) struct Slots {
    limits: Concurrency,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    total: u32,
    by_agent: HashMap<Agent, u32>,
}

impl Slots {
    pub(super) fn new(limits: Concurrency) -> Self {
        Self { limits, running: Arc::default() }
    }

    /// How many calls run, and how many may; `None` without a bound over all agents.
    #[cfg(feature = "prometheus")]
    pub(super) fn running(&self) -> Option<(u32, u32)> {
        let limit = self.limits.total?;
        Some((self.running.lock().unwrap_or_else(PoisonError::into_inner).total, limit))
    }

    /// A place for one more call; `None` if there is none. Nobody waits: the caller is told to come back.
    pub(super) fn take(&self, agent: &Agent) -> Option<Slot> {
        if self.limits == Concurrency::default() {
            return Some(Slot::default());
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if self.limits.total.is_some_and(|limit| running.total >= limit) {
            return None;
        }
        if let Some(limit) = self.limits.agent {
            let count = running.by_agent.entry(agent.clone()).or_default();
            if *count >= limit {
                return None;
            }
            *count += 1;
        }
        running.total += 1;
        Some(Slot(Some(Arc::new(Taken { running: Arc::clone(&self.running), agent: agent.clone() }))))
    }
}

/// A place among the running calls, given back when the last share of it is dropped. `None` where nothing is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot(#[expect(dead_code, reason = "held, and dropped")] Option<Arc<Taken>>);

#[derive(Debug)]
struct Taken {
    running: Arc<Mutex<Running>>,
    agent: Agent,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.total = running.total.saturating_sub(1);
        if let Entry::Occupied(mut entry) = running.by_agent.entry(self.agent.clone()) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_its_share_and_all_have_the_total() {
        let slots = Slots::new(Concurrency { agent: Some(2), total: Some(3) });
        let (a, b) = (Agent::key("a").unwrap(), Agent::key("b").unwrap());
        let first = slots.take(&a).unwrap();
        let _second = slots.take(&a).unwrap();
        assert!(slots.take(&a).is_none());
        let _third = slots.take(&b).unwrap();
        assert!(slots.take(&b).is_none(), "the total is reached");
        drop(first);
        assert!(slots.take(&b).is_some());
        assert_eq!(slots.running.lock().unwrap().by_agent.len(), 2);
    }
}
