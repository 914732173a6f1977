//! API keys against a store, with verdicts cached in memory.
//!
//! A call costs no round trip: the verdict on a key is cached by its id, and a call whose secret matches the cached
//! hash is answered from memory. What is refused always went through the store, so the time of a refusal does not tell
//! an unknown id from a wrong secret, and a stranger cannot fill the cache.
//!
//! **Revocation.** Every change of the store raises its epoch. All verdicts are dropped when a change was made through
//! this process's store (seen on the next call) or the epoch moved (polled). A look-up remembers in which round of the
//! cache it began, and its verdict is cached in that same round or not at all: one that was read before a revocation
//! cannot slip in after it.
//!
//! **Outage.** While the epoch cannot be read nobody knows of revocations: cached verdicts live on for a stated time,
//! then credentials cannot be verified. That is never a pass, and never a 401.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::request::Parts;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::api_key::KeyText;
use super::store::record::now;
use super::{
    Authenticate, BoxFuture, CredentialStore, InvalidReason, IssuedKey, KeyHash, KeyRecord, KeyState, NewKey, Refusal,
    StoreError, bearer,
};
use crate::caller::{Agent, Caller};
use crate::scope::Grants;

/// How long a read of the store may take before it counts as failed.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Look-ups of one call, if the store keeps changing meanwhile.
const ATTEMPTS: usize = 3;

/// When a caller that could not be verified shall come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long verdicts on keys are believed.
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
    verdicts: Arc<Verdicts>,
    watcher: JoinHandle<()>,
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
        let verdicts = Arc::new(Verdicts {
            cache: RwLock::new(Cache { changes: store.changes(), ..Cache::default() }),
            store,
            policy,
            began: Instant::now(),
            polled: AtomicU64::new(0),
        });
        verdicts.poll().await?;
        let watcher = tokio::spawn(Arc::clone(&verdicts).watch());
        Ok(Self { verdicts, watcher })
    }

    /// Makes a key that is accepted beside the stored ones, and kept in the memory of this process alone. It ends
    /// with its lifetime or the process, whatever the store says.
    ///
    /// # Errors
    /// A name, scope or lifetime that is not valid.
    pub fn issue_ephemeral(&self, new: &NewKey) -> Result<IssuedKey, StoreError> {
        let issued = new.make(now())?;
        let verdict = Verdict::of(&issued.record)?;
        self.verdicts.write(|cache| cache.ephemeral.insert(issued.record.id.clone().into(), verdict));
        Ok(issued)
    }

    /// Drops every cached verdict, so that the next call of each key asks the store.
    pub fn invalidate(&self) {
        self.verdicts.write(Cache::drop_verdicts);
    }

    #[cfg(test)]
    pub(super) fn cached(&self) -> usize {
        self.verdicts.write(|cache| cache.by_id.len())
    }
}

impl Drop for ApiKeys {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeys").field("policy", &self.verdicts.policy).finish_non_exhaustive()
    }
}

impl Authenticate for ApiKeys {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        let key = bearer(request)
            .and_then(|text| KeyText::parse(text).map_err(|_| Refusal::Invalid(InvalidReason::Checksum)));
        let key = match key {
            Ok(key) => key,
            Err(refusal) => return Box::pin(ready(Err(refusal))),
        };
        let hash = key.hash();
        match self.verdicts.cached(key.id, hash) {
            Some(verdict) => Box::pin(ready(verdict)),
            None => Box::pin(self.verdicts.look_up(key.id, hash)),
        }
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
        let mut caller = Caller::new(agent, &key.id).with_grants(Grants::with_wildcards(&key.scopes)?);
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
    by_id: HashMap<Box<str>, Verdict>,
    ephemeral: HashMap<Box<str>, Verdict>,
    /// Counts how often the verdicts were dropped.
    round: u64,
    /// The store's own count of changes, when the round began.
    changes: u64,
    /// The epoch of the last poll.
    epoch: u64,
}

impl Cache {
    fn drop_verdicts(&mut self) {
        self.by_id.clear();
        self.round += 1;
    }

    /// Begins a new round if the store was changed through this process.
    fn sync(&mut self, changes: u64) -> u64 {
        if self.changes != changes {
            self.changes = changes;
            self.drop_verdicts();
        }
        self.round
    }

    fn insert(&mut self, id: &str, verdict: Verdict, capacity: usize) {
        if self.by_id.len() >= capacity && !self.by_id.contains_key(id) {
            // Any will do: it comes back with its next call, at the price of a look-up.
            let Some(victim) = self.by_id.keys().next().cloned() else { return };
            self.by_id.remove(&victim);
        }
        self.by_id.insert(id.into(), verdict);
    }
}

struct Verdicts {
    store: Arc<dyn CredentialStore>,
    policy: CachePolicy,
    cache: RwLock<Cache>,
    began: Instant,
    /// When the last successful poll was sent, in milliseconds since `began`.
    polled: AtomicU64,
}

impl Verdicts {
    /// The answer from memory: there is one only for a secret that matches.
    fn cached(&self, id: &str, hash: KeyHash) -> Option<Result<Arc<Caller>, Refusal>> {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        let ephemeral = cache.ephemeral.get(id);
        let usable = || cache.changes == self.store.changes() && self.since_poll() <= self.policy.outage;
        let verdict = ephemeral.or_else(|| cache.by_id.get(id).filter(|_| usable()))?;
        (verdict.hash == hash).then(|| verdict.at(Timestamp::now()))
    }

    /// The answer of the store.
    async fn look_up(&self, id: &str, hash: KeyHash) -> Result<Arc<Caller>, Refusal> {
        let unavailable = Refusal::Unavailable { retry_after: RETRY_AFTER };
        for _ in 0..ATTEMPTS {
            let changes = self.store.changes();
            let round = self.write(|cache| cache.sync(changes));
            // The watcher reports an outage once; a line for each call would let strangers fill the log.
            let Ok(Ok(found)) = timeout(STORE_TIMEOUT, self.store.find(id)).await else { return Err(unavailable) };
            let verdict = judge(found.as_ref(), hash, Timestamp::now())?;
            let changes = self.store.changes();
            let is_current = self.write(|cache| {
                let is_current = cache.sync(changes) == round;
                if is_current {
                    cache.insert(id, verdict.clone(), self.policy.capacity);
                }
                is_current
            });
            if is_current {
                return verdict.at(Timestamp::now());
            }
        }
        Err(unavailable)
    }

    /// Asks the store whether another process changed it.
    async fn poll(&self) -> Result<(), StoreError> {
        let sent = self.now();
        let epoch = timeout(STORE_TIMEOUT, self.store.epoch()).await;
        let epoch = epoch.map_err(|_| StoreError::TimedOut(STORE_TIMEOUT))??;
        // Any difference counts: a store restored from a backup has a lower epoch.
        self.write(|cache| {
            if cache.epoch != epoch {
                cache.epoch = epoch;
                cache.drop_verdicts();
            }
        });
        self.polled.fetch_max(sent, Ordering::Release);
        Ok(())
    }

    async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.policy.poll_every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        loop {
            ticks.tick().await;
            let polled = self.poll().await;
            match &polled {
                Err(error) if !is_failing => {
                    let outage = self.policy.outage.as_secs();
                    tracing::error!(%error, "credentials cannot be read: known keys are accepted for {outage} s more");
                }
                Ok(()) if is_failing => tracing::info!("credentials can be read again"),
                _ => {}
            }
            is_failing = polled.is_err();
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since_poll(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.polled.load(Ordering::Acquire)))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Cache) -> T) -> T {
        // Nothing that runs under the lock can fail half-way.
        change(&mut self.cache.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the record says of the secret. The hashes are compared whether there is a record or not.
fn judge(found: Option<&KeyRecord>, hash: KeyHash, now: Timestamp) -> Result<Verdict, Refusal> {
    let kept = found.map_or(KeyHash::from_bytes([0; 32]), |key| key.hash);
    let (true, Some(key)) = (kept == hash, found) else { return Err(Refusal::Invalid(InvalidReason::Unknown)) };
    match key.state(now) {
        KeyState::Revoked => Err(Refusal::Invalid(InvalidReason::Revoked)),
        KeyState::Expired => Err(Refusal::Invalid(InvalidReason::Expired)),
        KeyState::Active => Verdict::of(key).map_err(|error| {
            tracing::error!(key = key.id, %error, "the record of a key is not valid, so the key is refused");
            Refusal::Invalid(InvalidReason::Unreadable)
        }),
    }
}
