//! How many of something there may be: in all, and of one caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::caller::{Agent, Caller};

/// Whom something belongs to: the identity that a credential proves, whichever of its credentials that was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    agent: Agent,
    subject: Option<Box<str>>,
}

impl Owner {
    pub(super) fn of(caller: &Caller) -> Self {
        Self { agent: caller.agent().clone(), subject: caller.subject().map(Into::into) }
    }
}

/// A bounded number of places.
#[derive(Debug)]
pub(super) struct Shares {
    limit: usize,
    limit_per_owner: usize,
    taken: Mutex<(usize, HashMap<Owner, usize>)>,
}

impl Shares {
    pub(super) fn new(limit: usize, limit_per_owner: usize) -> Self {
        Self { limit, limit_per_owner, taken: Mutex::default() }
    }

    /// A place, if one is left.
    pub(super) fn take(self: &Arc<Self>, owner: Owner) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, by_owner) = &mut *taken;
        if *total >= self.limit || by_owner.get(&owner).copied().unwrap_or(0) >= self.limit_per_owner {
            return None;
        }
        *total += 1;
        *by_owner.entry(owner.clone()).or_default() += 1;
        Some(Share { shares: Arc::clone(self), owner })
    }
}

/// A place, given back on drop.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    owner: Owner,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, by_owner) = &mut *taken;
        *total = total.saturating_sub(1);
        if let Some(count) = by_owner.get_mut(&self.owner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_owner.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_its_share_and_all_have_the_total() {
        let owner = |name, subject: Option<&str>| {
            let caller = Caller::new(Agent::key(name).unwrap(), "id");
            Owner::of(&subject.map_or(Ok(caller.clone()), |subject| caller.on_behalf_of(subject)).unwrap())
        };
        let shares = Arc::new(Shares::new(3, 2));
        let first = shares.take(owner("a", None)).unwrap();
        let _second = shares.take(owner("a", None)).unwrap();
        assert!(shares.take(owner("a", None)).is_none());
        let _third = shares.take(owner("a", Some("alice"))).unwrap();
        assert!(shares.take(owner("b", None)).is_none(), "the total is reached");
        drop(first);
        assert!(shares.take(owner("b", None)).is_some());
        assert_eq!(shares.taken.lock().unwrap().1.len(), 2);
    }
}
