//! Over a limit: what the model reads, what proxies read, and that waiting helps.

use std::time::Duration;

use mcp_tests::message::{call, initialize, modern, request, tool_error};
use serde_json::{Value, json};

use crate::Fixture;

#[test]
fn a_limit_is_a_tool_error_with_headers_and_waiting_helps() {
    let fixture = Fixture::start("");
    let message = call("it", "each_second", json!({}));
    let request = fixture.serving.request().key(&fixture.key.key).message(&message);
    let first = request.send();
    assert_eq!(first.header("ratelimit-policy"), Some("\"tool\";q=1;w=1"));
    assert_eq!(first.header("ratelimit"), Some("\"tool\";r=0;t=1"));
    assert_eq!(first.header("retry-after"), None);
    let second = request.send();
    assert_eq!(second.status, 200);
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(second.header("ratelimit-policy"), Some("\"tool\";q=1;w=1"));
    assert_eq!(second.header("ratelimit"), Some("\"tool\";r=0;t=1"));
    assert_eq!(second.json()["id"], "it");
    let error = tool_error(&second.json());
    assert_eq!((&error["code"], &error["retryable"]), (&json!("RATE_LIMITED"), &json!(true)));
    let wait = error["retry_after_ms"].as_u64().unwrap();
    assert!((1..=1000).contains(&wait), "{wait}");
    std::thread::sleep(Duration::from_millis(wait));
    assert!(request.send().json()["result"]["content"][0]["text"] == "done");
    assert_eq!(fixture.site.trace(), ["each_second", "each_second"]);
}

#[test]
fn the_call_after_the_burst_is_limited_in_both_revisions() {
    let fixture = Fixture::start("");
    let modern = |n: u32| modern(n, "tools/call", json!({"name": "get_revenue", "arguments": {"country": "x"}}));
    for n in 0..5 {
        assert!(
            fixture.ask(&call(n, "get_revenue", json!({"country": "x"})))["result"]["structuredContent"].is_object()
        );
        assert!(fixture.ask(&modern(n))["result"]["structuredContent"].is_object());
    }
    for message in [call(1, "get_revenue", json!({"country": "x"})), modern(1)] {
        let error = tool_error(&fixture.ask(&message));
        let wait = error["retry_after_ms"].as_u64().unwrap();
        assert!(error["code"] == "RATE_LIMITED" && (1..=6000).contains(&wait), "{error}");
    }
    let other = fixture.site.issue("other", &["revenue.read"]);
    let answer = fixture.serving.ask(&other, &call(1, "get_revenue", json!({"country": "x"})));
    assert!(answer["result"]["structuredContent"].is_object(), "another agent has a burst of its own");
    assert_eq!(fixture.site.trace().len(), 11, "a refused call does not run");
}

#[test]
fn two_keys_of_one_agent_share_its_limit() {
    let fixture = Fixture::start("");
    let second = fixture.site.issue("tester", &["*"]);
    let message = call(1, "each_second", json!({}));
    assert!(fixture.ask(&message)["result"].get("isError").is_none_or(|error| error == false));
    assert_eq!(tool_error(&fixture.serving.ask(&second, &message))["code"], "RATE_LIMITED");
}

#[test]
fn a_limit_can_be_an_http_status() {
    let fixture = Fixture::start("[http]\nrate_limited = \"http-429\"");
    for message in [
        call("it", "each_second", json!({})),
        modern("it", "tools/call", json!({"name": "each_second", "arguments": {}})),
    ] {
        let request = fixture.serving.request().key(&fixture.key.key).message(&message);
        request.send();
        let limited = request.send();
        assert_eq!(limited.rpc_error(), (429, 429), "{limited:?}");
        assert_eq!(limited.json()["id"], "it");
        assert_eq!(limited.header("retry-after"), Some("1"));
        assert_eq!(limited.header("ratelimit-policy"), Some("\"tool\";q=1;w=1"));
        assert_eq!(limited.json()["error"]["data"]["code"], "RATE_LIMITED");
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn every_other_request_is_charged_as_well() {
    let messages: [(Value, Option<Value>); 7] = [
        (request(7, "tools/list", json!({})), Some(json!(7))),
        (modern(7, "tools/list", json!({})), Some(json!(7))),
        (modern(7, "server/discover", json!({})), Some(json!(7))),
        (initialize(7), Some(json!(7))),
        (request(7, "made/up", json!({})), Some(json!(7))),
        (json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), None),
        (json!({"no": "message"}), None),
    ];
    let fixture = Fixture::start("[agents]\nrate = \"1/min\"");
    for (index, (message, id)) in messages.iter().enumerate() {
        let key = fixture.site.issue(&format!("agent{index}"), &["*"]);
        let request = fixture.serving.request().key(&key.key).message(message);
        assert_ne!(request.send().status, 429, "{message}");
        let limited = request.send();
        assert_eq!(limited.rpc_error(), (429, 429), "{message}");
        assert_eq!(limited.json().get("id"), id.as_ref(), "{message}");
        let seconds: u64 = limited.header("retry-after").unwrap().parse().unwrap();
        assert!((59..=60).contains(&seconds), "{seconds}");
        assert_eq!(fixture.audit().wait_for(index * 2 + 2)["outcome"], "RATE_LIMITED", "{message}");
    }
}

#[test]
fn a_call_that_never_reaches_its_tool_is_charged_as_well() {
    let fixture = Fixture::start("[agents]\nrate = \"2/min\"");
    let ping = call(7, "ping", json!({}));
    let mirrored = modern(7, "tools/call", json!({"name": "ping"}));
    for (index, (message, header, value, status)) in [
        (&ping, "Accept", "text/html", 406),
        (&ping, "MCP-Protocol-Version", "1900-01-01", 400),
        (&mirrored, "Mcp-Name", "echo", 400),
    ]
    .into_iter()
    .enumerate()
    {
        let key = fixture.site.issue(&format!("agent{index}"), &["*"]);
        let request = fixture.serving.request().key(&key.key).message(message).replace(header, value);
        assert_eq!([request.send().status, request.send().status], [status, status], "{header}");
        let limited = request.send();
        assert_eq!(limited.rpc_error(), (429, 429), "{header}");
        assert_eq!(limited.json()["id"], 7);
        assert_eq!(fixture.audit().wait_for(index * 3 + 3)["outcome"], "RATE_LIMITED", "{header}");
    }
}

#[test]
fn a_missing_scope_is_a_tool_error_for_a_key() {
    let fixture = Fixture::start("");
    let key = fixture.site.issue("reporting", &["revenue.read"]);
    for message in [
        call(1, "delete_record", json!({"kind": "track", "id": 1})),
        modern(1, "tools/call", json!({"name": "delete_record", "arguments": {"kind": "track", "id": 1}})),
    ] {
        let response = fixture.serving.request().key(&key.key).message(&message).send();
        assert_eq!(response.status, 200);
        assert!(response.header("www-authenticate").is_none(), "a key cannot step up");
        let error = tool_error(&response.json());
        assert_eq!(error["code"], "PERMISSION_DENIED");
        assert_eq!(error["required_scopes"], json!(["record.delete", "record.read"]));
    }
    assert!(fixture.site.trace().is_empty());
}
