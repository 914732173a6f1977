//! The same for heads of HTTP requests, which the other ways do not have.

use mcp_tests::http::Request;
use mcp_tests::message::{LEGACY, MODERN, call, modern};
use serde_json::json;

use crate::Fixture;

/// A change to a good request, and the status and code that it has to come to.
type Row = (&'static str, fn(Request) -> Request, u16, i64);

const SUPPORTED: &[&str] = &[MODERN, LEGACY];

fn of_the_newer_revision() -> Vec<Row> {
    vec![
        ("a version of old", |r| r.replace("MCP-Protocol-Version", "1900-01-01"), 400, -32020),
        ("no version in the head", |r| r.without("MCP-Protocol-Version"), 400, -32020),
        ("another version in the head", |r| r.replace("MCP-Protocol-Version", LEGACY), 400, -32020),
        ("two versions in the head", |r| r.with("MCP-Protocol-Version", MODERN), 400, -32020),
        ("no method in the head", |r| r.without("Mcp-Method"), 400, -32020),
        ("another method in the head", |r| r.replace("Mcp-Method", "tools/list"), 400, -32020),
        ("no name in the head", |r| r.without("Mcp-Name"), 400, -32020),
        ("another name in the head", |r| r.replace("Mcp-Name", "ping"), 400, -32020),
        ("a name in other letters", |r| r.replace("Mcp-Name", "Regional"), 400, -32020),
        ("a name in broken base64", |r| r.replace("Mcp-Name", "=?base64?!!!?="), 400, -32020),
        ("no mirrored argument", |r| r.without("Mcp-Param-Region"), 400, -32020),
        ("another mirrored argument", |r| r.replace("Mcp-Param-Region", "north"), 400, -32020),
        ("an argument in broken base64", |r| r.replace("Mcp-Param-Region", "=?base64?c291dGg?="), 400, -32020),
        ("a media type of forms", |r| r.replace("Content-Type", "application/x-www-form-urlencoded"), 415, -32600),
        ("no media type", |r| r.without("Content-Type"), 415, -32600),
        ("only JSON accepted", |r| r.replace("Accept", "application/json"), 406, -32600),
        ("nothing accepted", |r| r.without("Accept"), 406, -32600),
    ]
}

fn of_an_older_revision() -> Vec<Row> {
    vec![
        ("a version of old", |r| r.replace("MCP-Protocol-Version", "1900-01-01"), 400, -32022),
        ("a version of the future", |r| r.replace("MCP-Protocol-Version", "2099-01-01"), 400, -32022),
        ("a version that is none", |r| r.replace("MCP-Protocol-Version", "latest"), 400, -32022),
        ("an empty version", |r| r.replace("MCP-Protocol-Version", ""), 400, -32022),
        ("a long version", |r| r.replace("MCP-Protocol-Version", &"9".repeat(10_000)), 400, -32022),
        (
            "the newer version, without its parameters",
            |r| {
                let request = r.replace("MCP-Protocol-Version", MODERN);
                request.with("Mcp-Method", "tools/call").with("Mcp-Name", "regional").with("Mcp-Param-Region", "south")
            },
            400,
            -32602,
        ),
        ("a session of nobody", |r| r.with("Mcp-Session-Id", "0123"), 404, -32600),
        ("a session that is a path", |r| r.with("Mcp-Session-Id", "../../etc"), 404, -32600),
        ("an empty session", |r| r.with("Mcp-Session-Id", ""), 404, -32600),
    ]
}

fn survive(good: impl Fn(&Fixture) -> Request, rows: Vec<Row>) {
    let fixture = Fixture::start("");
    let mut records = 0;
    for (name, change, status, code) in rows {
        let response = change(good(&fixture)).send();
        assert_eq!(response.rpc_error(), (status, code), "{name}: {response:?}");
        let answer = response.json();
        assert!(answer.get("id").is_none_or(|id| *id == json!(1)), "{name}: {answer}");
        assert!(answer.to_string().len() < 1000, "{name}: what is repeated is cut: {answer}");
        if code == -32022 {
            let supported = answer["error"]["data"]["supported"].as_array().expect("versions").clone();
            assert!(SUPPORTED.iter().all(|version| supported.contains(&json!(version))), "{name}: {answer}");
            assert!(answer["error"]["data"]["requested"].is_string(), "{name}: {answer}");
        }
        records += 1;
        assert_eq!(fixture.audit().wait_for(records)["outcome"], "INVALID_REQUEST", "{name}");
        let normal = good(&fixture).send();
        assert_eq!(normal.json()["result"]["content"][0]["text"], "south", "after {name}");
        records += 1;
        fixture.audit().wait_for(records);
    }
}

#[test]
fn a_newer_head_says_what_its_message_says() {
    let message = modern(1, "tools/call", json!({"name": "regional", "arguments": {"region": "south"}}));
    let good = |fixture: &Fixture| {
        let request = fixture.as_caller(&fixture.key).message(&message);
        request.with("Mcp-Param-Region", "south")
    };
    survive(good, of_the_newer_revision());
}

/// What a message says of its trace may be of any type, and then means nothing.
#[test]
fn a_broken_trace_does_not_excuse_a_head() {
    let mut message = modern(1, "tools/call", json!({"name": "regional", "arguments": {"region": "south"}}));
    for key in ["traceparent", "tracestate"] {
        message["params"]["_meta"][key] = json!(1);
    }
    let good = |fixture: &Fixture| {
        let request = fixture.as_caller(&fixture.key).message(&message);
        request.with("Mcp-Param-Region", "south")
    };
    survive(good, of_the_newer_revision());
}

#[test]
fn an_older_head_names_what_is_served() {
    let message = call(1, "regional", json!({"region": "south"}));
    let good = |fixture: &Fixture| {
        let request = fixture.as_caller(&fixture.key).message(&message);
        request.with("MCP-Protocol-Version", LEGACY)
    };
    survive(good, of_an_older_revision());
}

#[test]
fn a_version_that_is_not_served_is_named_in_both_places() {
    let fixture = Fixture::start("");
    for (index, version) in ["1900-01-01", "v999.0.0", ""].iter().enumerate() {
        let mut message = modern(1, "tools/call", json!({"name": "ping"}));
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = (*version).into();
        let request = fixture.as_caller(&fixture.key).message(&message).replace("MCP-Protocol-Version", version);
        let response = request.send();
        assert_eq!(response.rpc_error(), (400, -32022), "{version}");
        assert_eq!(response.json()["error"]["data"]["requested"], *version);
        assert_eq!(fixture.audit().wait_for(index + 1)["outcome"], "INVALID_REQUEST");
    }
    fixture.assert_alive();
}

#[test]
fn what_is_gone_is_not_found() {
    let fixture = Fixture::start("");
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "made/up"]
    {
        let response = fixture.as_caller(&fixture.key).message(&modern(1, method, json!({}))).send();
        assert_eq!(response.rpc_error(), (404, -32601), "{method}: {response:?}");
        assert_eq!(response.json()["id"], 1);
    }
    assert_eq!(fixture.audit().wait_for(6)["outcome"], "INVALID_REQUEST");
}

#[test]
fn a_method_that_is_not_served_is_recorded_of_whom_is_known() {
    let fixture = Fixture::start("");
    for (index, method) in ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "MADEUP"].iter().enumerate() {
        let request = fixture.as_caller(&fixture.key).to(method, "/mcp").without("Content-Type");
        let mut connection = mcp_tests::http::Connection::open(fixture.serving.address);
        connection.send(&request.bytes()).unwrap();
        let head = connection.head().unwrap();
        assert_eq!((head.status, head.header("allow")), (405, Some("POST")), "{method}");
        assert_eq!(fixture.audit().wait_for(index + 1)["outcome"], "INVALID_REQUEST", "{method}");
    }
    assert_eq!(fixture.serving.request().to("PUT", "/mcp").send().status, 405);
    fixture.assert_alive();
    assert_eq!(fixture.audit().wait_for(9)["outcome"], "OK", "a stranger leaves no record");
}
