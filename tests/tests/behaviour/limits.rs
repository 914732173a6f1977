//! How often: by agent, tool, subject and server, in windows, bursts and costs. Time stands still unless a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::scope::Grants;
use mcp_runtime::testing::Client;
use mcp_runtime::{Json, server};
use serde_json::{Value, json};
use tokio::time::advance;

use crate::{call, refused};

#[derive(Clone, Default)]
struct Limited {
    ran: Arc<AtomicU64>,
}

impl Limited {
    fn run(&self) -> u64 {
        self.ran.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[server(name = "limited", rate = "20/min")]
impl Limited {
    /// Three a minute.
    #[tool(scope = "t", rate = "3/min")]
    async fn agent(&self) -> Json<u64> {
        Json(self.run())
    }

    /// Three a minute, five in all.
    #[tool(scope = "t", rate(agent = "3/min", total = "5/min"))]
    async fn total(&self) -> Json<u64> {
        Json(self.run())
    }

    /// As often as the server lets it.
    #[tool(scope = "t", rate = inherit)]
    async fn inherit(&self) -> Json<u64> {
        Json(self.run())
    }

    /// Sixty a minute, two at once.
    #[tool(scope = "t", rate(agent = "60/min", burst = 2))]
    async fn burst(&self) -> Json<u64> {
        Json(self.run())
    }

    /// Two a second and five a minute.
    #[tool(scope = "t", rate = ["2/s", "5/min"])]
    async fn windows(&self) -> Json<u64> {
        Json(self.run())
    }

    /// Weighs what it is asked for.
    #[tool(scope = "t", rate = "10/min", cost = weight)]
    async fn cost(&self, weight: i64) -> Json<u64> {
        let _ = weight;
        Json(self.run())
    }

    /// Three a minute, with an argument.
    #[tool(scope = "t", rate = "3/min")]
    async fn checked(&self, #[arg(range(1..=9))] n: u8) -> Json<u64> {
        let _ = n;
        Json(self.run())
    }
}

fn server(config: &str) -> (Client, Limited) {
    let server = Limited::default();
    (Client::configured(server.clone(), Config::parse(config).unwrap()).unwrap(), server)
}

fn agent(client: &Client, name: &str) -> Client {
    client.agent(name, ["t"]).unwrap()
}

async fn limited(client: &Client, tool: &str, arguments: Value) -> Value {
    let error = refused(client, tool, arguments).await;
    assert_eq!(error["code"], "RATE_LIMITED", "{error}");
    assert_eq!(error["retryable"], true);
    error
}

/// Waits as long as the error says, no millisecond longer.
async fn wait(error: &Value) {
    advance(Duration::from_millis(error["retry_after_ms"].as_u64().unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn the_call_after_the_burst_waits_and_then_works() {
    let (base, server) = server("");
    let reporting = agent(&base, "reporting");
    for _ in 0..3 {
        call(&reporting, "agent").await.unwrap();
    }
    let error = limited(&reporting, "agent", json!({})).await;
    assert_eq!(error["retry_after_ms"], 20_000);
    assert_eq!(error["message"], "the limit of 3/min for this tool is reached; try again in 20 s");
    assert_eq!(server.ran.load(Ordering::Relaxed), 3, "a refused call does not run");
    advance(Duration::from_millis(19_999)).await;
    limited(&reporting, "agent", json!({})).await;
    advance(Duration::from_millis(1)).await;
    call(&reporting, "agent").await.unwrap();
    limited(&reporting, "agent", json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn agents_and_tools_are_counted_apart() {
    let (base, _) = server("");
    let (a, b) = (agent(&base, "a"), agent(&base, "b"));
    for _ in 0..3 {
        call(&a, "agent").await.unwrap();
    }
    limited(&a, "agent", json!({})).await;
    call(&b, "agent").await.unwrap();
    call(&a, "burst").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_total_is_shared_by_all_agents() {
    let (base, _) = server("");
    for name in ["a", "b", "c", "d", "e"] {
        call(&agent(&base, name), "total").await.unwrap();
    }
    let error = limited(&agent(&base, "f"), "total", json!({})).await;
    assert_eq!(error["retry_after_ms"], 12_000);
    assert_eq!(error["message"], "the limit of 5/min for this tool over all agents is reached; try again in 12 s");
}

#[tokio::test(start_paused = true)]
async fn a_server_limit_counts_an_agent_over_all_tools() {
    let (base, _) = server("");
    let (a, b) = (agent(&base, "a"), agent(&base, "b"));
    for _ in 0..3 {
        call(&a, "agent").await.unwrap();
    }
    for _ in 0..17 {
        call(&a, "inherit").await.unwrap();
    }
    let error = limited(&a, "inherit", json!({})).await;
    assert_eq!(error["message"], "the limit of 20/min for one agent over all tools is reached; try again in 3 s");
    let unknown = a.call("nothing", json!({})).await.unwrap_err();
    assert_eq!(unknown.code(), "RATE_LIMITED", "guessing names is charged, too");
    call(&b, "inherit").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_agent_can_have_a_limit_of_its_own() {
    let (base, _) = server("[agents]\nrate = \"2/min\"\n[agents.\"key:slow\"]\nrate = \"1/min\"");
    let (slow, other) = (agent(&base, "slow"), agent(&base, "other"));
    call(&slow, "inherit").await.unwrap();
    assert_eq!(limited(&slow, "inherit", json!({})).await["retry_after_ms"], 60_000);
    call(&other, "inherit").await.unwrap();
    call(&other, "inherit").await.unwrap();
    limited(&other, "inherit", json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn a_subject_is_counted_over_its_agents() {
    let (base, _) = server("[subjects]\nrate = \"2/min\"");
    let acting = |name: &str, subject: &str| {
        let caller = Caller::new(Agent::key(name).unwrap(), "x").with_grants(Grants::literal(["t"]).unwrap());
        base.caller(caller.on_behalf_of(subject).unwrap())
    };
    call(&acting("a", "carol"), "inherit").await.unwrap();
    call(&acting("b", "carol"), "inherit").await.unwrap();
    let error = limited(&acting("c", "carol"), "inherit", json!({})).await;
    assert_eq!(error["message"], "the limit of 2/min for one subject is reached; try again in 30 s");
    call(&acting("c", "dave"), "inherit").await.unwrap();
    call(&agent(&base, "c"), "inherit").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_what_passes_at_once() {
    let (base, _) = server("");
    let a = agent(&base, "a");
    call(&a, "burst").await.unwrap();
    call(&a, "burst").await.unwrap();
    let error = limited(&a, "burst", json!({})).await;
    assert_eq!(error["retry_after_ms"], 1000);
    wait(&error).await;
    call(&a, "burst").await.unwrap();
    limited(&a, "burst", json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn every_window_holds_and_the_longest_wait_is_told() {
    let (base, _) = server("");
    let a = agent(&base, "a");
    for _ in 0..2 {
        call(&a, "windows").await.unwrap();
    }
    assert_eq!(limited(&a, "windows", json!({})).await["retry_after_ms"], 500);
    for _ in 0..3 {
        advance(Duration::from_millis(500)).await;
        call(&a, "windows").await.unwrap();
    }
    let error = limited(&a, "windows", json!({})).await;
    assert_eq!(error["retry_after_ms"], 12_000 - 1500);
    wait(&error).await;
    call(&a, "windows").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_weighs_its_cost() {
    let (base, server) = server("");
    let a = agent(&base, "a");
    a.call("cost", json!({"weight": 7})).await.unwrap();
    let error = limited(&a, "cost", json!({"weight": 4})).await;
    assert!(error["retry_after_ms"].as_u64().unwrap() >= 6000, "{error}");
    assert_eq!(server.ran.load(Ordering::Relaxed), 1);
    advance(Duration::from_secs(120)).await;
    for weight in [0, -5, i64::MIN] {
        a.call("cost", json!({"weight": weight})).await.unwrap();
    }
    a.call("cost", json!({"weight": 7})).await.unwrap();
    limited(&a, "cost", json!({"weight": 1})).await;
}

#[tokio::test(start_paused = true)]
async fn a_costly_call_that_waits_as_told_gets_through() {
    let (base, _) = server("");
    // Where not even one unit is left, the cost is not known yet: the first wait is for that unit.
    for (first, second, waits) in [(5, 10, 1), (7, 4, 1), (1, 10, 1), (10, 10, 2), (10, 2, 2)] {
        let a = agent(&base, &format!("a{first}-{second}"));
        a.call("cost", json!({"weight": first})).await.unwrap();
        for _ in 0..waits {
            wait(&limited(&a, "cost", json!({"weight": second})).await).await;
        }
        let answer = a.call("cost", json!({"weight": second})).await;
        assert!(answer.is_ok(), "{first}, then {second}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cost_above_the_burst_is_the_arguments_fault() {
    let (base, server) = server("");
    let a = agent(&base, "a");
    for weight in [11, 1_000_000, i64::MAX] {
        let error = refused(&a, "cost", json!({"weight": weight})).await;
        assert_eq!(error["code"], "INVALID_ARGUMENTS");
        assert_eq!(error["retryable"], false);
        assert!(error.get("retry_after_ms").is_none(), "no time to wait would help: {error}");
        assert_eq!(error["violations"][0]["keyword"], "burst");
    }
    assert_eq!(server.ran.load(Ordering::Relaxed), 0);
    a.call("cost", json!({"weight": 7})).await.unwrap();
    limited(&a, "cost", json!({"weight": 1})).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_charges_no_limit() {
    let (base, server) = server("");
    let a = agent(&base, "a");
    for _ in 0..3 {
        call(&a, "agent").await.unwrap();
    }
    for _ in 0..100 {
        limited(&a, "agent", json!({})).await;
    }
    for _ in 0..17 {
        call(&a, "inherit").await.unwrap();
    }
    limited(&a, "inherit", json!({})).await;
    assert_eq!(server.ran.load(Ordering::Relaxed), 20);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_drains_no_bucket_and_bad_arguments_are_paid_for() {
    let (base, server) = server("");
    // To be refused costs the stranger's own limit over all tools, and no bucket of the tool.
    let stranger = base.agent("stranger", ["other"]).unwrap();
    for _ in 0..20 {
        assert_eq!(refused(&stranger, "checked", json!({})).await["code"], "PERMISSION_DENIED");
    }
    for _ in 0..100 {
        limited(&stranger, "checked", json!({})).await;
    }
    let a = agent(&base, "a");
    for arguments in [json!({"n": 99}), json!({}), json!({"n": "x"})] {
        assert_eq!(refused(&a, "checked", arguments).await["code"], "INVALID_ARGUMENTS");
    }
    limited(&a, "checked", json!({"n": 1})).await;
    assert_eq!(server.ran.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_in_parallel_passes_exactly_its_size() {
    let (base, server) = server("[agents]\nrate = \"1000/min\"\n[tools.agent]\nrate = \"10/min\"");
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let client = agent(&base, "a");
            tokio::spawn(async move { call(&client, "agent").await.is_ok() })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        passed += u32::from(call.await.unwrap());
    }
    assert_eq!((passed, server.ran.load(Ordering::Relaxed)), (10, 10));
}
