//! One record a call, whatever came of it, with what may be kept of it and no more.

use std::time::Duration;

use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::error::Denied;
use mcp_runtime::scope::Grants;
use mcp_runtime::testing::Client;
use mcp_runtime::{Json, ToolError, server};
use mcp_tests::audit::Audit;
use mcp_tests::log::Log;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[derive(Debug, thiserror::Error, ToolError)]
enum Failed {
    #[error("no")]
    NotFound,
    #[error(transparent)]
    #[tool_error(internal)]
    Io(#[from] std::io::Error),
}

#[derive(Deserialize, JsonSchema)]
struct Contact {
    street: String,
}

async fn nobody(_: &Caller) -> Result<(), Denied> {
    std::future::ready(()).await;
    Err(Denied::because("nobody may"))
}

struct Recorded;

#[server(name = "recorded", rate = "1000/min")]
impl Recorded {
    /// Finds.
    #[tool(scope = "find", rate = inherit)]
    async fn find(
        &self,
        #[arg(pii)] email: String,
        #[arg(secret)] password: Option<String>,
        #[arg(plain)] phone: Option<String>,
        #[arg(pii)] contact: Option<Contact>,
    ) -> Json<usize> {
        Json(
            email.len()
                + password.map_or(0, |p| p.len())
                + phone.map_or(0, |p| p.len())
                + contact.map_or(0, |c| c.street.len()),
        )
    }

    /// Fails as it is told.
    #[tool(scope = "fail", rate = "6/min", timeout = "1s", max_output = "64B")]
    async fn fail(&self, how: String) -> Result<String, Failed> {
        match how.as_str() {
            "not found" => Err(Failed::NotFound),
            "internal" => Err(std::io::Error::other("SELECT\n1\u{1b}[31m"))?,
            "panic" => panic!("boom"),
            "hang" => std::future::pending().await,
            "large" => Ok("x".repeat(100)),
            _ => Ok(how),
        }
    }

    /// Denied to all.
    #[tool(any_caller, rate = inherit, guard = nobody)]
    async fn guarded(&self) {}

    /// Lies.
    #[tool(any_caller, rate = inherit)]
    async fn lie(&self) -> Json<f64> {
        Json(f64::NAN)
    }
}

fn caller(client: &Client) -> Client {
    let caller =
        Caller::new(Agent::key("reporting").unwrap(), "k1").with_grants(Grants::literal(["find", "fail"]).unwrap());
    client.caller(caller.on_behalf_of("carol").unwrap())
}

#[tokio::test(start_paused = true)]
async fn every_outcome_leaves_exactly_one_record() {
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    for (tool, arguments, outcome, recorded_tool) in [
        ("find", json!({"email": "c@x"}), "OK", json!("find")),
        ("find", json!({}), "INVALID_ARGUMENTS", json!("find")),
        ("find", Value::Null, "INVALID_REQUEST", json!("find")),
        ("fail", json!({"how": "not found"}), "NOT_FOUND", json!("fail")),
        ("fail", json!({"how": "internal"}), "INTERNAL", json!("fail")),
        ("fail", json!({"how": "panic"}), "INTERNAL", json!("fail")),
        ("fail", json!({"how": "hang"}), "TIMEOUT", json!("fail")),
        ("fail", json!({"how": "large"}), "OUTPUT_TOO_LARGE", json!("fail")),
        ("lie", json!({}), "OUTPUT_INVALID", json!("lie")),
        ("guarded", json!({}), "PERMISSION_DENIED", json!("guarded")),
        ("nothing", json!({}), "INVALID_REQUEST", Value::Null),
        ("evil\n\u{1b}[31m\u{202e}", json!({}), "INVALID_REQUEST", Value::Null),
    ] {
        let (client, audit) = Audit::client(Recorded, "");
        let _ = caller(&client).call(tool, arguments).await;
        let record = audit.only();
        assert_eq!(record["outcome"], outcome, "{tool}");
        assert_eq!(record["tool"], recorded_tool, "{tool}");
        assert_eq!(record["agent"], "key:reporting");
        assert_eq!(record["subject"], "carol");
        assert_eq!(record["credential"], "k1");
        assert_eq!(record["via"], "process");
        assert_eq!(record["method"], "tools/call");
        assert_eq!(record["request"], "test");
        assert_eq!(record["correlation"].as_str().unwrap().len(), 32);
        assert!(record["time"].as_str().unwrap().ends_with('Z'), "{record}");
        assert!(record["duration_us"].is_u64() && record["output_bytes"].is_u64(), "{record}");
        assert_eq!(record["output_bytes"] != 0, outcome == "OK", "{record}");
    }
}

#[tokio::test(start_paused = true)]
async fn denials_limits_and_cancellations_are_records_too() {
    let (client, audit) = Audit::client(Recorded, "");
    let stranger = client.agent("stranger", ["x"]).unwrap();
    stranger.call("find", json!({"email": "carol@example.com"})).await.unwrap_err();
    let record = audit.wait_for(1);
    assert_eq!((&record["outcome"], &record["agent"]), (&json!("PERMISSION_DENIED"), &json!("key:stranger")));
    assert_eq!(record["subject"], Value::Null);
    assert!(record["arguments"]["email"].as_str().unwrap().starts_with("pii:"), "redacted as ever: {record}");
    let reporting = caller(&client);
    for _ in 0..6 {
        reporting.call("fail", json!({"how": "ok"})).await.unwrap();
    }
    reporting.call("fail", json!({"how": "ok"})).await.unwrap_err();
    assert_eq!(audit.wait_for(8)["outcome"], "RATE_LIMITED");

    let (client, audit) = Audit::client(Recorded, "");
    let token = CancellationToken::new();
    let hang = json!({"how": "hang"});
    let reporting = caller(&client);
    let cancelled = reporting.call_cancellable("fail", hang.clone(), token.clone());
    let (result, ()) = tokio::join!(cancelled, async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        token.cancel();
    });
    assert_eq!(result.unwrap_err().code(), "CANCELLED");
    assert_eq!(audit.wait_for(1)["outcome"], "CANCELLED");
    let dropped = tokio::time::timeout(Duration::from_millis(10), reporting.call("fail", hang)).await;
    assert!(dropped.is_err());
    let record = audit.wait_for(2);
    assert_eq!((&record["outcome"], &record["arguments"]), (&json!("CANCELLED"), &json!({"how": "hang"})));
}

#[tokio::test]
async fn arguments_are_kept_as_they_were_declared() {
    let (client, audit) = Audit::client(Recorded, "");
    let client = caller(&client);
    let arguments = json!({
        "email": "carol@example.com", "password": "hunter2", "phone": "555-1234", "contact": {"street": "Elm 7"},
    });
    client.call("find", arguments.clone()).await.unwrap();
    let first = audit.wait_for(1)["arguments"].clone();
    assert_eq!(first["password"], "[secret]");
    assert_eq!(first["phone"], "555-1234");
    for name in ["email", "contact"] {
        let digest = first[name].as_str().unwrap();
        assert!(digest.len() == 20 && digest.starts_with("pii:"), "{first}");
    }
    client.call("find", arguments).await.unwrap();
    assert_eq!(audit.wait_for(2)["arguments"], first, "one person can be followed");
    client.call("find", json!({"email": "dave@example.com"})).await.unwrap();
    assert_ne!(audit.wait_for(3)["arguments"]["email"], first["email"]);
    let text = audit.text();
    for leaked in ["example.com", "hunter2", "Elm"] {
        assert!(!text.contains(leaked), "{leaked}: {text}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_not_kept_either() {
    let (client, audit) = Audit::client(Recorded, "");
    let client = caller(&client);
    let wrong = json!({
        "email": ["carol@example.com"], "password": {"p": "hunter2"}, "emial": "dave@example.com", "Password": "hunter3",
    });
    client.call("find", wrong).await.unwrap_err();
    let record = audit.wait_for(1);
    assert_eq!(record["outcome"], "INVALID_ARGUMENTS");
    assert_eq!(record["arguments"]["emial"], "[unknown]");
    assert_eq!(record["arguments"]["Password"], "[unknown]");
    let text = audit.text();
    for leaked in ["example.com", "hunter"] {
        assert!(!text.contains(leaked), "{leaked}: {text}");
    }
}

#[tokio::test]
async fn nothing_breaks_a_line_or_hides_in_it() {
    let (client, audit) = Audit::client(Recorded, "");
    let client = caller(&client);
    let hidden = "a\nb\r\u{1b}[31m\u{9b}31m\u{202e}\u{2066}\u{e0041}\u{200b}\u{2028}\u{85}\0z";
    let mut arguments = json!({"email": "x", "phone": hidden});
    arguments[hidden] = json!(hidden);
    client.call("find", arguments).await.unwrap_err();
    client.call("find", json!({"email": "x", "phone": hidden})).await.unwrap();
    client.call(hidden, json!({})).await.unwrap_err();
    assert_eq!(audit.records().len(), 3);
    let text = audit.text();
    for c in hidden.chars().filter(|c| !c.is_ascii_alphabetic() && !"[31\n".contains(*c)) {
        assert!(!text.contains(c), "{c:?} stands in the file: {text:?}");
    }
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "a line each: {text}");
    let kept = audit.records()[1]["arguments"]["phone"].as_str().unwrap().to_owned();
    assert!(kept.starts_with("a\nb") && kept.ends_with('z'), "what was sent can be told: {kept:?}");
}

#[tokio::test]
async fn a_record_stays_small() {
    let (client, audit) = Audit::client(Recorded, "");
    let client = caller(&client);
    let mut many = json!({"email": "x", "phone": "y".repeat(1_000_000)});
    client.call("find", many.clone()).await.unwrap();
    for n in 0..10_000 {
        many[format!("unknown{n}")] = n.into();
    }
    client.call("find", many).await.unwrap_err();
    for line in audit.text().lines() {
        assert!(line.len() < 8192, "{}", line.len());
    }
}

#[tokio::test]
async fn the_log_has_the_same_record() {
    let log = Log::start();
    let (client, audit) = Audit::client(Recorded, "");
    let client = caller(&client);
    client.call("find", json!({"email": "carol@example.com", "phone": "5"})).await.unwrap();
    client.call("fail", json!({"how": "internal"})).await.unwrap_err();
    client.call("nothing", json!({})).await.unwrap_err();
    let events = log.of("mcp_runtime::call");
    let records = audit.records();
    assert_eq!(events.len(), 3);
    for (event, record) in events.iter().zip(&records) {
        let field = |name: &str| event.fields.get(name).map(String::as_str);
        for name in ["request", "correlation", "via", "method", "tool", "agent", "subject", "credential", "outcome"] {
            assert_eq!(field(name), record[name].as_str(), "{name}");
        }
        for name in ["arguments", "duration_us", "output_bytes"] {
            assert_eq!(field(name), Some(record[name].to_string().as_str()), "{name}");
        }
        assert!(!format!("{event:?}").contains("example.com"));
    }
    let [cause] = &log.of("mcp_runtime::failure")[..] else { panic!("one cause") };
    assert_eq!(cause.fields["correlation"], events[1].fields["correlation"]);
    assert!(!cause.fields["cause"].contains(['\n', '\u{1b}']), "a cause is one line: {cause:?}");
    assert!(cause.fields["cause"].contains("SELECT"));
}
