//! A store that ends with its process.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::record::{now, succeed};
use super::{CredentialStore, IssuedKey, KeyRecord, NewKey, Revocation, Revoked, StoreError, Target};
use crate::auth::BoxFuture;
use crate::caller::Agent;

/// Keys and revocations in memory alone, for tests and servers without state.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    keys: Vec<KeyRecord>,
    replaced: HashSet<String>,
    revocations: Vec<Revocation>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is complete before anything can fail, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn issue(&mut self, new: &NewKey) -> Result<IssuedKey, StoreError> {
        let issued = new.make(now())?;
        self.keys.push(issued.record.clone());
        self.epoch += 1;
        Ok(issued)
    }

    fn rotate(&mut self, id: &str, grace: Duration) -> Result<IssuedKey, StoreError> {
        let replaced = self.replaced.contains(id);
        let old = self.keys.iter_mut().find(|key| key.id == id).ok_or_else(|| StoreError::unknown_key(id))?;
        let (issued, end) = succeed(old, replaced, grace, now())?;
        old.expires = Some(end);
        self.keys.push(issued.record.clone());
        self.replaced.insert(id.to_owned());
        self.epoch += 1;
        Ok(issued)
    }

    fn revoke(&mut self, target: &Target, by: &str) -> Result<Revocation, StoreError> {
        target.check(by)?;
        if let Target::Key(id) = target
            && !self.keys.iter().any(|key| key.id == *id)
        {
            return Err(StoreError::unknown_key(id));
        }
        let at = now();
        let mut keys = 0;
        for key in self.keys.iter_mut().filter(|key| key.revoked.is_none()) {
            let hit = match target {
                Target::Key(id) => key.id == *id,
                Target::Agent(agent) | Target::IssuedTo(agent) => Agent::key(&key.agent).as_ref() == Ok(agent),
                Target::Subject(subject) | Target::IssuedFor(subject) => key.on_behalf_of.as_ref() == Some(subject),
                Target::Token(_) => false,
            };
            if hit {
                keys += u64::from(key.expires.is_none_or(|end| end > at));
                key.revoked = Some(Revoked { by: by.to_owned(), at });
            }
        }
        self.epoch += 1;
        let (kind, value) = (target.kind().to_owned(), target.value());
        let revocation = Revocation { seq: self.epoch, kind, value, by: by.to_owned(), at, keys };
        self.revocations.push(revocation.clone());
        Ok(revocation)
    }
}

impl CredentialStore for MemoryStore {
    fn issue<'a>(&'a self, new: &'a NewKey) -> BoxFuture<'a, Result<IssuedKey, StoreError>> {
        Box::pin(async move { self.state().issue(new) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, StoreError>> {
        Box::pin(async { Ok(self.state().keys.clone()) })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<KeyRecord>, StoreError>> {
        Box::pin(async move { Ok(self.state().keys.iter().find(|key| key.id == id).cloned()) })
    }

    fn rotate<'a>(&'a self, id: &'a str, grace: Duration) -> BoxFuture<'a, Result<IssuedKey, StoreError>> {
        Box::pin(async move { self.state().rotate(id, grace) })
    }

    fn revoke<'a>(&'a self, target: &'a Target, by: &'a str) -> BoxFuture<'a, Result<Revocation, StoreError>> {
        Box::pin(async move { self.state().revoke(target, by) })
    }

    fn revocations(&self) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>> {
        Box::pin(async { Ok(self.state().revocations.clone()) })
    }

    fn revocations_after(&self, seq: u64) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>> {
        Box::pin(async move { Ok(self.state().revocations.iter().filter(|entry| entry.seq > seq).cloned().collect()) })
    }

    fn epoch(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async { Ok(self.state().epoch) })
    }

    fn changes(&self) -> u64 {
        self.state().epoch
    }
}
