//! The bounded queue before a sink, and the thread behind it.
//!
//! A call pays for a push under a lock that nobody holds for long. Waking the thread costs far more than that, so the
//! thread is not woken: while records come it looks by itself, every [`TICK`] and no sooner, and takes all there are, since
//! each time that a sink lets go of what it holds costs far more than a record. Only a thread that had nothing to do for
//! [`IDLE`] sleeps until the next record wakes it, or for a second; and a queue that is half full waits for nothing.
//!
//! A record counts as written when the sink has let go of everything that it held, not when it took it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sink::{Dropped, Sink, SinkError};
use super::watch::contained;
use crate::record::CallRecord;

/// How long a record waits at the most until the thread looks.
const TICK: Duration = Duration::from_millis(5);

/// How long there has to be nothing until the thread sleeps.
const IDLE: Duration = Duration::from_millis(250);

/// At least this often a sink is flushed, whether records come without end or not at all.
const FLUSH: Duration = Duration::from_secs(1);

/// At the most this often the log hears of records that a sink did not get.
const REPORT: Duration = Duration::from_secs(10);

/// How many records are taken out of the queue at a time.
const BATCH: usize = 1024;

/// How long the end of a server waits for a sink.
const END: Duration = Duration::from_secs(2);

/// A sink behind its queue. Dropped, it waits a moment for what is still in the queue.
#[derive(Debug)]
pub(super) struct Queued(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: &'static str,
    /// How many records wait at the most.
    bound: usize,
    /// How long a call waits for room at the most.
    patience: Option<Duration>,
    state: Mutex<State>,
    /// The thread waits for something to do.
    filled: Condvar,
    /// Calls wait for room, and whoever flushes for the end.
    emptied: Condvar,
    /// All that the sink ever wrote, and all that it did not get or write.
    written: AtomicU64,
    lost: AtomicU64,
    /// How often it could not write what it held.
    failed_flushes: AtomicU64,
}

/// What became of the records of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) written: u64,
    pub(super) lost: u64,
    pub(super) failed_flushes: u64,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Arc<CallRecord>>,
    /// Records that the sink is through with, for those who bring new ones: memory that another thread gives back costs an
    /// allocator several times what it costs where it was taken.
    spent: Vec<Arc<CallRecord>>,
    dropped: Dropped,
    asleep: bool,
    /// Who waits for `emptied`: nobody, nearly always, and to wake nobody costs as much as to wake somebody.
    waiting: usize,
    /// How often everything was wanted to be written, how often that was tried, and which try was the last good one.
    flush: u64,
    tried: u64,
    flushed: u64,
    ending: bool,
    ended: bool,
}

impl Queued {
    /// Starts the thread of a sink.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(sink: Box<dyn Sink>, bound: usize, patience: Option<Duration>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            name: sink.name(),
            bound: bound.max(1),
            patience,
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            failed_flushes: AtomicU64::new(0),
        });
        let worker = Worker::new(Arc::clone(&shared), sink);
        std::thread::Builder::new().name(format!("mcp-{}", shared.name)).spawn(move || worker.run())?;
        Ok(Self(shared))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name
    }

    /// What became of the records so far. Those that the sink holds back are neither written nor lost.
    pub(super) fn counts(&self) -> Counts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Shared { written, lost, failed_flushes, .. } = &*self.0;
        Counts { written: get(written), lost: get(lost), failed_flushes: get(failed_flushes) }
    }

    /// Hands a record over.
    pub(super) fn push(&self, record: &Arc<CallRecord>) {
        let shared = &*self.0;
        let mut state = shared.state();
        if let Some(patience) = shared.patience.filter(|_| state.records.len() >= shared.bound) {
            drop(state);
            state = lending(|| shared.wait_for_room(patience));
        }
        if state.records.len() >= shared.bound || state.ending {
            state.dropped.add(record);
            shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.records.push_back(Arc::clone(record));
        // Half full is early enough: a queue that is smaller than what comes in a tick would lose records.
        let wakes = state.asleep || state.records.len() == shared.half();
        state.asleep &= !wakes;
        let spent = state.spent.pop();
        drop(state);
        if wakes {
            shared.filled.notify_one();
        }
        // Nobody waits for this.
        drop(spent);
    }

    /// Waits until the sink has written everything that came so far, within a time. Whether it has.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut state = self.0.state();
        state.flush += 1;
        let asked = state.flush;
        self.0.filled.notify_one();
        self.0.wait(state, within, |state| state.tried >= asked || state.ended).flushed >= asked
    }
}

/// Waits without holding up the tasks of this thread: the runtime gives them to another one, if it has more than one. A
/// runtime with one thread stands still meanwhile.
fn lending<R>(mut wait: impl FnMut() -> R) -> R {
    use tokio::runtime::{Handle, RuntimeFlavor};

    let lends = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if !lends {
        return wait();
    }
    // It panics where the tasks cannot leave their thread, in a `LocalSet`.
    match catch_unwind(AssertUnwindSafe(|| tokio::task::block_in_place(&mut wait))) {
        Ok(waited) => waited,
        Err(_) => wait(),
    }
}

impl Queued {
    /// Takes no more records, and waits until the sink has written those that it has and is gone, within a time.
    pub(super) fn end(&self, within: Duration) {
        let mut state = self.0.state();
        state.ending = true;
        self.0.filled.notify_one();
        let ended = self.0.wait(state, within, |state| state.ended).ended;
        if !ended {
            tracing::error!(target: "mcp_runtime::telemetry", sink = self.0.name, "a sink did not end in time");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records are half of what may wait.
    fn half(&self) -> usize {
        self.bound.div_ceil(2)
    }

    /// Tells those who wait that something has changed.
    fn changed(&self, state: &State) {
        if state.waiting > 0 {
            self.emptied.notify_all();
        }
    }

    /// Waits until something holds, and no longer than was said.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        within: Duration,
        holds: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let end = Instant::now() + within;
        while !holds(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.waiting += 1;
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        state
    }

    fn wait_for_room(&self, patience: Duration) -> MutexGuard<'_, State> {
        self.wait(self.state(), patience, |state| state.records.len() < self.bound || state.ending)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.end(END);
    }
}

/// What runs on the sink's thread.
struct Worker {
    shared: Arc<Shared>,
    sink: Box<dyn Sink>,
    /// Lost records that the sink has not heard of yet, and those that the log has not.
    untold: Dropped,
    unlogged: Dropped,
    /// Records that the sink took since it last wrote what it held.
    held: u64,
    /// What last went wrong.
    error: Option<SinkError>,
    logged: Option<Instant>,
    /// When it last took records, and whether there were more.
    worked: Instant,
    behind: bool,
}

/// What there is to do.
struct Work {
    batch: Vec<Arc<CallRecord>>,
    /// The queue is empty behind them.
    last: bool,
    /// The flush that was asked for before them.
    flush: u64,
    ending: bool,
}

impl Worker {
    fn new(shared: Arc<Shared>, sink: Box<dyn Sink>) -> Self {
        Self {
            shared,
            sink,
            untold: Dropped::default(),
            unlogged: Dropped::default(),
            held: 0,
            error: None,
            logged: None,
            worked: Instant::now(),
            behind: false,
        }
    }

    fn run(mut self) {
        let mut tried = Instant::now();
        let mut is_new = false;
        loop {
            let Work { mut batch, last, flush, ending } = self.wait();
            is_new |= !batch.is_empty();
            for record in &batch {
                self.write(record);
            }
            self.tell();
            let mut is_flushed = false;
            if last || (is_new && tried.elapsed() >= FLUSH) {
                is_flushed = self.flush();
                tried = Instant::now();
                is_new = false;
            }
            self.log(ending);
            let mut state = self.shared.state();
            // As many as stand for one batch; what is more goes with `batch`, behind the lock.
            let room = BATCH.saturating_sub(state.spent.len()).min(batch.len());
            state.spent.extend(batch.drain(..room));
            if last {
                state.tried = state.tried.max(flush);
                if is_flushed {
                    state.flushed = state.flushed.max(flush);
                }
            }
            self.shared.changed(&state);
            let is_over = ending && last && state.records.is_empty();
            drop(state);
            if is_over {
                break;
            }
        }
        let Self { shared, sink, held, .. } = self;
        if held > 0 {
            shared.lost.fetch_add(held, Ordering::Relaxed);
            tracing::error!(
                target: "mcp_runtime::telemetry",
                sink = shared.name,
                records = held,
                "a sink could not write what it held at the end"
            );
        }
        // What it does at its end belongs to it.
        contained(shared.name, || drop(sink));
        let mut state = shared.state();
        state.ended = true;
        shared.changed(&state);
    }

    /// Waits for something to do: records, a flush, the end. A sink that is flushed for no reason may have work of its
    /// own at intervals, so it is asked at least once a [`FLUSH`].
    fn wait(&mut self) -> Work {
        let mut state = self.shared.state();
        let since = Instant::now();
        loop {
            let now = Instant::now();
            let quiet = now.saturating_duration_since(self.worked);
            let asked = state.flush > state.tried || state.ending || state.dropped.count > 0;
            let pressing = asked || self.behind || state.records.len() >= self.shared.half();
            let due = now.saturating_duration_since(since) >= FLUSH;
            if pressing || due || (!state.records.is_empty() && quiet >= TICK) {
                state.asleep = false;
                let count = state.records.len().min(BATCH);
                let batch: Vec<_> = state.records.drain(..count).collect();
                if !batch.is_empty() {
                    self.worked = now;
                }
                self.behind = !state.records.is_empty();
                self.shared.changed(&state);
                return Work { batch, last: !self.behind, flush: state.flush, ending: state.ending };
            }
            if quiet >= IDLE && !state.spent.is_empty() {
                // Nobody brings more, and so nobody takes these.
                let spent = std::mem::take(&mut state.spent);
                drop(state);
                drop(spent);
                state = self.shared.state();
                continue;
            }
            state.asleep = quiet >= IDLE;
            let time = match TICK.saturating_sub(quiet) {
                _ if state.asleep => FLUSH,
                Duration::ZERO => TICK,
                left => left,
            };
            state = self.shared.filled.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write(&mut self, record: &CallRecord) {
        if self.attempt(|sink| sink.write(record)) {
            self.held += 1;
        } else {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            self.untold.add(record);
            self.unlogged.add(record);
        }
    }

    /// Lets the sink write what it holds. Whether it did.
    fn flush(&mut self) -> bool {
        let is_flushed = self.attempt(Sink::flush);
        if is_flushed {
            self.shared.written.fetch_add(std::mem::take(&mut self.held), Ordering::Relaxed);
        } else {
            self.shared.failed_flushes.fetch_add(1, Ordering::Relaxed);
        }
        is_flushed
    }

    /// Whether the sink did what it was asked to.
    fn attempt(&mut self, ask: impl FnOnce(&mut dyn Sink) -> Result<(), SinkError>) -> bool {
        match contained(self.shared.name, || ask(&mut *self.sink)) {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                self.error = Some(error);
                false
            }
            None => false,
        }
    }

    /// Tells the sink what was dropped.
    fn tell(&mut self) {
        let dropped = std::mem::take(&mut self.shared.state().dropped);
        self.untold.merge(&dropped);
        self.unlogged.merge(&dropped);
        if self.untold.count > 0 {
            let untold = std::mem::take(&mut self.untold);
            if !self.attempt(|sink| sink.dropped(&untold)) {
                self.untold = untold;
            }
        }
    }

    /// Tells the log what was dropped and what went wrong: a sink that fails fails often, so not each time.
    fn log(&mut self, now: bool) {
        let quiet = self.unlogged.count == 0 && self.error.is_none();
        if quiet || (!now && self.logged.is_some_and(|logged| logged.elapsed() < REPORT)) {
            return;
        }
        self.logged = Some(Instant::now());
        let lost = std::mem::take(&mut self.unlogged);
        let error = self.error.take().map(|error| error.to_string());
        tracing::error!(
            target: "mcp_runtime::telemetry",
            sink = self.shared.name,
            error,
            lost = lost.count,
            denials = lost.denials_text(),
            "a sink did not take all records"
        );
    }
}

#[cfg(test)]
mod tests;
