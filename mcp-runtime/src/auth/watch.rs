//! What the store's epoch says: whether what was read from the store still holds.
//!
//! Whoever caches what it read notes the [`Stamp`] from before the read. It holds as long as the stamp is the same: every
//! change through this process's store moves it at once, and a change of another process with the next poll. So what was
//! read before a revocation can never be taken for something newer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::{CachePolicy, CredentialStore, StoreError};

/// How long a read of the store may take before it counts as failed.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// The state of the store that something was read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The store's own count of changes.
    changes: u64,
    /// The epoch of the last poll.
    epoch: u64,
    /// How often somebody asked to forget everything.
    forgotten: u64,
}

/// Watches a store; ends when it is dropped.
pub(super) struct Watcher {
    watch: Arc<Watch>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Reads the epoch and begins to watch it.
    pub(super) async fn start(store: Arc<dyn CredentialStore>, policy: CachePolicy) -> Result<Arc<Self>, StoreError> {
        let watch = Arc::new(Watch {
            store,
            policy,
            began: Instant::now(),
            polled: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            moved: watch::Sender::new(()),
        });
        watch.poll().await?;
        let task = tokio::spawn(Arc::clone(&watch).watch());
        Ok(Arc::new(Self { watch, task }))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::ops::Deref for Watcher {
    type Target = Watch;

    fn deref(&self) -> &Watch {
        &self.watch
    }
}

/// What is known of the store.
pub(super) struct Watch {
    pub(super) store: Arc<dyn CredentialStore>,
    pub(super) policy: CachePolicy,
    began: Instant,
    /// When the last successful poll was sent, in milliseconds since `began`.
    polled: AtomicU64,
    epoch: AtomicU64,
    forgotten: AtomicU64,
    moved: watch::Sender<()>,
}

impl Watch {
    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            changes: self.store.changes(),
            epoch: self.epoch.load(Ordering::Acquire),
            forgotten: self.forgotten.load(Ordering::Acquire),
        }
    }

    /// Whether what was read at this stamp still holds.
    pub(super) fn holds(&self, stamp: Stamp) -> bool {
        stamp == self.stamp() && self.is_in_touch()
    }

    /// Whether a revocation of another process would have been seen: the store was read within the bound for outages.
    pub(super) fn is_in_touch(&self) -> bool {
        let since = self.now().saturating_sub(self.polled.load(Ordering::Acquire));
        Duration::from_millis(since) <= self.policy.outage
    }

    /// Nothing that was read before holds any more.
    pub(super) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::Release);
        self.moved.send_replace(());
    }

    /// Wakes up when the store has changed.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Asks the store whether another process changed it.
    async fn poll(&self) -> Result<(), StoreError> {
        let sent = self.now();
        let epoch = timeout(STORE_TIMEOUT, self.store.epoch()).await;
        let epoch = epoch.map_err(|_| StoreError::TimedOut(STORE_TIMEOUT))??;
        // Any difference counts: a store restored from a backup has a lower epoch.
        if self.epoch.swap(epoch, Ordering::AcqRel) != epoch {
            self.moved.send_replace(());
        }
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
                    tracing::error!(%error, "credentials cannot be read: known ones are accepted for {outage} s more");
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
}
