//! What is no message: each gets its status and code, one record, and nothing breaks.

use mcp_tests::http::{Connection, Response};
use mcp_tests::message::{call, modern};
use serde_json::{Value, json};

use crate::Fixture;

const MAX: usize = 4 * 1024 * 1024;

impl Fixture {
    fn post(&self, body: impl AsRef<[u8]>) -> Response {
        self.serving.request().key(&self.key.key).raw(body).send()
    }
}

#[test]
fn what_is_no_message_gets_its_code() {
    let fixture = Fixture::start("");
    let call_with = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
        )
    };
    let cases: Vec<(Vec<u8>, i64, Value)> = [
        ("", -32700, Value::Null),
        ("{", -32700, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list""#, -32700, Value::Null),
        ("\u{feff}{}", -32700, Value::Null),
        ("{} x", -32700, Value::Null),
        ("{}{}", -32700, Value::Null),
        ("[]", -32600, Value::Null),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, Value::Null),
        ("null", -32600, Value::Null),
        ("7", -32600, Value::Null),
        (r#""x""#, -32600, Value::Null),
        (r#"{"id":1,"method":"tools/list"}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"1.0","id":"x","method":"tools/list"}"#, -32600, json!("x")),
        (r#"{"jsonrpc":2.0,"id":1,"method":"tools/list"}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"tools/list"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"x"}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":1,"a":2}}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":7}}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","_meta":7}}"#, -32602, json!(1)),
        (&call_with("[1]"), -32602, json!(1)),
        (&call_with(r#""x""#), -32602, json!(1)),
        (&call_with("7"), -32602, json!(1)),
        (&call_with(r#"{"text":"a","text":"b"}"#), -32602, json!(1)),
        (&call_with(r#"{"text":"a","t\u0065xt":"b"}"#), -32602, json!(1)),
        (&call_with(r#"{"text":{"a":1,"a":2}}"#), -32602, json!(1)),
        (&call_with(r#"{"text":NaN}"#), -32700, Value::Null),
        (&call_with(r#"{"text":Infinity}"#), -32700, Value::Null),
        (&call_with(r#"{"text":1e400}"#), -32700, json!(1)),
        (&call_with(r#"{"text":"\ud800"}"#), -32700, json!(1)),
        (&call_with("{'text':1}"), -32700, Value::Null),
        (&call_with("{\"text\":\"a\nb\"}"), -32700, Value::Null),
        (&call_with(&format!(r#"{{"text":{}{}}}"#, "[".repeat(1000), "]".repeat(1000))), -32700, json!(1)),
    ]
    .map(|(body, code, id)| (body.as_bytes().to_vec(), code, id))
    .into_iter()
    .chain([(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}".to_vec(), -32700, Value::Null)])
    .collect();
    for (index, (body, code, id)) in cases.iter().enumerate() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]);
        let response = fixture.post(body);
        assert_eq!(response.rpc_error(), (400, *code), "{shown}");
        assert_eq!(response.json().get("id").unwrap_or(&Value::Null), id, "{shown}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        let record = fixture.audit().wait_for(index + 1);
        assert_eq!(record["outcome"], "INVALID_REQUEST", "{shown}");
        assert_eq!(record["agent"], "key:tester");
    }
    fixture.assert_alive();
}

#[test]
fn an_id_is_echoed_as_it_came() {
    let fixture = Fixture::start("");
    for id in [
        json!(0),
        json!(-7),
        json!(9_007_199_254_740_993_i64),
        json!(""),
        json!("a \"b\""),
        json!("7"),
        json!(i64::MAX),
    ] {
        let answer = fixture.ask(&call(id.clone(), "ping", json!({})));
        assert_eq!((&answer["id"], &answer["jsonrpc"]), (&id, &json!("2.0")));
        assert_eq!(answer["result"]["content"][0]["text"], "pong");
    }
}

#[test]
fn a_call_without_arguments_is_one() {
    let fixture = Fixture::start("");
    for params in
        [json!({"name": "ping"}), json!({"name": "ping", "arguments": null}), json!({"name": "ping", "arguments": {}})]
    {
        let answer = fixture.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
        assert_eq!(answer["result"]["content"][0]["text"], "pong", "{params}");
    }
}

#[test]
fn an_unknown_tool_or_method_is_a_protocol_error() {
    let fixture = Fixture::start("");
    for (index, name) in
        ["nothing", "Ping", "pi\u{43d}g", "../ping", "", &"x".repeat(10_000), "a\nb\u{202e}"].iter().enumerate()
    {
        let message = call(1, name, json!({"x": 1}));
        let response = fixture.serving.request().key(&fixture.key.key).message(&message).send();
        assert_eq!(response.rpc_error().1, -32602, "{name}");
        assert!(!response.body.contains("xxxx"), "it is not repeated");
        let record = fixture.audit().wait_for(index + 1);
        assert_eq!((&record["tool"], &record["outcome"]), (&Value::Null, &json!("INVALID_REQUEST")));
    }
    let method = fixture.serving.request().key(&fixture.key.key).message(&modern(1, "made/up", json!({}))).send();
    assert_eq!(method.rpc_error(), (404, -32601));
    assert_eq!(fixture.audit().wait_for(8)["method"], "unknown", "a method of the client's making is no label");
}

#[test]
fn media_types_are_checked() {
    let fixture = Fixture::start("");
    let request = || fixture.serving.request().key(&fixture.key.key).message(&call(1, "ping", json!({})));
    for (media, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("text/plain", 415),
        ("application/json-patch+json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ] {
        assert_eq!(request().replace("Content-Type", media).send().status, status, "{media}");
    }
    assert_eq!(request().without("Content-Type").send().status, 415);
    assert_eq!(request().with("Content-Type", "text/plain").send().status, 415, "two of them");
    for accept in ["application/json", "text/event-stream", "text/html"] {
        assert_eq!(request().replace("Accept", accept).send().status, 406, "{accept}");
    }
    assert_eq!(request().without("Accept").send().status, 406);
    fixture.assert_alive();
}

#[test]
fn bodies_have_a_bound() {
    let fixture = Fixture::start("");
    let padded = |size: usize| {
        let mut body = call(1, "ping", json!({})).to_string();
        body.extend(std::iter::repeat_n(' ', size - body.len()));
        body
    };
    assert_eq!(fixture.post(padded(MAX)).status, 200);
    let response = fixture.post(padded(MAX + 1));
    assert_eq!(response.rpc_error(), (413, -32600));
    let request = fixture.serving.request().key(&fixture.key.key);
    let announced = request.clone().with("Content-Length", &(MAX + 1).to_string());
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(announced.head().as_bytes()).unwrap();
    assert_eq!(connection.receive().unwrap().status, 413, "at once, by its word");
    let chunked = request.with("Transfer-Encoding", "chunked");
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(chunked.head().as_bytes()).unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // The server may answer and close before all of it is sent.
    let _ = (0..=MAX / 0x10000).try_for_each(|_| connection.send(chunk.as_bytes()));
    assert_eq!(connection.receive().unwrap().status, 413);
    let records = fixture.audit().records();
    let refused = records.iter().filter(|record| record["outcome"] == "INVALID_REQUEST").count();
    assert_eq!((records.len(), refused), (4, 3));
    fixture.assert_alive();
}

#[test]
fn a_chunked_body_is_a_body() {
    let fixture = Fixture::start("");
    let body = call(1, "ping", json!({})).to_string();
    let chunked = fixture.serving.request().key(&fixture.key.key).with("Transfer-Encoding", "chunked");
    let mut connection = Connection::open(fixture.serving.address);
    let (first, second) = body.split_at(10);
    let chunks =
        format!("{}{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", chunked.head(), first.len(), second.len());
    connection.send(chunks.as_bytes()).unwrap();
    assert_eq!(connection.receive().unwrap().json()["result"]["content"][0]["text"], "pong");
}

#[test]
fn a_million_parts_are_refused() {
    let fixture = Fixture::start("");
    let many = format!("[{}1]", "1,".repeat(1_000_000));
    let keys = (0..200_000).map(|n| format!(r#""k{n}":1,"#)).collect::<Vec<_>>().concat();
    for (arguments, code) in [(format!(r#"{{"text":{many}}}"#), -32602), (format!(r#"{{{keys}"text":1}}"#), -32602)] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
        );
        assert!(body.len() < MAX);
        let began = std::time::Instant::now();
        assert_eq!(fixture.post(body).rpc_error(), (400, code));
        assert!(began.elapsed() < mcp_tests::process::PATIENCE, "{:?}", began.elapsed());
    }
    let top = format!(r#"{{{keys}"jsonrpc":"2.0","id":1,"method":"ping"}}"#);
    assert_eq!(fixture.post(top).rpc_error(), (400, -32600));
    fixture.assert_alive();
}

#[test]
fn a_message_that_asks_nothing_gets_no_answer() {
    let fixture = Fixture::start("");
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let response = fixture.post(notification.to_string());
    assert_eq!((response.status, response.body.as_str()), (202, ""));
    let call =
        json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "x"}}});
    let response = fixture.post(call.to_string());
    assert_eq!(response.rpc_error(), (400, -32600), "a call needs an id");
    assert!(!fixture.site.trace().contains(&"echo".to_owned()), "and does nothing without");
    let response = fixture.post(json!({"jsonrpc": "2.0", "id": 1, "result": {}}).to_string());
    assert_eq!(response.status, 400, "nobody asked: {response:?}");
    assert_eq!(fixture.audit().records().len(), 3, "each left its record");
}

#[test]
fn numbers_and_texts_reach_the_tool_unchanged() {
    let fixture = Fixture::start("");
    for text in ["nul\0", "cr\r\nlf", "é", "e\u{301}", "👩‍👩‍👧", &"x".repeat(100_000)] {
        let answer = fixture.ask(&call(1, "echo", json!({"text": text})));
        let expected = text.replace('\0', "").replace("\r\n", "\n");
        assert_eq!(answer["result"]["content"][0]["text"], expected.as_str(), "cleaned on its way out alone");
    }
}
