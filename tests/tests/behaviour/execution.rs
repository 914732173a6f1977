//! How a tool runs: in time, within its places, and whatever it does.

use std::future::pending;
use std::panic::panic_any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::testing::Client;
use mcp_runtime::{CallContext, Json, server};
use mcp_tests::log::Log;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{call, refused};

#[derive(Clone, Default)]
struct Running {
    dropped: Arc<AtomicU32>,
    finished: Arc<AtomicU32>,
    shared: Arc<Mutex<u32>>,
    heard: Arc<Notify>,
    release: Arc<Notify>,
}

struct CountsDrop(Arc<AtomicU32>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in drop, at /srv/app");
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    Str,
    Text,
    Number,
    Error,
    InDrop,
    WithMutex,
    PayloadPanicsInDrop,
}

#[derive(JsonSchema)]
struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in serialize, at /srv/app")
    }
}

fn blow(how: &How, shared: &Mutex<u32>) {
    match how {
        How::Str => panic!("at /srv/app"),
        How::Text => panic!("{} of {}", "row 17", "accounts"),
        How::Number => panic_any(42_u64),
        How::Error => panic_any(std::io::Error::other("SELECT 1")),
        How::InDrop => drop(PanicsInDrop),
        How::WithMutex => {
            let _guard = shared.lock().unwrap();
            panic!("with the lock");
        }
        How::PayloadPanicsInDrop => panic_any(PanicsInDrop),
    }
}

#[server(name = "running", rate = "1000000/min", timeout = "10s")]
impl Running {
    /// Runs for as long as it is told.
    #[tool(any_caller, rate = inherit, timeout = "1s")]
    async fn sleep(&self, milliseconds: u64) -> &'static str {
        let _counted = CountsDrop(Arc::clone(&self.dropped));
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        self.finished.fetch_add(1, Ordering::Relaxed);
        "slept"
    }

    /// Never wakes; the server's bound ends it.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn never(&self) -> &'static str {
        let _counted = CountsDrop(Arc::clone(&self.dropped));
        pending().await
    }

    /// Dies as it is dropped.
    #[tool(any_caller, rate = inherit, timeout = "1s")]
    async fn dies(&self) -> &'static str {
        let _bomb = PanicsInDrop;
        pending().await
    }

    /// A plain function that waits.
    #[tool(any_caller, rate = inherit, timeout = "50ms", concurrency = 1)]
    fn grind(&self, milliseconds: u64) -> &'static str {
        std::thread::sleep(Duration::from_millis(milliseconds));
        self.finished.fetch_add(1, Ordering::Relaxed);
        "ground"
    }

    /// A plain function that watches for its cancellation.
    #[tool(any_caller, rate = inherit)]
    fn watch(&self, context: &CallContext) {
        while !context.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.heard.notify_one();
        // Long enough that the caller is answered first.
        std::thread::sleep(Duration::from_millis(300));
    }

    /// Breaks.
    #[tool(any_caller, rate = inherit)]
    async fn blow(&self, how: How) -> String {
        blow(&how, &self.shared);
        unreachable!()
    }

    /// Breaks on a thread.
    #[tool(any_caller, rate = inherit)]
    fn blow_on_thread(&self, how: How) -> String {
        blow(&how, &self.shared);
        unreachable!()
    }

    /// Breaks while it answers.
    #[tool(any_caller, rate = inherit)]
    async fn unserializable(&self) -> Json<Unserializable> {
        Json(Unserializable)
    }

    /// Two of an agent, three in all.
    #[tool(any_caller, rate = inherit, concurrency(agent = 2, total = 3))]
    async fn crowded(&self) -> &'static str {
        self.release.notified().await;
        "out"
    }
}

fn client() -> (Client, Running) {
    let server = Running::default();
    (Client::new(server.clone()).unwrap(), server)
}

#[tokio::test(start_paused = true)]
async fn an_async_tool_is_dropped_at_its_time() {
    let (client, server) = client();
    assert_eq!(client.call("sleep", json!({"milliseconds": 999})).await.unwrap().text(), "slept");
    let error = refused(&client, "sleep", json!({"milliseconds": 1001})).await;
    assert_eq!(error, json!({"code": "TIMEOUT", "message": "the tool did not answer within 1s", "retryable": false}));
    assert_eq!(server.dropped.load(Ordering::Relaxed), 2);
    assert_eq!(server.finished.load(Ordering::Relaxed), 1);
    let error = refused(&client, "never", json!({})).await;
    assert_eq!(error["message"], "the tool did not answer within 10s", "the server's bound");
    assert_eq!(error["retryable"], true, "it changes nothing, so it may be tried again");
    assert_eq!(server.dropped.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_blocking_tool_is_answered_and_counted_until_it_is_back() {
    let (client, server) = client();
    let error = refused(&client, "grind", json!({"milliseconds": 300})).await;
    assert_eq!(error["code"], "TIMEOUT");
    assert_eq!(server.finished.load(Ordering::Relaxed), 0, "it still runs");
    let error = refused(&client, "grind", json!({"milliseconds": 0})).await;
    assert_eq!(error["code"], "OVERLOADED", "its place is taken until it is back");
    while server.finished.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = loop {
        match client.call("grind", json!({"milliseconds": 0})).await {
            Ok(answer) => break answer,
            Err(error) => assert_eq!(error.code(), "OVERLOADED"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(answer.text(), "ground");
}

#[tokio::test(start_paused = true)]
async fn places_are_bounded_for_one_agent_and_for_all() {
    let (base, server) = client();
    let agent = |name: &str| base.agent(name, ["x"]).unwrap();
    let occupy = |name: &str| {
        let client = agent(name);
        tokio::spawn(async move { call(&client, "crowded").await.map(|answer| answer.text()) })
    };
    let first = [occupy("a"), occupy("a")];
    tokio::task::yield_now().await;
    let error = refused(&agent("a"), "crowded", json!({})).await;
    assert_eq!(
        error,
        json!({"code": "OVERLOADED", "message": "too many calls of this tool run already; try again soon", "retryable": true})
    );
    let third = occupy("b");
    tokio::task::yield_now().await;
    assert_eq!(refused(&agent("c"), "crowded", json!({})).await["code"], "OVERLOADED");
    server.release.notify_waiters();
    for call in first.into_iter().chain([third]) {
        assert_eq!(call.await.unwrap().unwrap(), "out");
    }
    let again = occupy("a");
    tokio::task::yield_now().await;
    server.release.notify_waiters();
    assert_eq!(again.await.unwrap().unwrap(), "out", "places are given back");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_slow_calls_fill_the_places_and_the_others_are_told() {
    let (base, server) = client();
    let calls: Vec<_> = (0..1000)
        .map(|n| {
            let client = base.agent(&format!("a{n}"), ["x"]).unwrap();
            tokio::spawn(async move { call(&client, "crowded").await.map_err(|error| error.code()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.release.notify_waiters();
    let mut answered = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(code) => assert_eq!(code, "OVERLOADED"),
        }
    }
    assert_eq!(answered, 3);
}

#[tokio::test]
async fn a_panic_is_answered_and_stays_in_the_log() {
    for (how, cause) in [
        ("str", "the tool panicked: at /srv/app"),
        ("text", "the tool panicked: row 17 of accounts"),
        ("number", "the tool panicked: a value that is no text"),
        ("error", "the tool panicked: a value that is no text"),
        ("in_drop", "the tool panicked: in drop, at /srv/app"),
        ("with_mutex", "the tool panicked: with the lock"),
        ("payload_panics_in_drop", "the tool panicked: a value that is no text"),
    ] {
        for tool in ["blow", "blow_on_thread"] {
            let log = Log::start();
            let (client, _) = client();
            let error = refused(&client, tool, json!({"how": how})).await;
            let correlation = error["correlation"].as_str().unwrap().to_owned();
            assert_eq!(
                error,
                json!({
                    "code": "INTERNAL",
                    "message": "the tool failed; the operator finds the cause under the correlation id",
                    "retryable": false,
                    "correlation": correlation,
                })
            );
            assert_eq!(log.causes(), [cause], "{tool} {how}");
            assert_eq!(log.of("mcp_runtime::failure")[0].fields["correlation"], correlation);
            assert!(client.call("sleep", json!({"milliseconds": 0})).await.is_ok(), "other calls go on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_call_is_dropped_or_answered_is_one_more() {
    let (client, _) = client();
    assert_eq!(refused(&client, "dies", json!({})).await["code"], "INTERNAL");
    let error = refused(&client, "unserializable", json!({})).await;
    assert_eq!(error["code"], "INTERNAL");
    assert!(!error.to_string().contains("/srv"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_is_dropped() {
    let (client, server) = client();
    let token = CancellationToken::new();
    let cancelled = client.call_cancellable("never", json!({}), token.clone());
    let (error, ()) = tokio::join!(cancelled, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        token.cancel();
    });
    assert_eq!(error.unwrap_err().code(), "CANCELLED");
    assert_eq!(server.dropped.load(Ordering::Relaxed), 1);
    let given_up = tokio::time::timeout(Duration::from_millis(100), call(&client, "never")).await;
    assert!(given_up.is_err());
    assert_eq!(server.dropped.load(Ordering::Relaxed), 2, "with the future goes the work");
}

#[tokio::test]
async fn a_plain_function_hears_of_its_cancellation() {
    let (client, server) = client();
    let token = CancellationToken::new();
    token.cancel();
    let error = client.call_cancellable("watch", json!({}), token).await.unwrap_err();
    assert_eq!(error.code(), "CANCELLED");
    server.heard.notified().await;
}
