//! Who blocks a thread: an `async fn` that computes or sleeps instead of waiting. Nothing can end it, no time-out fires
//! meanwhile, and what else runs on its thread stands still. So it is reported by name while it does.
//!
//! Each poll of a tool's future is noted in a slot of its thread: some stores to memory that nobody else writes, and no
//! look at a clock. A thread of the system, which no tool can block, looks at the slots while calls run, and knows a poll
//! that it has seen before by its number. What a machine loses by standing still (a debugger, a suspended process) counts
//! for no poll.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::error::Correlation;

/// As many threads are watched. Runtimes have one a core.
const THREADS: usize = 256;

/// The longest time between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// Watches the polls of one gate's calls. Without a bound it watches nothing.
pub(super) struct Watchdog(Option<Watching>);

struct Watching {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    bound: Duration,
    slots: Box<[Slot]>,
    tools: Vec<Tool>,
    /// Calls that are not over.
    calls: AtomicUsize,
    /// The thread waits for a call.
    asleep: AtomicBool,
    over: AtomicBool,
}

struct Tool {
    name: &'static str,
    blocked: AtomicU64,
}

/// The poll that runs on one thread. Alone in its cache line.
#[derive(Default)]
#[repr(align(64))]
struct Slot {
    /// The number of the poll that runs, or 0.
    running: AtomicU64,
    /// How many polls there were.
    polls: AtomicU64,
    tool: AtomicUsize,
    correlation: [AtomicU64; 2],
}

impl Watchdog {
    /// Watches these tools; nothing if there is no bound.
    pub(super) fn start(bound: Option<Duration>, tools: impl Iterator<Item = &'static str>) -> io::Result<Self> {
        let Some(bound) = bound else { return Ok(Self(None)) };
        let shared = Arc::new(Shared {
            bound,
            slots: std::iter::repeat_with(Slot::default).take(THREADS).collect(),
            tools: tools.map(|name| Tool { name, blocked: AtomicU64::new(0) }).collect(),
            calls: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("mcp-watchdog".to_owned()).spawn(move || watched.watch())?;
        Ok(Self(Some(Watching { shared, thread: thread.thread().clone() })))
    }

    /// Watches one call from here on.
    pub(super) fn call(&self, tool: usize, correlation: Correlation) -> Watch<'_> {
        if let Some(watching) = &self.0 {
            // In one order with what the thread does before it sleeps.
            watching.shared.calls.fetch_add(1, Ordering::SeqCst);
            if watching.shared.asleep.load(Ordering::SeqCst) {
                watching.thread.unpark();
            }
        }
        Watch { shared: self.0.as_ref().map(|watching| &*watching.shared), tool, correlation }
    }

    /// How often each tool was found blocking.
    #[cfg(feature = "prometheus")]
    pub(super) fn blocked(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let tools = self.0.iter().flat_map(|watching| &watching.shared.tools);
        tools.map(|tool| (tool.name, tool.blocked.load(Ordering::Relaxed)))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(watching) = &self.0 {
            watching.shared.over.store(true, Ordering::SeqCst);
            watching.thread.unpark();
        }
    }
}

/// One call that is watched, until it is dropped.
pub(super) struct Watch<'w> {
    shared: Option<&'w Shared>,
    tool: usize,
    correlation: Correlation,
}

impl Watch<'_> {
    /// A future whose polls are noted.
    pub(super) fn over<F: Future + Unpin>(&self, future: F) -> Watched<'_, F> {
        Watched { watch: self, future }
    }

    /// Notes that code of the tool runs on this thread, until what is given back is dropped.
    pub(super) fn note(&self) -> Option<Noted<'_>> {
        let slot = self.shared?.slots.get(number()?)?;
        // A tool that calls another one runs it inside of its own poll.
        let outer = Some(slot.running.load(Ordering::Relaxed)).filter(|running| *running != 0).map(|running| {
            slot.running.store(0, Ordering::Release);
            (running, slot.about())
        });
        let poll = slot.polls.load(Ordering::Relaxed) + 1;
        slot.polls.store(poll, Ordering::Relaxed);
        slot.run(poll, (self.tool, self.correlation));
        Some(Noted { slot, outer })
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared {
            shared.calls.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A future whose polls are noted.
pub(super) struct Watched<'w, F> {
    watch: &'w Watch<'w>,
    future: F,
}

impl<F: Future + Unpin> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _noted = self.watch.note();
        Pin::new(&mut self.future).poll(context)
    }
}

/// Code of a tool that runs on this thread.
pub(super) struct Noted<'s> {
    slot: &'s Slot,
    outer: Option<(u64, (usize, Correlation))>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.slot.running.store(0, Ordering::Release);
        if let Some((poll, about)) = self.outer {
            self.slot.run(poll, about);
        }
    }
}

impl Slot {
    /// Written while nothing runs here, so that who reads it and finds the same poll before and after has read of that one.
    fn run(&self, poll: u64, (tool, correlation): (usize, Correlation)) {
        let [high, low] = correlation.halves();
        self.tool.store(tool, Ordering::Release);
        self.correlation[0].store(high, Ordering::Release);
        self.correlation[1].store(low, Ordering::Release);
        self.running.store(poll, Ordering::Release);
    }

    fn about(&self) -> (usize, Correlation) {
        let halves = [&self.correlation[0], &self.correlation[1]].map(|half| half.load(Ordering::Acquire));
        (self.tool.load(Ordering::Acquire), Correlation::of_halves(halves))
    }
}

/// A poll as the watchdog knows it.
#[derive(Clone, Copy, Default)]
struct Seen {
    poll: u64,
    age: Duration,
    reported: bool,
}

impl Shared {
    fn watch(&self) {
        let look = (self.bound / 4).clamp(Duration::from_millis(1), LOOK);
        let mut seen = vec![Seen::default(); self.slots.len()];
        let mut looked = Instant::now();
        while !self.over.load(Ordering::SeqCst) {
            self.asleep.store(true, Ordering::SeqCst);
            if self.calls.load(Ordering::SeqCst) == 0 {
                std::thread::park();
                looked = Instant::now();
            }
            self.asleep.store(false, Ordering::SeqCst);
            std::thread::park_timeout(look);
            let now = Instant::now();
            // Where this thread did not run for longer, others may not have either.
            let passed = now.duration_since(looked).min(look * 2);
            looked = now;
            for (slot, seen) in self.slots.iter().zip(&mut seen) {
                self.look(slot, seen, passed);
            }
        }
    }

    fn look(&self, slot: &Slot, seen: &mut Seen, passed: Duration) {
        let poll = slot.running.load(Ordering::Acquire);
        if poll == 0 || poll != seen.poll {
            *seen = Seen { poll, ..Seen::default() };
            return;
        }
        seen.age += passed;
        if seen.reported || seen.age < self.bound {
            return;
        }
        let (tool, correlation) = slot.about();
        if slot.running.load(Ordering::Acquire) != poll {
            return;
        }
        seen.reported = true;
        let Some(tool) = self.tools.get(tool) else { return };
        tool.blocked.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            target: "mcp_runtime::watchdog",
            tool = tool.name,
            %correlation,
            blocked_ms = u64::try_from(seen.age.as_millis()).unwrap_or(u64::MAX),
            "an `async fn` blocks its thread: no time-out can end it, and what else runs there stands still; make it a plain \
             `fn`, or give what blocks to tokio::task::spawn_blocking"
        );
    }
}

/// The numbers of threads that are gone, and the first that nobody had.
static NUMBERS: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

thread_local! {
    static NUMBER: Number = Number::take();
}

/// The number of a thread, given back at its end.
struct Number(usize);

impl Number {
    fn take() -> Self {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let (free, next) = &mut *numbers;
        Self(free.pop().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }))
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
    }
}

/// `None` on a thread that is about to end.
fn number() -> Option<usize> {
    NUMBER.try_with(|number| number.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(bound: Duration) -> Shared {
        Shared {
            bound,
            slots: std::iter::repeat_with(Slot::default).take(THREADS).collect(),
            tools: ["outer", "inner"].map(|name| Tool { name, blocked: AtomicU64::new(0) }).into(),
            calls: AtomicUsize::new(2),
            asleep: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    #[test]
    fn a_poll_is_reported_once_and_by_the_tool_that_blocks() {
        let shared = shared(Duration::from_secs(1));
        let (outer, inner) = (Correlation::new(), Correlation::new());
        let watch = |tool, correlation| Watch { shared: Some(&shared), tool, correlation };
        let (outer, inner) = (watch(0, outer), watch(1, inner));
        let mut seen = Seen::default();
        let slot = &shared.slots[number().unwrap()];
        let mut look = |passed: f64| shared.look(slot, &mut seen, Duration::from_secs_f64(passed));
        let blocked = || shared.tools.iter().map(|tool| tool.blocked.load(Ordering::Relaxed)).collect::<Vec<_>>();

        // Polls that come and go are never old, however often somebody looks.
        for _ in 0..10 {
            let _noted = outer.note();
            look(0.5);
        }
        assert_eq!(blocked(), [0, 0]);

        let noted = outer.note();
        assert_eq!(slot.about(), (0, outer.correlation));
        look(9.0);
        look(0.5);
        assert_eq!(blocked(), [0, 0], "the first look tells nothing of the time before");
        look(0.5);
        look(5.0);
        assert_eq!(blocked(), [1, 0], "once");

        let within = inner.note();
        assert_eq!(slot.about(), (1, inner.correlation));
        look(1.0);
        look(1.0);
        assert_eq!(blocked(), [1, 1]);
        drop(within);
        assert_eq!(slot.about(), (0, outer.correlation), "the outer one goes on");
        look(0.0);
        look(1.0);
        assert_eq!(blocked(), [2, 1]);
        drop(noted);
        look(1.0);
        look(1.0);
        assert_eq!((slot.running.load(Ordering::Relaxed), blocked()), (0, vec![2, 1]));
    }

    #[test]
    fn numbers_of_threads_come_back() {
        let used = |count: usize| {
            let threads: Vec<_> = (0..count).map(|_| std::thread::spawn(|| number().unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
        };
        // Other tests have threads as well.
        assert!((0..100).all(|_| used(10) < THREADS));
    }

    #[test]
    fn its_thread_ends_with_it() {
        let watchdog = Watchdog::start(Some(Duration::from_secs(1)), ["a"].into_iter()).unwrap();
        let shared = Arc::downgrade(&watchdog.0.as_ref().unwrap().shared);
        drop(watchdog.call(0, Correlation::new()));
        drop(watchdog);
        let end = Instant::now() + Duration::from_secs(10);
        while shared.strong_count() > 0 {
            assert!(Instant::now() < end, "the thread goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
