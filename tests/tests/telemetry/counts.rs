//! A thousand random calls: what the client saw, what the records say and what is counted are the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mcp_runtime::auth::{ApiKeys, MemoryStore};
use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::gate::{Outcome, Request};
use mcp_runtime::record::Via;
use mcp_runtime::scope::Grants;
use mcp_runtime::telemetry::{CallRecord, Sink, SinkError, Telemetry};
use mcp_runtime::{CallContext, CancellationToken, Protected, ToolError, server};
use mcp_tests::metrics::Page;

use crate::receiver::{Received, attributes, counts};

#[derive(Debug, thiserror::Error, ToolError)]
enum Failed {
    #[error("no")]
    NotFound,
}

struct Counted;

#[server(name = "counted", rate = "400/min")]
impl Counted {
    /// Answers.
    #[tool(scope = "a.read", rate = inherit)]
    async fn answer(&self, #[arg(range(1..=10))] n: u32) -> String {
        "x".repeat(n as usize)
    }

    /// Fails.
    #[tool(scope = "a.write", rate = "50/min")]
    async fn fail(&self, how: String) -> Result<String, Failed> {
        match how.as_str() {
            "panic" => panic!("boom"),
            _ => Err(Failed::NotFound),
        }
    }
}

/// Keeps every record's tool, agent and outcome.
struct Collect(Arc<Mutex<Tally>>);

/// By tool, agent and outcome.
type Tally = BTreeMap<(String, String, String), u64>;

impl Sink for Collect {
    fn name(&self) -> &'static str {
        "collect"
    }

    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
        let tool = record.tool.unwrap_or_default().to_owned();
        let key = (tool, record.agent().to_string(), record.outcome.to_owned());
        *self.0.lock().unwrap().entry(key).or_default() += 1;
        Ok(())
    }
}

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn caller(name: &str, scopes: &[&str]) -> Arc<Caller> {
    Arc::new(Caller::new(Agent::key(name).unwrap(), "k1").with_grants(Grants::literal(scopes).unwrap()))
}

#[tokio::test]
async fn a_thousand_calls_are_counted_the_same_everywhere() {
    let (received, address) = Received::listen(true);
    let config = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\nagent_label = 10\n[otel]\nendpoint = \"http://{address}\"\nprotocol = \"grpc\""
    );
    let config = Config::parse(&config).unwrap();
    let collected = Arc::default();
    let telemetry = Telemetry::new().sink(Collect(Arc::clone(&collected)));
    let protected = Protected::with_telemetry(Counted, config, telemetry).unwrap();
    let callers = [caller("all", &["a.read", "a.write"]), caller("reads", &["a.read"]), caller("none", &["b"])];
    let calls = [
        ("answer", r#"{"n":3}"#),
        ("answer", r#"{"n":0}"#),
        ("answer", r#"{"n":1,"n":2}"#),
        ("fail", r#"{"how":"panic"}"#),
        ("fail", r#"{"how":"other"}"#),
        ("nothing", "{}"),
    ];
    let mut numbers = Numbers(7);
    let mut seen = Tally::new();
    for id in 0..1000 {
        let caller = &callers[usize::try_from(numbers.below(3)).unwrap()];
        let (tool, arguments) = calls[usize::try_from(numbers.below(6)).unwrap()];
        let context = CallContext::new(&id.to_string(), CancellationToken::new());
        let request = Request::new(tool, Some(arguments), caller, context, Via::Process);
        let outcome = match protected.gate().call(request).await.outcome {
            Outcome::Answered(_) => "OK",
            Outcome::Failed(failure) => failure.code,
            _ => "INVALID_REQUEST",
        };
        let tool = if tool == "nothing" { "" } else { tool };
        *seen.entry((tool.to_owned(), caller.agent().to_string(), outcome.to_owned())).or_default() += 1;
    }
    assert!(protected.flush(std::time::Duration::from_secs(10)));
    assert_eq!(*collected.lock().unwrap(), seen, "the sink's records");
    let outcomes: Vec<_> = seen.keys().map(|(_, _, outcome)| outcome.as_str()).collect();
    for outcome in
        ["OK", "INVALID_ARGUMENTS", "INVALID_REQUEST", "PERMISSION_DENIED", "RATE_LIMITED", "NOT_FOUND", "INTERNAL"]
    {
        assert!(outcomes.contains(&outcome), "{outcome} came up");
    }

    let keys: Arc<dyn mcp_runtime::auth::Authenticate> =
        Arc::new(ApiKeys::start(Arc::new(MemoryStore::new())).await.unwrap());
    let admin = protected.admin(keys).unwrap().expect("a page");
    let request = http::Request::get("/metrics").header("host", "localhost").body(()).unwrap();
    let body = http_body_util::BodyExt::collect(admin.answer(&request).into_body()).await.unwrap().to_bytes();
    let page = Page::read(std::str::from_utf8(&body).unwrap());

    let mut counted = Tally::new();
    for sample in page.with("mcp_runtime_requests_total", &[]) {
        let of = |label: &str| sample.labels.get(label).cloned().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let value = sample.value as u64;
        *counted.entry((of("gen_ai_tool_name"), String::new(), of("outcome"))).or_default() += value;
    }
    let mut by_tool = Tally::new();
    for ((tool, _, outcome), count) in &seen {
        *by_tool.entry((tool.clone(), String::new(), outcome.clone())).or_default() += count;
    }
    assert_eq!(counted, by_tool, "the page");
    let mut traced = Tally::new();
    for span in received.spans() {
        let mut found = attributes(&span.attributes);
        let mut take = |name: &str| found.remove(name).unwrap_or_default();
        let key = (take("gen_ai.tool.name"), take("mcp_runtime.agent"), take("mcp_runtime.outcome"));
        *traced.entry(key).or_default() += 1;
    }
    assert_eq!(traced, seen, "the spans");
    let mut measured = Tally::new();
    for (mut found, count) in counts(&received.metric("mcp_runtime.requests")) {
        let mut take = |name: &str| found.remove(name).unwrap_or_default();
        *measured.entry((take("gen_ai.tool.name"), String::new(), take("mcp_runtime.outcome"))).or_default() += count;
    }
    assert_eq!(measured, by_tool, "the metrics over OTLP");
    assert_eq!(received.logs().len(), 1000);
    for caller in &callers {
        let agent = caller.agent().to_string();
        let of_agent: u64 = seen.iter().filter(|((_, name, _), _)| *name == agent).map(|(_, count)| count).sum();
        #[expect(clippy::cast_precision_loss, reason = "a thousand at the most")]
        let of_agent = of_agent as f64;
        assert_eq!(page.sum("mcp_runtime_agent_requests_total", &[("agent", &agent)]), of_agent, "{agent}");
    }
    assert_eq!(page.sum("mcp_server_operation_duration_seconds_count", &[]), 1000.0);
    assert_eq!(page.sum("mcp_server_operation_duration_seconds_bucket", &[("le", "+Inf")]), 1000.0);
    let sinks = |result| page.sum("mcp_runtime_sink_records_total", &[("sink", "collect"), ("result", result)]);
    assert_eq!((sinks("written"), sinks("lost")), (1000.0, 0.0));
}
