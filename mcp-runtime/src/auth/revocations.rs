//! What the store says was cut off, in memory, for callers of every kind.
//!
//! The list is read again whenever the store's [`Stamp`] moved, so a revocation holds on the next call of this process
//! and within a poll on every other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::store::Cut;
use super::watch::{STORE_TIMEOUT, Stamp, Watcher};
use super::{CachePolicy, CredentialStore, InvalidReason, Refusal, Revocation, StoreError};
use crate::caller::Caller;

/// When a caller that could not be verified shall come again.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Reads of one check, if the store keeps changing meanwhile.
const ATTEMPTS: usize = 3;

/// The revocations of a [`CredentialStore`], for credentials that the store does not keep: tokens, and whatever an
/// [`Authenticate`](super::Authenticate) of your own verifies.
///
/// # Example
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use mcp_runtime::auth::{CredentialStore, MemoryStore, Revocations, Target};
/// use mcp_runtime::caller::{Agent, Caller, Source};
///
/// let store = Arc::new(MemoryStore::new());
/// let revocations = Revocations::start(store.clone()).await?;
/// let agent = Agent::new(Source::Other("gateway"), "reporting")?;
/// let caller = Caller::new(agent.clone(), "gateway");
/// assert!(revocations.check(&caller).await.is_ok());
/// store.revoke(&Target::Agent(agent), "admin").await?;
/// assert!(revocations.check(&caller).await.is_err());
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
/// ```
pub struct Revocations {
    watcher: Arc<Watcher>,
    known: RwLock<Known>,
    reading: Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// What the store's state was before the list was read; `None` before the first read.
    stamp: Option<Stamp>,
    /// The last entry that was read.
    seq: u64,
    denied: Denied,
}

impl Revocations {
    /// Begins to watch a store. Must run on a Tokio runtime with time enabled.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn start(store: Arc<dyn CredentialStore>) -> Result<Self, StoreError> {
        Ok(Self::watched(Watcher::start(store, CachePolicy::default()).await?))
    }

    pub(super) fn watched(watcher: Arc<Watcher>) -> Self {
        Self { watcher, known: RwLock::default(), reading: Mutex::new(()) }
    }

    #[cfg(feature = "jwt")]
    pub(super) fn watcher(&self) -> &Arc<Watcher> {
        &self.watcher
    }

    /// Whether a caller may still call.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for one that was cut off, [`Refusal::Unavailable`] while nobody knows.
    pub async fn check(&self, caller: &Caller) -> Result<(), Refusal> {
        self.check_at(caller).await.map(drop)
    }

    /// As [`Revocations::check`]; the answer holds for as long as the stamp does.
    pub(super) async fn check_at(&self, caller: &Caller) -> Result<Stamp, Refusal> {
        for _ in 0..ATTEMPTS {
            if let Some(answer) = self.known_at(caller) {
                return answer;
            }
            self.read().await.map_err(|()| Refusal::Unavailable { retry_after: RETRY_AFTER })?;
        }
        Err(Refusal::Unavailable { retry_after: RETRY_AFTER })
    }

    /// The answer from memory, if that is current.
    fn known_at(&self, caller: &Caller) -> Option<Result<Stamp, Refusal>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let stamp = known.stamp.filter(|stamp| self.watcher.holds(*stamp))?;
        let is_denied = known.denied.covers(caller);
        Some(if is_denied { Err(Refusal::Invalid(InvalidReason::Revoked)) } else { Ok(stamp) })
    }

    /// Reads what is new. One at a time: who waited finds it done.
    async fn read(&self) -> Result<(), ()> {
        let _reading = self.reading.lock().await;
        let stamp = self.watcher.stamp();
        let (is_current, seq) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            (known.stamp == Some(stamp), known.seq)
        };
        if !self.watcher.is_in_touch() {
            return Err(());
        }
        if is_current {
            return Ok(());
        }
        let store = &self.watcher.store;
        let read = timeout(STORE_TIMEOUT, async {
            // A store that was restored from a backup has fewer entries, so everything is read again.
            let epoch = store.epoch().await?;
            let after = if epoch < seq { 0 } else { seq };
            Ok::<_, StoreError>((after, store.revocations_after(after).await?))
        });
        let Ok(Ok((after, new))) = read.await else { return Err(()) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if after == 0 {
            known.denied = Denied::default();
            known.seq = 0;
        }
        for revocation in &new {
            known.denied.add(revocation);
            known.seq = known.seq.max(revocation.seq);
        }
        known.stamp = Some(stamp);
        Ok(())
    }

    /// Completes once the caller is cut off, its credential has ended, or nobody has been able to tell for longer than
    /// the bound for outages.
    pub async fn ended(&self, caller: &Caller) {
        let mut moved = self.watcher.subscribe();
        let mut told = tokio::time::Instant::now();
        loop {
            match self.check(caller).await {
                Ok(()) => told = tokio::time::Instant::now(),
                Err(Refusal::Unavailable { retry_after })
                    if self.watcher.is_in_touch() && told.elapsed() <= self.watcher.policy.outage =>
                {
                    tokio::time::sleep(retry_after).await;
                    continue;
                }
                Err(_) => return,
            }
            if has_ended(&self.watcher, &mut moved, caller.expires()).await {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

/// Waits until a credential should be looked at again, as the store has changed or can no longer be read; or until it has
/// ended by itself, and says so.
pub(super) async fn has_ended(watcher: &Watcher, moved: &mut watch::Receiver<()>, expires: Option<Timestamp>) -> bool {
    let left = expires.map(|end| Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default());
    if left.is_some_and(|left| left.is_zero()) {
        return true;
    }
    // An outage moves nothing, and has to be noticed all the same.
    let wait = left.unwrap_or(Duration::MAX).min(watcher.policy.outage.max(Duration::from_secs(1)));
    matches!(timeout(wait, moved.changed()).await, Ok(Err(_)))
}

/// The list by what it cuts off. Operators make its entries, so it is as long as they make it.
#[derive(Default)]
struct Denied {
    agents: HashMap<String, Cut>,
    subjects: HashMap<String, Cut>,
    credentials: HashSet<String>,
}

impl Denied {
    /// A later entry of the same agent or subject takes the place of an earlier one.
    fn add(&mut self, revocation: &Revocation) {
        match (Cut::of(revocation), revocation.kind.as_str()) {
            (Some((is_agent, cut)), _) => {
                let cuts = if is_agent { &mut self.agents } else { &mut self.subjects };
                cuts.insert(revocation.value.clone(), cut);
            }
            // An unknown kind is a newer release's: its value is taken for all that it could be.
            (None, _) => {
                self.credentials.insert(revocation.value.clone());
            }
        }
    }

    fn covers(&self, caller: &Caller) -> bool {
        let hits = |cut: Option<&Cut>| cut.is_some_and(|cut| cut.covers(caller));
        self.credentials.contains(caller.credential())
            || (!self.agents.is_empty() && hits(self.agents.get(&caller.agent().to_string())))
            || caller.subject().is_some_and(|subject| hits(self.subjects.get(subject)))
    }
}
