//! API keys against a store, with verdicts cached in memory.
//!
//! A call costs no round trip: the verdict on a key is cached by its id, and a call whose secret matches the cached
//! hash is answered from memory. What is refused always went through the store, so the time of a refusal does not tell
//! an unknown id from a wrong secret, and a stranger cannot fill the cache.
//!
//! **Revocation.** Every change of the store raises its epoch. No verdict holds any longer once a change was made through
//! this process's store (seen on the next call) or the epoch moved (polled). A verdict is cached with the stamp that the
//! store had before it was read: one that was read before a revocation cannot slip in after it. A verdict that no longer
//! holds stays in its place until it is asked for again: it still says who is known here.
//!
//! **Outage.** While the epoch cannot be read nobody knows of revocations: cached verdicts live on for a stated time,
//! then credentials cannot be verified. That is never a pass, and never a 401.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::request::Parts;
use jiff::Timestamp;
use tokio::time::timeout;

use super::api_key::KeyText;
use super::revocations::{RETRY_AFTER, has_ended};
use super::store::record::now;
use super::tally::Tally;
use super::watch::{STORE_TIMEOUT, Stamp, Watcher};
use super::{
    Authenticate, BoxFuture, CacheCounts, CredentialStore, Effort, InvalidReason, IssuedKey, KeyHash, KeyRecord,
    KeyState, NewKey, Refusal, StoreError, bearer,
};
use crate::caller::{Agent, Caller};
use crate::scope::Grants;

/// Look-ups of one call, if the store keeps changing meanwhile.
const ATTEMPTS: usize = 3;

/// How long verdicts on credentials are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// How often the store is asked whether another process changed it: 200 ms, so that a revocation takes effect
    /// within a second.
    pub poll_every: Duration,
    /// How long cached verdicts live on after the last successful poll: 30 s.
    pub outage: Duration,
    /// How many verdicts are kept at most: 100,000.
    pub capacity: usize,
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self { poll_every: Duration::from_millis(200), outage: Duration::from_secs(30), capacity: 100_000 }
    }
}

/// Authenticates the API keys of a [`CredentialStore`].
///
/// The task that watches the store ends when this is dropped.
pub struct ApiKeys {
    watcher: Arc<Watcher>,
    cache: RwLock<Cache>,
    tally: Tally,
}

impl ApiKeys {
    /// Reads the store's epoch and begins to watch it. Must run on a Tokio runtime with time enabled.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn start(store: Arc<dyn CredentialStore>) -> Result<Self, StoreError> {
        Self::start_with(store, CachePolicy::default()).await
    }

    /// As [`ApiKeys::start`], with a cache policy of one's own.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn start_with(store: Arc<dyn CredentialStore>, policy: CachePolicy) -> Result<Self, StoreError> {
        Ok(Self::watched(Watcher::start(store, policy).await?))
    }

    pub(super) fn watched(watcher: Arc<Watcher>) -> Self {
        Self { watcher, cache: RwLock::default(), tally: Tally::default() }
    }

    /// Makes a key that is accepted beside the stored ones, and kept in the memory of this process alone. It ends
    /// with its lifetime or the process, whatever the store says.
    ///
    /// # Errors
    /// A name, scope or lifetime that is not valid.
    pub fn issue_ephemeral(&self, new: &NewKey) -> Result<IssuedKey, StoreError> {
        let issued = new.make(now())?;
        let verdict = Verdict::of(&issued.record)?;
        self.write(|cache| cache.ephemeral.insert(issued.record.id.clone().into(), verdict));
        Ok(issued)
    }

    /// Drops every cached verdict, so that the next call of each key asks the store.
    pub fn invalidate(&self) {
        self.watcher.forget();
    }

    /// The answer from memory: there is one only for a secret that matches.
    fn cached(&self, id: &str, hash: KeyHash) -> Option<Result<Arc<Caller>, Refusal>> {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        let stored = || cache.by_id.get(id).filter(|(stamp, _)| self.watcher.holds(*stamp)).map(|(_, verdict)| verdict);
        let verdict = cache.ephemeral.get(id).or_else(stored)?;
        (verdict.hash == hash).then(|| verdict.at(Timestamp::now()))
    }

    /// Whether this very key was good before.
    fn knows(&self, key: KeyText<'_>) -> bool {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        let stored = || cache.by_id.get(key.id).map(|(_, verdict)| verdict);
        cache.ephemeral.get(key.id).or_else(stored).is_some_and(|verdict| verdict.hash == key.hash())
    }

    /// The answer of the store.
    async fn look_up(&self, id: &str, hash: KeyHash) -> Result<Arc<Caller>, Refusal> {
        let verdict = self.judged(id, |found| judge(found, hash, Timestamp::now())).await?;
        verdict.at(Timestamp::now())
    }

    /// What the store says of a key, in a state of the store that holds when the answer is given.
    async fn judged(
        &self,
        id: &str,
        judge: impl Fn(Option<&KeyRecord>) -> Result<Verdict, Refusal>,
    ) -> Result<Verdict, Refusal> {
        let unavailable = Refusal::Unavailable { retry_after: RETRY_AFTER };
        for _ in 0..ATTEMPTS {
            let stamp = self.watcher.stamp();
            // The watcher reports an outage once; a line for each call would let strangers fill the log.
            let found = timeout(STORE_TIMEOUT, self.watcher.store.find(id)).await;
            let Ok(Ok(found)) = found else { return Err(unavailable) };
            let verdict = judge(found.as_ref()).inspect_err(|_| {
                // Only who was good before can be in there, and no longer is if the record is bad.
                if found.as_ref().is_none_or(|key| key.state(Timestamp::now()) != KeyState::Active) {
                    self.write(|cache| cache.by_id.remove(id));
                }
            })?;
            if self.watcher.stamp() == stamp {
                self.write(|cache| cache.insert(id, stamp, verdict.clone(), self.watcher.policy.capacity));
                return Ok(verdict);
            }
        }
        Err(unavailable)
    }

    /// When a key that was good before ends; `None` if it has ended.
    async fn still_good(&self, caller: &Caller) -> Option<Option<Timestamp>> {
        let asked = tokio::time::Instant::now();
        loop {
            match self.known_or_judged(caller.credential()).await {
                Ok(verdict) => return Some(verdict.caller.expires()),
                Err(Refusal::Unavailable { retry_after })
                    if self.watcher.is_in_touch() && asked.elapsed() <= self.watcher.policy.outage =>
                {
                    tokio::time::sleep(retry_after).await;
                }
                Err(_) => return None,
            }
        }
    }

    async fn known_or_judged(&self, id: &str) -> Result<Verdict, Refusal> {
        let known = {
            let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
            let stored = || cache.by_id.get(id).filter(|(stamp, _)| self.watcher.holds(*stamp)).map(|(_, v)| v);
            cache.ephemeral.get(id).or_else(stored).cloned()
        };
        match known {
            Some(verdict) => Ok(verdict),
            None => self.judged(id, |found| judge_record(found, Timestamp::now())).await,
        }
    }

    fn write<T>(&self, change: impl FnOnce(&mut Cache) -> T) -> T {
        // Nothing that runs under the lock can fail half-way.
        change(&mut self.cache.write().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.write(|cache| cache.by_id.len())
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeys").field("policy", &self.watcher.policy).finish_non_exhaustive()
    }
}

/// The key that a request carries.
fn key_of(request: &Parts) -> Result<KeyText<'_>, Refusal> {
    bearer(request).and_then(|text| KeyText::parse(text).map_err(|_| Refusal::Invalid(InvalidReason::Checksum)))
}

impl Authenticate for ApiKeys {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        let key = match key_of(request) {
            Ok(key) => key,
            Err(refusal) => return Box::pin(ready(Err(refusal))),
        };
        let hash = key.hash();
        let cached = self.cached(key.id, hash);
        self.tally.count(cached.is_some());
        match cached {
            Some(verdict) => Box::pin(ready(verdict)),
            None => Box::pin(self.look_up(key.id, hash)),
        }
    }

    fn cache_counts(&self) -> Option<CacheCounts> {
        Some(self.tally.counts())
    }

    fn effort(&self, request: &Parts) -> Effort {
        match key_of(request) {
            Ok(key) if !self.knows(key) => Effort::Local,
            _ => Effort::None,
        }
    }

    fn ended<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut moved = self.watcher.subscribe();
            while let Some(end) = self.still_good(caller).await {
                if has_ended(&self.watcher, &mut moved, end).await {
                    return;
                }
            }
        })
    }
}

/// A key that was found and whose record makes a caller.
#[derive(Clone)]
struct Verdict {
    hash: KeyHash,
    caller: Arc<Caller>,
}

impl Verdict {
    fn of(key: &KeyRecord) -> Result<Self, StoreError> {
        let agent = Agent::key(&key.agent).map_err(|why| StoreError::Name { what: "the agent", why })?;
        let mut caller =
            Caller::new(agent, &key.id).issued_at(key.created).with_grants(Grants::with_wildcards(&key.scopes)?);
        if let Some(subject) = &key.on_behalf_of {
            let named = caller.on_behalf_of(subject);
            caller = named.map_err(|why| StoreError::Name { what: "the subject", why })?;
        }
        if let Some(end) = key.expires {
            caller = caller.with_expiry(end);
        }
        Ok(Self { hash: key.hash, caller: Arc::new(caller) })
    }

    fn at(&self, now: Timestamp) -> Result<Arc<Caller>, Refusal> {
        match self.caller.expires() {
            Some(end) if end <= now => Err(Refusal::Invalid(InvalidReason::Expired)),
            _ => Ok(Arc::clone(&self.caller)),
        }
    }
}

#[derive(Default)]
struct Cache {
    by_id: HashMap<Box<str>, (Stamp, Verdict)>,
    ephemeral: HashMap<Box<str>, Verdict>,
}

impl Cache {
    fn insert(&mut self, id: &str, stamp: Stamp, verdict: Verdict, capacity: usize) {
        if capacity == 0 {
            return;
        }
        if self.by_id.len() >= capacity && !self.by_id.contains_key(id) {
            // Any will do: it comes back with its next call, at the price of a look-up.
            let Some(victim) = self.by_id.keys().next().cloned() else { return };
            self.by_id.remove(&victim);
        }
        self.by_id.insert(id.into(), (stamp, verdict));
    }
}

/// What the record says of the secret. The hashes are compared whether there is a record or not.
fn judge(found: Option<&KeyRecord>, hash: KeyHash, now: Timestamp) -> Result<Verdict, Refusal> {
    let kept = found.map_or(KeyHash::from_bytes([0; 32]), |key| key.hash);
    if kept == hash { judge_record(found, now) } else { Err(Refusal::Invalid(InvalidReason::Unknown)) }
}

/// What the record says of a key whose secret is known to be right.
fn judge_record(found: Option<&KeyRecord>, now: Timestamp) -> Result<Verdict, Refusal> {
    let Some(key) = found else { return Err(Refusal::Invalid(InvalidReason::Unknown)) };
    match key.state(now) {
        KeyState::Revoked => Err(Refusal::Invalid(InvalidReason::Revoked)),
        KeyState::Expired => Err(Refusal::Invalid(InvalidReason::Expired)),
        KeyState::Active => Verdict::of(key).map_err(|error| {
            tracing::error!(key = key.id, %error, "the record of a key is not valid, so the key is refused");
            Refusal::Invalid(InvalidReason::Unreadable)
        }),
    }
}
