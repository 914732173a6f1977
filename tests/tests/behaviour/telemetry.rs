//! Sinks and observers of a server's own, the span of a call, and what a record says of it.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::scope::Grants;
use mcp_runtime::telemetry::{Begun, CallRecord, Dropped, Observer, Scope, Sink, SinkError, Telemetry};
use mcp_runtime::testing::Client;
use mcp_runtime::{Json, Untrusted, server};
use mcp_tests::audit::Audit;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::json;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

thread_local! {
    /// What stands around the code that runs on this thread.
    static AROUND: Cell<&'static str> = const { Cell::new("nothing") };
}

struct Watched;

#[server(name = "watched", rate = "1000000/min")]
impl Watched {
    /// Doubles.
    #[tool(scope = "double", rate = "100000/min")]
    async fn double(&self, #[arg(range(0..=100))] n: u32) -> Json<u32> {
        tokio::task::yield_now().await;
        Json(n * 2)
    }

    /// Seldom.
    #[tool(scope = "double", rate = "5/day")]
    async fn seldom(&self) {}

    /// Says what stands around it.
    #[tool(any_caller, rate = inherit)]
    async fn around(&self) -> String {
        let before = AROUND.get();
        tokio::task::yield_now().await;
        tracing::info!("from the tool");
        format!("{before} {}", AROUND.get())
    }

    /// Says what stands around it, on a thread.
    #[tool(any_caller, rate = inherit)]
    fn around_blocking(&self) -> String {
        AROUND.get().to_owned()
    }

    /// Takes its time.
    #[tool(any_caller, rate = inherit)]
    async fn slow(&self) -> Vec<mcp_runtime::Content> {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Vec::new()
    }

    /// What others wrote.
    #[tool(any_caller, rate = inherit)]
    async fn others(&self) -> Json<Vec<Untrusted<String>>> {
        Json(vec!["a".to_owned().into(), "b\u{200b}".to_owned().into()])
    }

    /// Breaks.
    #[tool(any_caller, rate = inherit)]
    async fn broken(&self) {
        panic!("no")
    }
}

/// Counts outcomes.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<BTreeMap<String, usize>>>);

impl Tally {
    fn count(&self, outcome: &str) {
        *self.0.lock().unwrap().entry(outcome.to_owned()).or_default() += 1;
    }

    fn all(&self) -> BTreeMap<String, usize> {
        self.0.lock().unwrap().clone()
    }
}

impl Sink for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
        self.count(record.outcome);
        Ok(())
    }
}

impl Observer for Tally {
    fn end(&self, record: &CallRecord) {
        self.count(record.outcome);
    }
}

fn grant(client: &Client, name: &str, scopes: &[&str]) -> Client {
    client.agent(name, scopes).unwrap()
}

#[tokio::test]
async fn a_thousand_random_calls_are_counted_alike_by_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let config =
        format!("[audit]\npath = {path:?}\nrotate = \"64KiB\"\nqueue = 16\nwhen_full = \"block\"\ndeadline = \"20s\"");
    let (sink, observer, mine) = (Tally::default(), Tally::default(), Tally::default());
    let telemetry = Telemetry::new().sink(sink.clone()).observer(Arc::new(observer.clone()));
    let client = Client::with_telemetry(Watched, Config::parse(&config).unwrap(), telemetry).unwrap();
    let agents: Vec<_> =
        (0..5).map(|n| grant(&client, &format!("agent-{n}"), if n == 0 { &["other"] } else { &["double"] })).collect();
    let mut dice = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut roll = |sides: u32| dice.next_u32() % sides;
    for _ in 0..1000 {
        let agent = &agents[roll(5) as usize];
        let (tool, arguments) = match roll(8) {
            0 => ("nothing", json!({})),
            1 => ("seldom", json!({})),
            2 => ("broken", json!({})),
            3 => ("double", json!({"n": 101 + roll(10)})),
            4 => ("double", json!([])),
            5 => ("others", json!({})),
            _ => ("double", json!({"n": roll(100)})),
        };
        match agent.call(tool, arguments).await {
            Ok(_) => mine.count("OK"),
            Err(error) if error.code().is_empty() => mine.count("INVALID_REQUEST"),
            Err(error) => mine.count(error.code()),
        }
    }
    assert!(client.flush());
    let mine = mine.all();
    for outcome in ["OK", "PERMISSION_DENIED", "RATE_LIMITED", "INVALID_ARGUMENTS", "INVALID_REQUEST", "INTERNAL"] {
        assert!(mine.contains_key(outcome), "{outcome} came to pass: {mine:?}");
    }
    assert_eq!(sink.all(), mine);
    assert_eq!(observer.all(), mine);
    let audit = Tally::default();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        for record in Audit::at(&file.unwrap().path()).records() {
            audit.count(record["outcome"].as_str().unwrap());
        }
    }
    assert_eq!(audit.all(), mine);
    assert!(
        client.sink_counts().iter().all(|sink| (sink.written, sink.lost) == (1000, 0)),
        "{:?}",
        client.sink_counts()
    );
}

/// Stands still until it is let go.
struct Stuck {
    go: Receiver<()>,
    seen: Arc<AtomicUsize>,
    dropped: Sender<Dropped>,
}

impl Sink for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn write(&mut self, _: &CallRecord) -> Result<(), SinkError> {
        let _ = self.go.recv();
        self.seen.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn dropped(&mut self, dropped: &Dropped) -> Result<(), SinkError> {
        Ok(self.dropped.send(dropped.clone())?)
    }
}

#[tokio::test]
async fn a_sink_that_stands_still_slows_no_call_and_misses_no_count() {
    const CALLS: usize = 9000;
    let (let_go, go) = channel();
    let (dropped, told) = channel();
    let seen = Arc::new(AtomicUsize::new(0));
    let telemetry = Telemetry::new().sink(Stuck { go, seen: Arc::clone(&seen), dropped });
    let client = Client::with_telemetry(Watched, Config::default(), telemetry).unwrap();
    let stranger = grant(&client, "stranger", &["other"]);
    // Every one of these is answered while the sink takes nothing.
    for _ in 0..CALLS {
        assert_eq!(stranger.call("double", json!({"n": 1})).await.unwrap_err().code(), "PERMISSION_DENIED");
    }
    assert_eq!(seen.load(Ordering::Relaxed), 0);
    drop(let_go);
    assert!(client.flush());
    let [count] = client.sink_counts()[..] else { panic!("one sink") };
    assert!(count.lost > 0);
    assert_eq!(count.written + count.lost, CALLS as u64);
    assert_eq!(seen.load(Ordering::Relaxed) as u64, count.written);
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told.iter().map(|dropped| dropped.count).sum::<u64>(), count.lost);
    let denials: u64 = told.iter().map(|dropped| dropped.denials["PERMISSION_DENIED"]).sum();
    assert_eq!(denials, count.lost, "no denial is lost without a word");
}

/// Notes what it hears, and stands around the tools.
#[derive(Default)]
struct Watch(Arc<Mutex<Vec<String>>>);

struct Standing(Arc<Mutex<Vec<String>>>);

struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        AROUND.set("nothing");
    }
}

impl Observer for Watch {
    fn begin(&self, request: &Begun<'_>) -> Option<Arc<dyn Scope>> {
        let heard = format!("begin {} {:?} {}", request.method, request.tool, request.caller.agent());
        self.0.lock().unwrap().push(heard);
        Some(Arc::new(Standing(Arc::clone(&self.0))))
    }

    fn end(&self, record: &CallRecord) {
        self.0.lock().unwrap().push(format!("all {:?} {}", record.tool, record.outcome));
    }
}

impl Scope for Standing {
    fn enter(&self) -> Option<Box<dyn Any>> {
        AROUND.set("a scope");
        Some(Box::new(Left))
    }

    fn end(&self, record: &CallRecord) {
        self.0.lock().unwrap().push(format!("end {:?} {}", record.tool, record.outcome));
    }
}

#[tokio::test]
async fn an_observer_stands_around_the_tool_and_hears_the_end() {
    let heard = Arc::default();
    let telemetry = Telemetry::new().observer(Arc::new(Watch(Arc::clone(&heard))));
    let client = Client::with_telemetry(Watched, Config::default(), telemetry).unwrap();
    let client = grant(&client, "reporting", &["x"]);
    assert_eq!(client.call("around", json!({})).await.unwrap().text(), "a scope a scope");
    assert_eq!(client.call("around_blocking", json!({})).await.unwrap().text(), "a scope");
    assert_eq!(AROUND.get(), "nothing", "it is left behind each time");
    client.call("double", json!({"n": 1})).await.unwrap_err();
    client.call("made up", json!({})).await.unwrap_err();
    let heard = heard.lock().unwrap();
    let expected = [
        ("Some(\"around\")", "OK"),
        ("Some(\"around_blocking\")", "OK"),
        ("Some(\"double\")", "PERMISSION_DENIED"),
        ("None", "INVALID_REQUEST"),
    ];
    let expected = expected.map(|(tool, outcome)| {
        [
            format!("begin tools/call {tool} key:reporting"),
            format!("end {tool} {outcome}"),
            format!("all {tool} {outcome}"),
        ]
    });
    assert_eq!(*heard, expected.concat());
}

struct Panics;

impl Observer for Panics {
    fn begin(&self, _: &Begun<'_>) -> Option<Arc<dyn Scope>> {
        Some(Arc::new(Panics))
    }

    fn end(&self, _: &CallRecord) {
        panic!("an observer")
    }
}

impl Scope for Panics {
    fn enter(&self) -> Option<Box<dyn Any>> {
        panic!("a scope")
    }

    fn end(&self, _: &CallRecord) {
        panic!("a scope")
    }
}

#[tokio::test]
async fn an_observer_that_panics_breaks_no_call() {
    let tally = Tally::default();
    let telemetry = Telemetry::new().observer(Arc::new(Panics)).observer(Arc::new(tally.clone()));
    let client = Client::with_telemetry(Watched, Config::default(), telemetry).unwrap();
    let client = grant(&client, "reporting", &["double"]);
    assert_eq!(client.call("double", json!({"n": 4})).await.unwrap().json()["result"], 8);
    assert_eq!(tally.all(), BTreeMap::from([("OK".to_owned(), 1)]));
}

/// Notes for each event within which spans it came.
struct Spans(Arc<Mutex<Vec<String>>>);

impl<S> Layer<S> for Spans
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let spans: Vec<_> = context.event_scope(event).into_iter().flatten().map(|span| span.name()).collect();
        self.0.lock().unwrap().push(format!("{} in {spans:?}", event.metadata().target()));
    }
}

#[tokio::test]
async fn what_a_tool_logs_stands_within_the_span_of_its_call() {
    let seen = Arc::default();
    let subscriber = tracing_subscriber::Registry::default().with(Spans(Arc::clone(&seen)));
    let _guard = tracing::subscriber::set_default(subscriber);
    let client = Client::new(Watched).unwrap();
    client.call("around", json!({})).await.unwrap();
    client.call("broken", json!({})).await.unwrap_err();
    let seen = seen.lock().unwrap();
    let expected = [
        "behaviour::telemetry in [\"tools/call\"]",
        "mcp_runtime::call in [\"tools/call\"]",
        "mcp_runtime::failure in [\"tools/call\"]",
        "mcp_runtime::call in [\"tools/call\"]",
    ];
    assert_eq!(*seen, expected);
}

#[tokio::test]
async fn a_record_says_what_was_decided_and_where_the_time_went() {
    let (client, audit) = Audit::client(Watched, "");
    let caller = Caller::new(Agent::key("reporting").unwrap(), "k1").with_grants(Grants::literal(["double"]).unwrap());
    let client = client.caller(caller);
    client.call("slow", json!({})).await.unwrap();
    let record = audit.wait_for(1);
    let phase = |name: &str| record["latency"][name].as_u64().unwrap();
    assert!(phase("tool_us") >= 30_000, "{record}");
    let sum = phase("queue_us") + phase("gate_us") + phase("tool_us") + phase("output_us");
    assert!(sum <= record["duration_us"].as_u64().unwrap(), "{record}");

    client.call("double", json!({"n": 1})).await.unwrap();
    let first = audit.wait_for(2);
    assert_eq!(first["decision"], "admitted");
    assert_eq!((&first["quota"]["limit"], &first["quota"]["remaining"]), (&json!("100000/min"), &json!(99_999)));
    client.call("double", json!({"n": 1})).await.unwrap();
    client.call("double", json!({"n": 2})).await.unwrap();
    assert_eq!(audit.wait_for(4)["arguments_digest"].as_str().unwrap().len(), 32);
    let records = audit.records();
    assert_eq!(records[1]["arguments_digest"], records[2]["arguments_digest"], "equal arguments are told by it");
    assert_ne!(records[1]["arguments_digest"], records[3]["arguments_digest"]);

    client.call("others", json!({})).await.unwrap();
    let others = audit.wait_for(5);
    assert_eq!((&others["untrusted"], &others["removed"]), (&json!(2), &json!(1)));
    client.call("double", json!({"n": -5, "m": 1})).await.unwrap_err();
    let invalid = audit.wait_for(6);
    assert_eq!(invalid["decision"], "invalid");
    let broken: u64 = invalid["violations"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert!(broken >= 2, "{invalid}");
    assert!(!invalid["violations"].to_string().contains("-5"));
    client.call("broken", json!({})).await.unwrap_err();
    assert_eq!(audit.wait_for(7)["decision"], "admitted", "it ran");
    let stranger = grant(&client, "stranger", &["x"]);
    stranger.call("double", json!({"n": 1})).await.unwrap_err();
    assert_eq!(audit.wait_for(8)["decision"], "denied");
    client.call("nothing", json!({})).await.unwrap_err();
    assert_eq!(audit.wait_for(9)["decision"], "invalid");
    for _ in 0..5 {
        client.call("seldom", json!({})).await.unwrap();
    }
    client.call("seldom", json!({})).await.unwrap_err();
    let limited = audit.wait_for(15);
    assert_eq!((&limited["decision"], &limited["quota"]["remaining"]), (&json!("limited"), &json!(0)));
}
