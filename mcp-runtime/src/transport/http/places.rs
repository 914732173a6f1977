//! Places for requests: so many at a time, and of each caller no more than its part.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::Caller;
use crate::config;

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    callers: Arc<Callers>,
}

/// How many places each caller has. Every request comes by here, so callers stand in it as 128 bits under keys of this
/// process, as in the limiter, and not by name.
#[derive(Debug)]
struct Callers {
    limit: usize,
    hashers: [RandomState; 2],
    taken: Mutex<HashMap<[u64; 2], usize>>,
}

/// A place whose request has no caller yet.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held, and dropped")] OwnedSemaphorePermit);

/// A place of a caller's request, given back with the last share of it.
#[derive(Clone, Debug)]
pub(super) struct Taken(#[expect(dead_code, reason = "held, and dropped")] Arc<(Place, Part)>);

/// One of a caller's part.
#[derive(Debug)]
struct Part {
    callers: Arc<Callers>,
    caller: [u64; 2],
}

impl Places {
    pub(super) fn new(config: &config::Http) -> Self {
        let callers = Callers {
            limit: config.requests_per_caller,
            hashers: [RandomState::new(), RandomState::new()],
            taken: Mutex::default(),
        };
        Self { all: Arc::new(Semaphore::new(config.requests)), callers: Arc::new(callers) }
    }

    /// A place for whoever it is.
    pub(super) fn take(&self) -> Option<Place> {
        Arc::clone(&self.all).try_acquire_owned().ok().map(Place)
    }

    /// The place, as one of this caller's; `None` if it has its part.
    pub(super) fn of(&self, caller: &Caller, place: Place) -> Option<Taken> {
        let who = (caller.agent(), caller.subject());
        let caller = [self.callers.hashers[0].hash_one(who), self.callers.hashers[1].hash_one(who)];
        let mut taken = self.callers.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(caller).or_default();
        if *count >= self.callers.limit {
            return None;
        }
        *count += 1;
        Some(Taken(Arc::new((place, Part { callers: Arc::clone(&self.callers), caller }))))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut taken = self.callers.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Agent;

    #[test]
    fn a_caller_has_its_part_and_what_it_holds_is_given_back_once() {
        let config = config::Http { requests: 3, requests_per_caller: 2, ..config::Http::default() };
        let places = Places::new(&config);
        let [a, b] = ["a", "b"].map(|name| Caller::new(Agent::key(name).unwrap(), "id"));
        let first = places.of(&a, places.take().unwrap()).unwrap();
        let share = first.clone();
        let second = places.of(&a, places.take().unwrap()).unwrap();
        let third = places.take().unwrap();
        assert!(places.take().is_none(), "all are taken");
        assert!(places.of(&a, third).is_none(), "its part is two, whichever credential it comes by");
        let third = places.of(&b, places.take().unwrap()).unwrap();
        drop((first, third));
        assert!(places.of(&a, places.take().unwrap()).is_none(), "a share is still held");
        drop(share);
        assert!(places.of(&a, places.take().unwrap()).is_some());
        drop(second);
        assert!(places.callers.taken.lock().unwrap().is_empty());
    }
}
