//! Lines, whole and broken, one after another and all at once.

use std::io::Write;

use mcp_tests::message::{call, modern};
use serde_json::{Value, json};

use mcp_tests::stdio::Session;

use crate::site;

#[test]
fn a_line_that_is_no_message_is_answered_and_the_session_goes_on() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    let mut expected = 2;
    site.audit().wait_for(expected);
    for (line, code, id) in [
        ("{", -32700, Value::Null),
        ("hello", -32700, Value::Null),
        ("{} {}", -32700, Value::Null),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","arguments":[]}}"#, -32602, json!(1)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","text":"b"}}}"#,
            -32602,
            json!(1),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":7}"#, -32602, json!(1)),
    ] {
        session.send(line);
        let answer = session.receive();
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
        assert_eq!(answer.get("id").unwrap_or(&Value::Null), &id, "{line}: {answer}");
        expected += 1;
        assert_eq!(site.audit().wait_for(expected)["outcome"], "INVALID_REQUEST", "{line}");
    }
    session.send(b"\xff\xfe");
    assert_eq!(session.receive()["error"]["code"], -32700);
    session.send("");
    session.send("  ");
    let answer = session.ask(&call(9, "ping", json!({})));
    assert_eq!(answer["result"]["content"][0]["text"], "pong", "empty lines are nothing");
    assert_eq!(site.audit().records().len(), expected + 2);
}

#[test]
fn a_line_above_its_bound_is_thrown_away_whole() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    let long = call(1, "echo", json!({"text": "x".repeat(4 * 1024 * 1024)})).to_string();
    session.send(&long);
    let answer = session.receive();
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    assert!(answer.get("id").is_none());
    let answer = session.ask(&call(2, "ping", json!({})));
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(2), &json!("pong")));
    assert_eq!(site.audit().wait_for(4)["outcome"], "OK");
}

#[test]
fn no_message_is_lost_while_answers_go_out() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    let lines: String = (1..=200)
        .map(|n| match n % 3 {
            0 => "{\n".to_owned(),
            1 => format!("{}\n", call(n, "ping", json!({}))),
            _ => format!("{}\n", call(n, "echo", json!({"text": "x".repeat(5000)}))),
        })
        .collect();
    for piece in lines.as_bytes().chunks(1000) {
        session.input.as_mut().unwrap().write_all(piece).unwrap();
    }
    let answers: Vec<_> = (0..200).map(|_| session.receive()).collect();
    let mut ids: Vec<_> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=200).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    assert_eq!(answers.iter().filter(|answer| answer["error"]["code"] == -32700).count(), 66);
    assert!(session.end());
    assert_eq!(site.audit().records().len(), 202);
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    let line = format!("{}\n", call(2, "echo", json!({"text": "whole"})));
    let (first, second) = line.split_at(50);
    session.send(call(1, "wait", json!({"milliseconds": 200})).to_string());
    session.input.as_mut().unwrap().write_all(first.as_bytes()).unwrap();
    assert_eq!(session.receive()["id"], 1, "an answer goes out meanwhile");
    session.input.as_mut().unwrap().write_all(second.as_bytes()).unwrap();
    assert_eq!(session.receive()["result"]["content"][0]["text"], "whole");
}

#[test]
fn calls_run_beside_each_other_and_answers_never_cross() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    for (id, milliseconds) in [(1, 400), (2, 200), (3, 0)] {
        session.send(call(id, "wait", json!({"milliseconds": milliseconds})).to_string());
    }
    let order: Vec<_> = (0..3).map(|_| session.receive()["id"].clone()).collect();
    assert_eq!(order, [3, 2, 1]);
    // The same id as a number and as a text, and the same id again while the first is on its way.
    session.send(call(5, "echo", json!({"text": "number"})).to_string());
    session.send(call("5", "echo", json!({"text": "text"})).to_string());
    for _ in 0..2 {
        let answer = session.receive();
        let expected = if answer["id"].is_number() { "number" } else { "text" };
        assert_eq!(answer["result"]["content"][0]["text"], expected, "{answer}");
    }
    session.end();
    let calls = site.audit().records().into_iter().filter(|record| record["method"] == "tools/call").count();
    assert_eq!(calls, 5, "one record each");
}

#[test]
fn what_comes_before_the_handshake_is_refused_and_recorded_so() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::start(&site, &key);
    let mut expected = 0;
    for (method, code, outcome) in
        [("tools/list", -32602, "INVALID_REQUEST"), ("prompts/list", -32602, "INVALID_REQUEST"), ("ping", 0, "OK")]
    {
        let answer = session.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": method}));
        assert_eq!(answer["error"]["code"].as_i64().unwrap_or(0), code, "{method}: {answer}");
        expected += 1;
        assert_eq!(site.audit().wait_for(expected)["outcome"], outcome, "{method}");
    }
    // What stands in for a handshake is whole or nothing.
    let mut half = modern(2, "tools/list", json!({}));
    let meta = half["params"]["_meta"].as_object_mut().unwrap();
    assert!(meta.remove("io.modelcontextprotocol/clientCapabilities").is_some());
    assert_eq!(session.ask(&half)["error"]["code"], -32602);
    let record = site.audit().wait_for(expected + 1);
    assert_eq!((&record["outcome"], &record["revision"]), (&json!("INVALID_REQUEST"), &json!("2026-07-28")));
}

#[test]
fn the_modern_revision_needs_no_handshake() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::start(&site, &key);
    let answer = session.ask(&modern(1, "tools/call", json!({"name": "ping", "arguments": {}})));
    assert_eq!(answer["result"]["content"][0]["text"], "pong", "{answer}");
    assert_eq!(answer["result"]["resultType"], "complete");
    let discovered = session.ask(&modern(2, "server/discover", json!({})));
    assert!(discovered["result"]["supportedVersions"].is_array(), "{discovered}");
    session.ask(&modern(3, "tools/list", json!({})));
    assert!(session.end());
    let records = site.audit().records();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["revision"] == "2026-07-28"), "{records:#?}");
}
