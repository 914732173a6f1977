//! A line in, a line out: the server as the child of its client.

mod client;
mod end;
mod messages;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use mcp_tests::message::{LEGACY, call, initialize, request, tool_error};
use mcp_tests::process::{Site, eventually, finish, texts};
use mcp_tests::stdio::Session;
use serde_json::{Value, json};

fn site(config: &str) -> Site {
    Site::new(env!("CARGO_BIN_EXE_fixture"), config)
}

#[test]
fn without_a_good_key_it_does_not_start() {
    let site = site("");
    let good = site.issue("agent", &["*"]);
    let revoked = site.issue("gone", &["*"]);
    site.json(&["revoke", "key", &revoked.id]);
    for (key, message) in [
        (None, "--stdio serves the agent whose key is in MCP_API_KEY, and there is none; issue one with `keys issue`"),
        (
            Some(""),
            "--stdio serves the agent whose key is in MCP_API_KEY, and there is none; issue one with `keys issue`",
        ),
        (Some("mcpk_nonsense"), "the key in MCP_API_KEY is refused: the credential is not valid"),
        (Some(revoked.key.as_str()), "the key in MCP_API_KEY is refused: the credential is not valid"),
        (Some(&good.key[..60]), "the key in MCP_API_KEY is refused: the credential is not valid"),
        (Some("a\u{7}b"), "the key in MCP_API_KEY is refused: the credential cannot be read"),
    ] {
        let mut command = site.command(&["serve", "--stdio"]);
        if let Some(key) = key {
            command.env("MCP_API_KEY", key);
        }
        let output = finish(&mut command);
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{key:?}");
        assert_eq!(out, "", "{key:?}");
        assert_eq!(err.trim_end(), format!("Error: {message}"), "{key:?}");
    }
}

#[test]
fn calls_are_answered_and_recorded() {
    let site = site("");
    let key = site.issue("agent", &["echo.say"]);
    let mut session = Session::initialized(&site, &key);
    let listed = session.ask(&request("list", "tools/list", json!({})));
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "echo") && !tools.iter().any(|tool| tool["name"] == "get_revenue"));
    let refused = session.ask(&request(0, "tools/list", json!({"cursor": "x"})));
    assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!(-32602), &json!(0)));
    let answer = session.ask(&call(1, "echo", json!({"text": "a\u{202e}b"})));
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(1), &json!("ab")));
    let refused = session.ask(&call("two", "get_revenue", json!({"country": "x"})));
    assert_eq!(tool_error(&refused)["required_scopes"], json!(["revenue.read"]));
    let invalid = session.ask(&call(3, "echo", json!({"txt": 1})));
    assert_eq!(tool_error(&invalid)["violations"].as_array().unwrap().len(), 2);
    let unknown = session.ask(&call(4, "nothing", json!({})));
    assert_eq!((&unknown["error"]["code"], &unknown["id"]), (&json!(-32602), &json!(4)));
    let panicked = session.ask(&call(5, "blow", json!({})));
    assert_eq!(tool_error(&panicked)["code"], "INTERNAL");
    assert!(session.end());
    let mut outcomes: Vec<_> = site
        .audit()
        .records()
        .iter()
        .map(|record| [&record["method"], &record["outcome"]].map(|text| text.as_str().unwrap().to_owned()))
        .collect();
    // Of requests that overlap, the one that is done first is recorded first.
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [
            ["initialize", "OK"],
            ["notifications/initialized", "OK"],
            ["tools/call", "INTERNAL"],
            ["tools/call", "INVALID_ARGUMENTS"],
            ["tools/call", "INVALID_REQUEST"],
            ["tools/call", "OK"],
            ["tools/call", "PERMISSION_DENIED"],
            ["tools/list", "INVALID_REQUEST"],
            ["tools/list", "OK"],
        ]
    );
    for record in site.audit().records() {
        assert_eq!((&record["via"], &record["agent"]), (&json!("stdio"), &json!("key:agent")));
        assert_eq!(record["revision"], LEGACY, "as agreed on by initialize: {record}");
    }
}

#[test]
fn a_revoked_key_is_refused_at_its_next_call() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    assert_eq!(session.ask(&call(1, "ping", json!({})))["result"]["content"][0]["text"], "pong");
    site.json(&["revoke", "agent", "agent"]);
    let began = std::time::Instant::now();
    let mut answer = session.ask(&call(2, "ping", json!({})));
    while answer["result"]["isError"] != true {
        assert!(began.elapsed().as_secs() < 1, "still let in: {answer}");
        answer = session.ask(&call(2, "ping", json!({})));
    }
    let error = tool_error(&answer);
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNAUTHENTICATED"), &json!(false)));
    assert_eq!(answer["id"], 2);
    let before = site.audit().records().len();
    let listed = session.ask(&request(3, "tools/list", json!({})));
    assert_eq!((&listed["error"]["code"], &listed["id"]), (&json!(401), &json!(3)));
    assert_eq!(site.audit().records().len(), before, "who is nobody leaves no record");
}

#[test]
fn limits_hold_without_headers() {
    let site = site("[agents]\nrate = \"5/min\"");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    for n in 0..3 {
        assert_eq!(session.ask(&call(n, "ping", json!({})))["result"]["content"][0]["text"], "pong");
    }
    let error = tool_error(&session.ask(&call(9, "ping", json!({}))));
    assert_eq!(error["code"], "RATE_LIMITED");
    let listed = session.ask(&request("x", "tools/list", json!({})));
    assert_eq!((&listed["error"]["code"], &listed["id"]), (&json!(429), &json!("x")));
    assert!(listed["error"]["data"]["retry_after_ms"].is_u64(), "{listed}");
    session.send("{");
    let malformed = session.receive();
    assert_eq!(malformed["error"]["code"], 429, "nonsense is charged, too: {malformed}");
    assert_eq!(site.audit().wait_for(8)["outcome"], "RATE_LIMITED");
}

#[test]
fn a_cancelled_call_is_dropped_and_recorded() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    session.send(call(7, "wait", json!({"milliseconds": 15_000})).to_string());
    eventually("the tool runs", || site.trace() == ["started"]);
    session
        .send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}).to_string());
    eventually("the tool is dropped", || site.trace() == ["started", "dropped"]);
    eventually("it is recorded", || site.audit().records().iter().any(|r| r["outcome"] == "CANCELLED"));
    assert_eq!(session.ask(&call(8, "ping", json!({})))["id"], 8);
}

#[test]
fn both_ways_can_be_served_at_once() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut command = site.command(&["serve", "--stdio", "--http", "127.0.0.1:0"]);
    let mut serving = mcp_tests::process::Serving::start(command.env("MCP_API_KEY", &key.key).stdin(Stdio::piped()));
    let answer = serving.ask(&key, &call(1, "ping", json!({})));
    assert_eq!(answer["result"]["content"][0]["text"], "pong");
    let mut input = serving.child().stdin.take().unwrap();
    let mut output = BufReader::new(serving.child().stdout.take().unwrap());
    writeln!(input, "{}", initialize(1)).unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["result"]["protocolVersion"], LEGACY);
    drop(input);
    assert!(serving.wait().success(), "it ends with the client that started it");
}
