use std::sync::mpsc;

use super::*;
use crate::record::sample;

/// What a sink of these tests heard.
#[derive(Default)]
struct Heard {
    outcomes: Vec<&'static str>,
    dropped: Dropped,
    flushes: usize,
}

/// A sink that takes a record for each token, or fails as it is told.
struct Held {
    heard: Arc<Mutex<Heard>>,
    tokens: Option<mpsc::Receiver<()>>,
}

impl Held {
    fn new() -> (Self, Arc<Mutex<Heard>>, mpsc::Sender<()>) {
        let heard = Arc::default();
        let (sender, tokens) = mpsc::channel();
        (Self { heard: Arc::clone(&heard), tokens: Some(tokens) }, heard, sender)
    }
}

impl Sink for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
        if let Some(tokens) = &self.tokens {
            let _ = tokens.recv();
        }
        match record.outcome {
            "FAIL" => return Err("it fails".into()),
            "PANIC" => panic!("it panics"),
            _ => {}
        }
        self.heard.lock().unwrap().outcomes.push(record.outcome);
        Ok(())
    }

    fn dropped(&mut self, dropped: &Dropped) -> Result<(), SinkError> {
        self.heard.lock().unwrap().dropped.merge(dropped);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.heard.lock().unwrap().flushes += 1;
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(20);

fn counts(queue: &Queued) -> (u64, u64) {
    let Counts { written, lost, .. } = queue.counts();
    (written, lost)
}

fn record(outcome: &'static str) -> Arc<CallRecord> {
    Arc::new(sample(outcome))
}

#[test]
fn everything_arrives_in_order() {
    let (sink, heard, tokens) = Held::new();
    drop(tokens);
    let queue = Queued::start(Box::new(sink), 100_000, None).unwrap();
    for outcome in ["A", "B", "C"].into_iter().cycle().take(30_000) {
        queue.push(&record(outcome));
    }
    assert!(queue.flush(LONG));
    let heard = heard.lock().unwrap();
    assert_eq!(heard.outcomes.len(), 30_000);
    assert_eq!(heard.outcomes[..4], ["A", "B", "C", "A"]);
    assert!(heard.flushes > 0);
    assert_eq!(counts(&queue), (30_000, 0));
}

#[test]
fn a_sink_that_stands_still_holds_nobody_up_and_what_it_misses_is_counted() {
    let (sink, heard, tokens) = Held::new();
    let queue = Queued::start(Box::new(sink), 4, None).unwrap();
    // It takes the first ones out of the queue, and waits for a token.
    queue.push(&record("OK"));
    while !queue.0.state().records.is_empty() {
        std::thread::yield_now();
    }
    for _ in 0..4 {
        queue.push(&record("OK"));
    }
    // Nothing of this waits: the sink does not go on before the tokens come.
    for outcome in ["OK", "RATE_LIMITED", "PERMISSION_DENIED", "RATE_LIMITED"] {
        queue.push(&record(outcome));
    }
    assert_eq!(queue.counts().lost, 4);
    assert!(!queue.flush(Duration::from_millis(1)), "a flush has a deadline too");
    drop(tokens);
    assert!(queue.flush(LONG));
    let heard = heard.lock().unwrap();
    assert_eq!(heard.outcomes.len(), 5);
    assert_eq!(heard.dropped.count, 4);
    assert_eq!(heard.dropped.denials_text(), "PERMISSION_DENIED 1, RATE_LIMITED 2");
    assert!(heard.dropped.first <= heard.dropped.last && heard.dropped.first.is_some());
}

#[test]
fn a_call_that_waits_for_room_gets_it_or_goes_on_at_the_deadline() {
    let (sink, heard, tokens) = Held::new();
    let patience = Duration::from_millis(50);
    let queue = Queued::start(Box::new(sink), 1, Some(patience)).unwrap();
    queue.push(&record("A"));
    while !queue.0.state().records.is_empty() {
        std::thread::yield_now();
    }
    queue.push(&record("B"));
    let before = Instant::now();
    queue.push(&record("C"));
    assert!(before.elapsed() >= patience, "it waited");
    assert_eq!(queue.counts().lost, 1, "and was counted");
    drop(queue);
    assert_eq!(heard.lock().unwrap().outcomes.len(), 0, "the sink stands still: the end does not wait for it for ever");
    drop(tokens);

    let (sink, heard, tokens) = Held::new();
    let queue = Queued::start(Box::new(sink), 1, Some(LONG)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| ["A", "B", "C", "D"].map(|outcome| queue.push(&record(outcome))));
        for _ in 0..4 {
            tokens.send(()).unwrap();
        }
    });
    assert!(queue.flush(LONG));
    assert_eq!(heard.lock().unwrap().outcomes, ["A", "B", "C", "D"]);
    assert_eq!(counts(&queue), (4, 0));
}

#[test]
fn a_sink_that_fails_or_panics_gets_the_next_record_all_the_same() {
    let (mut sink, heard, _) = Held::new();
    sink.tokens = None;
    let queue = Queued::start(Box::new(sink), 100, None).unwrap();
    for outcome in ["A", "FAIL", "PANIC", "B"] {
        queue.push(&record(outcome));
    }
    assert!(queue.flush(LONG));
    assert_eq!(heard.lock().unwrap().outcomes, ["A", "B"]);
    assert_eq!(heard.lock().unwrap().dropped.count, 2);
    assert_eq!(counts(&queue), (2, 2));
}

#[test]
fn the_end_writes_what_is_left() {
    let (mut sink, heard, _) = Held::new();
    sink.tokens = None;
    let queue = Queued::start(Box::new(sink), 1000, None).unwrap();
    for _ in 0..500 {
        queue.push(&record("OK"));
    }
    drop(queue);
    assert_eq!(heard.lock().unwrap().outcomes.len(), 500);
}

#[test]
fn records_without_a_pause_are_let_go_of_once_a_tick() {
    let (mut sink, heard, _) = Held::new();
    sink.tokens = None;
    let queue = Queued::start(Box::new(sink), 100_000, None).unwrap();
    let before = Instant::now();
    while before.elapsed() < TICK * 20 {
        queue.push(&record("OK"));
        std::thread::sleep(TICK / 50);
    }
    let flushes = heard.lock().unwrap().flushes as u128;
    let ticks = before.elapsed().as_millis() / TICK.as_millis();
    assert!((2..=ticks + 2).contains(&flushes), "{flushes} in {ticks} ticks");
}

#[test]
fn records_that_are_written_are_let_go_of() {
    let (sink, _, tokens) = Held::new();
    drop(tokens);
    let queue = Queued::start(Box::new(sink), 100_000, None).unwrap();
    let records: Vec<_> = (0..3 * BATCH).map(|_| record("A")).collect();
    for record in &records {
        queue.push(record);
    }
    assert!(queue.flush(LONG));
    assert!(queue.0.state().spent.len() <= BATCH, "kept for calls to come");
    let held = || records.iter().filter(|record| Arc::strong_count(record) > 1).count();
    let end = Instant::now() + LONG;
    while held() > 0 && Instant::now() < end {
        std::thread::sleep(TICK);
    }
    assert_eq!(held(), 0, "no calls come");
    queue.push(&record("B"));
    assert!(queue.flush(LONG));
    assert_eq!(counts(&queue), (3 * BATCH as u64 + 1, 0));
}

#[test]
fn a_sink_that_sleeps_is_woken() {
    let (mut sink, heard, _) = Held::new();
    sink.tokens = None;
    let queue = Queued::start(Box::new(sink), 10, None).unwrap();
    let end = Instant::now() + LONG;
    while !queue.0.state().asleep {
        assert!(Instant::now() < end, "it never sleeps");
        std::thread::sleep(Duration::from_millis(10));
    }
    queue.push(&record("OK"));
    while heard.lock().unwrap().outcomes.is_empty() {
        assert!(Instant::now() < end, "it was not woken");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Takes everything, and cannot write what it holds as long as it is told to.
struct Full(Arc<std::sync::atomic::AtomicBool>);

impl Sink for Full {
    fn name(&self) -> &'static str {
        "full"
    }

    fn write(&mut self, _: &CallRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.0.load(Ordering::Relaxed) { Err("the disk is full".into()) } else { Ok(()) }
    }
}

#[test]
fn what_a_sink_holds_back_is_not_written() {
    let is_full = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let queue = Queued::start(Box::new(Full(Arc::clone(&is_full))), 100, None).unwrap();
    queue.push(&record("OK"));
    let before = Instant::now();
    assert!(!queue.flush(LONG));
    assert!(before.elapsed() < LONG / 2, "it is said as soon as it is known");
    assert_eq!(counts(&queue), (0, 0));
    assert!(queue.counts().failed_flushes > 0);
    is_full.store(false, Ordering::Relaxed);
    assert!(queue.flush(LONG));
    assert_eq!(counts(&queue), (1, 0));
    is_full.store(true, Ordering::Relaxed);
    queue.push(&record("OK"));
    queue.end(LONG);
    assert_eq!(counts(&queue), (1, 1), "and lost at the end");
}

#[test]
fn a_call_that_waits_for_room_leaves_the_thread_to_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (sink, _, tokens) = Held::new();
    let queue = Arc::new(Queued::start(Box::new(sink), 1, Some(LONG)).unwrap());
    runtime.block_on(async {
        queue.push(&record("A"));
        while !queue.0.state().records.is_empty() {
            tokio::task::yield_now().await;
        }
        queue.push(&record("B"));
        let waiting = Arc::clone(&queue);
        let waits = tokio::spawn(async move { waiting.push(&record("C")) });
        // The only worker is in there; another task goes on all the same, and lets the sink go on.
        tokio::time::sleep(Duration::from_millis(50)).await;
        tokio::spawn(async move { drop(tokens) }).await.unwrap();
        waits.await.unwrap();
    });
    assert!(queue.flush(LONG));
    assert_eq!(counts(&queue), (3, 0));

    // Where nothing can be lent, a call waits as long as it may and no longer.
    let (sink, _, _tokens) = Held::new();
    let queue = Queued::start(Box::new(sink), 1, Some(Duration::from_millis(20))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { (0..4).for_each(|_| queue.push(&record("A"))) });
    assert!(queue.counts().lost >= 2);
}
