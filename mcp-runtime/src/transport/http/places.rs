//! Places for requests: so many at a time, and of each caller no more than its part.

use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::caller::Caller;
use crate::config;
use crate::limit::{ByMark, Mark};

/// The places of a server.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<All>);

/// How many places are taken, and how many each caller has. Every request comes by here, so callers stand in it by mark, as
/// in the limiter, and not by name.
#[derive(Debug)]
struct All {
    limit: usize,
    taken: AtomicUsize,
    limit_per_caller: usize,
    callers: Mutex<ByMark<usize>>,
}

/// A place whose request has no caller yet.
#[derive(Debug)]
pub(super) struct Place(Arc<All>);

/// A place of a caller's request, given back with the last share of it.
#[derive(Clone, Debug)]
pub(super) struct Taken(#[expect(dead_code, reason = "held, and dropped")] Arc<Part>);

/// One of a caller's part.
#[derive(Debug)]
struct Part {
    place: Place,
    caller: Mark,
}

impl Places {
    pub(super) fn new(config: &config::Http) -> Self {
        Self(Arc::new(All {
            limit: config.requests,
            taken: AtomicUsize::new(0),
            limit_per_caller: config.requests_per_caller,
            callers: Mutex::default(),
        }))
    }

    /// A place for whoever it is.
    pub(super) fn take(&self) -> Option<Place> {
        let one_more = |taken| (taken < self.0.limit).then_some(taken + 1);
        let taken = self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place(Arc::clone(&self.0)))
    }

    /// The place, as one of this caller's; `None` if it has its part.
    pub(super) fn of(&self, caller: &Caller, place: Place) -> Option<Taken> {
        let caller = caller.mark();
        let mut callers = self.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = callers.entry(caller).or_default();
        if *count >= self.0.limit_per_caller {
            return None;
        }
        *count += 1;
        Some(Taken(Arc::new(Part { place, caller })))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut callers = self.place.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = callers.entry(self.caller) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
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
        assert!(places.0.callers.lock().unwrap().is_empty());
    }
}
