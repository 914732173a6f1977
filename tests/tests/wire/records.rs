//! Each request of a known caller leaves one record, and the log keeps what belongs there alone.

use mcp_tests::message::{call, initialize, modern, request};
use serde_json::{Value, json};

use crate::Fixture;

#[test]
fn every_request_of_a_caller_leaves_one_record() {
    let fixture = Fixture::start("[tools.wait]\ntimeout = \"50ms\"");
    let cases: Vec<(Value, &str, &str, Value)> = vec![
        (initialize(1), "initialize", "OK", Value::Null),
        (
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            "notifications/initialized",
            "OK",
            Value::Null,
        ),
        (request("a", "tools/list", json!({})), "tools/list", "OK", Value::Null),
        (modern(1, "server/discover", json!({})), "server/discover", "OK", Value::Null),
        (request(1, "prompts/list", json!({})), "prompts/list", "OK", Value::Null),
        (request(1, "tools/list", json!({"cursor": "x"})), "tools/list", "INVALID_REQUEST", Value::Null),
        (request(1, "made/up", json!({})), "unknown", "INVALID_REQUEST", Value::Null),
        (call(1, "ping", json!({})), "tools/call", "OK", json!("ping")),
        (modern(1, "tools/call", json!({"name": "ping"})), "tools/call", "OK", json!("ping")),
        (
            call(1, "get_revenue", json!({"country": "Atlantis"})),
            "tools/call",
            "RECORD_NOT_FOUND",
            json!("get_revenue"),
        ),
        (call(1, "get_revenue", json!({"country": "Ruritania"})), "tools/call", "INTERNAL", json!("get_revenue")),
        (call(1, "get_revenue", json!({"months": 0})), "tools/call", "INVALID_ARGUMENTS", json!("get_revenue")),
        (call(1, "blow", json!({})), "tools/call", "INTERNAL", json!("blow")),
        (call(1, "wait", json!({"milliseconds": 5000})), "tools/call", "TIMEOUT", json!("wait")),
        (call(1, "bulk", json!({"bytes": 100_000})), "tools/call", "OUTPUT_TOO_LARGE", json!("bulk")),
        (call(1, "nothing", json!({})), "tools/call", "INVALID_REQUEST", Value::Null),
        (request(1, "tools/call", json!({"name": "ping", "arguments": 7})), "unknown", "INVALID_REQUEST", Value::Null),
    ];
    for (index, (message, method, outcome, tool)) in cases.iter().enumerate() {
        fixture.serving.request().key(&fixture.key.key).message(message).send();
        let record = fixture.audit().wait_for(index + 1);
        assert_eq!(record["outcome"], *outcome, "{message}: {record}");
        assert_eq!((&record["method"], &record["tool"]), (&json!(method), tool), "{message}");
        assert_eq!((&record["agent"], &record["via"]), (&json!("key:tester"), &json!("http")));
        assert_eq!(record["credential"], fixture.key.id.as_str());
        assert_eq!(record["subject"], Value::Null);
    }
}

#[test]
fn who_acts_for_whom_is_recorded_and_told_to_the_tool() {
    let fixture = Fixture::start("");
    let issued = fixture.site.json(&["keys", "issue", "--agent", "bot", "--scope", "*", "--on-behalf-of", "carol"]);
    let whoami = fixture.serving.request().key(issued["key"].as_str().unwrap()).message(&call(1, "whoami", json!({})));
    assert_eq!(whoami.send().json()["result"]["content"][0]["text"], "key:bot for carol");
    let record = fixture.audit().wait_for(1);
    assert_eq!((&record["agent"], &record["subject"]), (&json!("key:bot"), &json!("carol")));
}

#[test]
fn what_the_client_says_of_itself_is_not_who_it_is() {
    let fixture = Fixture::start("");
    let mut message = modern(1, "tools/call", json!({"name": "whoami", "arguments": {}}));
    message["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "key:admin", "version": "1"});
    let request = fixture.serving.request().key(&fixture.key.key).message(&message);
    let response = request.with("X-Agent", "admin").with("Mcp-Session-Id", "admin").send();
    assert_eq!(response.json()["result"]["content"][0]["text"], "key:tester for nobody");
}

#[test]
fn an_id_is_recorded_cleaned_and_cut() {
    let fixture = Fixture::start("");
    for (index, (id, shown)) in [
        (json!(7), "7".to_owned()),
        (json!("evil\n\u{1b}[31m\u{202e}id"), "evil id".to_owned()),
        (json!("x".repeat(256)), "x".repeat(64)),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = fixture.ask(&call(id.clone(), "ping", json!({})));
        assert_eq!(answer["id"], id, "it is echoed whole");
        assert_eq!(fixture.audit().wait_for(index + 1)["request"], shown);
    }
    assert_eq!(fixture.audit().records().len(), 3);
}

#[test]
fn the_log_tells_causes_and_no_secrets() {
    let fixture = Fixture::start("");
    let ask = |tool: &str, arguments: Value| fixture.ask(&call("log-1", tool, arguments));
    let error = mcp_tests::message::tool_error(&ask("get_revenue", json!({"country": "Ruritania"})));
    ask("find_customer", json!({"email": "carol@example.com", "password": "hunter2", "note": "a\nb\u{1b}[31m"}));
    fixture.serving.request().key("mcpk_guessed-secret").send();
    fixture.audit().wait_for(2);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let log = fixture.serving.log();
    let lines: Vec<Value> =
        log.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["target"] == "mcp_runtime::call").collect();
    assert_eq!(calls.len(), 2, "{log:#?}");
    assert_eq!((&calls[0]["tool"], &calls[0]["outcome"]), (&json!("get_revenue"), &json!("INTERNAL")));
    assert_eq!(calls[1]["request"], "log-1");
    let causes: Vec<_> = lines.iter().filter(|line| line["target"] == "mcp_runtime::failure").collect();
    assert_eq!(causes.len(), 1);
    assert!(causes[0]["cause"].as_str().unwrap().contains("SELECT * FROM /srv/secret.db"));
    assert_eq!(causes[0]["correlation"], error["correlation"], "the caller's id leads here");
    let everything = log.join("\n") + &fixture.audit().text();
    for secret in ["carol@example.com", "hunter2", &fixture.key.key[18..], "guessed-secret"] {
        assert!(!everything.contains(secret), "{secret}: {everything}");
    }
}
