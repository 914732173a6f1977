//! The end: of the input, of the server, of the client.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::auth::{ApiKeys, Authenticate, CredentialStore, MemoryStore, NewKey};
use mcp_runtime::config::Config;
use mcp_runtime::rmcp::ServerHandler;
use mcp_runtime::rmcp::model::{ServerCapabilities, ServerConfig, SubscriptionFilter};
use mcp_runtime::{CallContext, Protected, StdioError, server};
use mcp_tests::message::{call, initialize, modern, tool_error};
use mcp_tests::process::eventually;
use mcp_tests::stdio::Session;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::site;

fn terminate(session: &Session) {
    let id = session.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

#[test]
fn whatever_is_piped_in_is_answered() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::start(&site, &key);
    let lines = [
        initialize(0),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        call(1, "wait", json!({"milliseconds": 600})),
        call(2, "echo", json!({"text": "two"})),
        call(3, "grind", json!({"milliseconds": 50})),
        json!({"jsonrpc": "2.0"}),
        call(4, "ping", json!({})),
    ];
    let input = lines.map(|line| line.to_string()).join("\n");
    // The last line has no end, as some shells write it.
    std::io::Write::write_all(session.input.as_mut().unwrap(), input.as_bytes()).unwrap();
    assert!(session.end());
    let answers: Vec<_> = (0..6).map(|_| session.receive()).collect();
    let mut ids: Vec<_> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4], "{answers:#?}");
    assert!(answers.iter().any(|answer| answer["result"]["content"][0]["text"] == "waited"), "{answers:#?}");
    let mut trace = site.trace();
    trace.sort_unstable();
    assert_eq!(trace, ["echo", "finished", "ground", "started"]);
    assert_eq!(site.audit().records().iter().filter(|record| record["outcome"] == "OK").count(), 6);
}

#[test]
fn a_server_that_is_told_to_stop_finishes_what_runs_though_its_client_is_silent() {
    for more in [&[][..], &["--http", "127.0.0.1:0"]] {
        let site = site("");
        let key = site.issue("agent", &["*"]);
        let mut command = site.command(&[&["serve", "--stdio"], more].concat());
        command.arg("--trace").arg(site.path("trace")).env("MCP_API_KEY", &key.key);
        let mut session = Session::spawn(&mut command);
        assert!(session.ask(&initialize(0))["result"].is_object());
        session.send(call(7, "wait", json!({"milliseconds": 1500})).to_string());
        eventually("the tool runs", || site.trace() == ["started"]);
        terminate(&session);
        std::thread::sleep(Duration::from_millis(300));
        session.send(call(8, "echo", json!({"text": "late"})).to_string());
        let answer = session.receive();
        assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(7), &json!("waited")));
        eventually("the process ends", || session.ended());
        assert!(session.child.wait().unwrap().success());
        assert_eq!(site.trace(), ["started", "finished"], "no more messages are read");
        let outcomes: Vec<_> = site.audit().records().iter().map(|record| record["outcome"].clone()).collect();
        assert_eq!(outcomes, ["OK", "OK"]);
    }
}

#[test]
fn who_closes_its_end_and_asks_for_the_end_waits_for_nothing() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    session.send(call(7, "wait", json!({"milliseconds": 15_000})).to_string());
    eventually("the tool runs", || site.trace() == ["started"]);
    drop(session.input.take());
    std::thread::sleep(Duration::from_millis(300));
    assert!(!session.ended(), "the call has its time");
    terminate(&session);
    let asked = std::time::Instant::now();
    eventually("the process ends", || session.ended());
    assert!(asked.elapsed() < Duration::from_secs(10), "the call is not waited for");
    assert!(session.child.wait().unwrap().success());
    assert_eq!(site.trace(), ["started", "dropped"]);
    assert_eq!(site.audit().wait_for(3)["outcome"], "CANCELLED");
}

struct Slow;

#[server(name = "slow", rate = "100/min")]
impl Slow {
    /// Takes its time.
    #[tool(any_caller, rate = inherit, timeout = "2min")]
    async fn wait(&self, context: &CallContext, seconds: u64) -> &'static str {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        context.progress(1.0, Some(1.0), Some("done")).await;
        "waited"
    }

    /// Asks, after a time.
    #[tool(any_caller, rate = inherit, timeout = "2min")]
    async fn ask(&self, context: &CallContext, seconds: u64) -> String {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        context.sample("answer", "Anything?", 10).await
    }
}

impl ServerHandler for Slow {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_resources().enable_resources_subscribe().build())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }
}

/// A server in this process, whose time passes as fast as nothing happens.
struct Connection {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    input: WriteHalf<DuplexStream>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), StdioError>>,
}

impl Connection {
    async fn open() -> Self {
        let store = Arc::new(MemoryStore::new());
        let new = NewKey { agent: "a".into(), scopes: vec!["*".into()], on_behalf_of: None, lifetime: None };
        let issued = store.issue(&new).await.unwrap();
        let keys: Arc<dyn Authenticate> = Arc::new(ApiKeys::start(store as Arc<dyn CredentialStore>).await.unwrap());
        let protected = Protected::new(Slow, Config::default()).unwrap();
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let (reader, writer) = tokio::io::split(ours);
            let stop = async { drop(stopped.await) };
            protected.stdio_until(reader, writer, keys, issued.key.expose(), stop).await
        });
        let (reader, input) = tokio::io::split(theirs);
        Self { lines: BufReader::new(reader).lines(), input, stop, serving }
    }

    async fn send(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// The next answer; what comes before is no answer.
    async fn answer(&mut self) -> Option<Value> {
        loop {
            let line = self.lines.next_line().await.unwrap()?;
            let message: Value = serde_json::from_str(&line).unwrap();
            if message.get("method").is_none() {
                return Some(message);
            }
        }
    }

    async fn initialized() -> Self {
        let mut connection = Self::open().await;
        let mut first = initialize(0);
        first["params"]["capabilities"] = json!({"sampling": {}});
        connection.send(&first).await;
        assert!(connection.answer().await.unwrap()["result"].is_object());
        connection
    }
}

#[tokio::test(start_paused = true)]
async fn calls_have_half_a_minute_whichever_side_ends() {
    for by_client in [true, false] {
        let mut connection = Connection::initialized().await;
        connection.send(&call(1, "wait", json!({"seconds": 20}))).await;
        connection.send(&call(2, "wait", json!({"seconds": 60}))).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let began = Instant::now();
        if by_client {
            connection.input.shutdown().await.unwrap();
        } else {
            connection.stop.send(()).unwrap();
            connection.stop = oneshot::channel().0;
        }
        let first = connection.answer().await.unwrap();
        assert_eq!((&first["id"], &first["result"]["content"][0]["text"]), (&json!(1), &json!("waited")));
        let second = connection.answer().await.unwrap();
        assert_eq!((&second["id"], &tool_error(&second)["code"]), (&json!(2), &json!("CANCELLED")));
        assert_eq!(began.elapsed().as_secs(), 30);
        assert!(connection.serving.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn who_closed_its_end_is_asked_nothing() {
    let mut connection = Connection::initialized().await;
    connection.send(&call(1, "ask", json!({"seconds": 0}))).await;
    connection.send(&call(2, "ask", json!({"seconds": 3}))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    connection.input.shutdown().await.unwrap();
    for id in [1, 2] {
        let answer = connection.answer().await.unwrap();
        assert_eq!((&answer["id"], &tool_error(&answer)["code"]), (&json!(id), &json!("UNAVAILABLE")), "{answer}");
    }
    assert!(connection.serving.await.unwrap().is_ok());
    assert_eq!(began.elapsed().as_secs(), 2, "the one that asks later, and no more");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_keeps_nobody_waiting() {
    let mut connection = Connection::open().await;
    let listen = json!({"notifications": {"resourcesListChanged": true}});
    connection.send(&modern("s", "subscriptions/listen", listen)).await;
    let acknowledged = connection.lines.next_line().await.unwrap().unwrap();
    assert!(acknowledged.contains("acknowledged"), "{acknowledged}");
    connection.send(&modern(1, "tools/call", json!({"name": "wait", "arguments": {"seconds": 2}}))).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    connection.input.shutdown().await.unwrap();
    assert_eq!(connection.answer().await.unwrap()["id"], 1);
    assert!(connection.serving.await.unwrap().is_ok());
    assert_eq!(began.elapsed().as_secs(), 1, "the call alone was waited for");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_calls_whose_answers_cannot_be_written() {
    let mut connection = Connection::initialized().await;
    connection.send(&call(1, "wait", json!({"seconds": 1}))).await;
    connection.send(&call(2, "wait", json!({"seconds": 25}))).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    let Connection { lines, input, serving, stop: _stop } = connection;
    drop((lines, input));
    assert!(serving.await.unwrap().is_ok());
    assert!(began.elapsed() < Duration::from_secs(2), "the first answer finds nobody");
}
