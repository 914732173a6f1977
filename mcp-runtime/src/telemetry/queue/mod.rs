//! The bounded queue before a sink, and the thread behind it.
//!
//! A call pays for a push under a lock that nobody holds for long. Waking the thread costs far more than that, so the
//! thread is not woken: while records come it looks by itself, every [`TICK`], and takes all there are; only a thread that
//! had nothing to do for [`IDLE`] sleeps until the next record wakes it, or for a second.

use std::collections::VecDeque;
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
    /// All that the sink ever got, and all that it did not.
    written: AtomicU64,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Arc<CallRecord>>,
    dropped: Dropped,
    asleep: bool,
    /// How often everything was wanted to be written, and how often it was.
    flush: u64,
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
        });
        let worker = Worker::new(Arc::clone(&shared), sink);
        std::thread::Builder::new().name(format!("mcp-{}", shared.name)).spawn(move || worker.run())?;
        Ok(Self(shared))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name
    }

    /// How many records the sink got, and how many it did not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.0.written.load(Ordering::Relaxed), self.0.lost.load(Ordering::Relaxed))
    }

    /// Hands a record over.
    pub(super) fn push(&self, record: &Arc<CallRecord>) {
        let shared = &*self.0;
        let mut state = shared.state();
        if state.records.len() >= shared.bound {
            state = shared.wait_for_room(state);
        }
        if state.records.len() >= shared.bound || state.ending {
            state.dropped.add(record);
            shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.records.push_back(Arc::clone(record));
        // Half full is early enough: a queue that is smaller than what comes in a tick would lose records.
        if state.asleep || state.records.len() == shared.bound.div_ceil(2) {
            state.asleep = false;
            drop(state);
            shared.filled.notify_one();
        }
    }

    /// Waits until the sink has written everything that came so far, within a time. Whether it has.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut state = self.0.state();
        state.flush += 1;
        let asked = state.flush;
        self.0.filled.notify_one();
        self.0.wait(state, within, |state| state.flushed >= asked || state.ended).flushed >= asked
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
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn wait_for_room<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        match self.patience {
            Some(patience) => self.wait(state, patience, |state| state.records.len() < self.bound || state.ending),
            None => state,
        }
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
    /// What last went wrong.
    error: Option<SinkError>,
    logged: Option<Instant>,
    /// When there last was a record.
    worked: Instant,
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
            error: None,
            logged: None,
            worked: Instant::now(),
        }
    }

    fn run(mut self) {
        let mut flushed = Instant::now();
        let mut held = false;
        loop {
            let Work { batch, last, flush, ending } = self.wait();
            held |= !batch.is_empty();
            for record in &batch {
                self.write(record);
            }
            self.tell();
            if last || (held && flushed.elapsed() >= FLUSH) {
                self.attempt(Sink::flush);
                flushed = Instant::now();
                held = false;
            }
            self.log(ending);
            let mut state = self.shared.state();
            if last {
                state.flushed = state.flushed.max(flush);
            }
            self.shared.emptied.notify_all();
            if ending && last && state.records.is_empty() {
                break;
            }
        }
        let Self { shared, sink, .. } = self;
        // What it does at its end belongs to it.
        contained(shared.name, || drop(sink));
        shared.state().ended = true;
        shared.emptied.notify_all();
    }

    /// Waits for something to do: records, a flush, the end. A sink that is flushed for no reason may have work of its
    /// own at intervals, so it is asked at least once a [`FLUSH`].
    fn wait(&mut self) -> Work {
        let mut state = self.shared.state();
        let since = Instant::now();
        loop {
            let idle = self.worked.elapsed() >= IDLE;
            let due = since.elapsed() >= FLUSH;
            let asked = state.flush > state.flushed || state.ending || state.dropped.count > 0;
            if !state.records.is_empty() || asked || due {
                state.asleep = false;
                let count = state.records.len().min(BATCH);
                let batch: Vec<_> = state.records.drain(..count).collect();
                if !batch.is_empty() {
                    self.worked = Instant::now();
                }
                self.shared.emptied.notify_all();
                return Work { batch, last: state.records.is_empty(), flush: state.flush, ending: state.ending };
            }
            state.asleep = idle;
            let time = if idle { FLUSH } else { TICK };
            state = self.shared.filled.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write(&mut self, record: &CallRecord) {
        if self.attempt(|sink| sink.write(record)) {
            self.shared.written.fetch_add(1, Ordering::Relaxed);
        } else {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            self.untold.add(record);
            self.unlogged.add(record);
        }
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
