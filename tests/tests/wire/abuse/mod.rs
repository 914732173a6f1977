//! What a server must survive, as a table: each case over each way that it can be sent by. After each case there is one
//! record more, and a normal call works.
//!
//! A way is a column: [`Way`]. A case says what is sent and what has to come back, in words that hold for every way.

mod cases;
mod headers;
mod ways;

use mcp_tests::audit::Audit;
use mcp_tests::message::tool_error;
use serde_json::Value;

use crate::site;
use cases::{CASES, Case, Expected, Sent};
use ways::{Answer, Newer, Older, OverStdio, Session, Way};

/// Makes a tool's time-out short, and nothing else.
const CONFIG: &str = "[tools.wait]\ntimeout = \"100ms\"\n[subjects]\nrate = \"100000/min\"";

/// Sends every case by one way.
fn survive(start: impl FnOnce(&mcp_tests::process::Site) -> Box<dyn Way>) {
    let site = site(CONFIG);
    let mut way = start(&site);
    let audit = site.audit();
    let mut records = Audit::records(&audit).len();
    for case in CASES {
        if !way.takes(case) {
            continue;
        }
        let answer = way.send(&case.sent);
        check(case, &answer, way.name());
        records += 1;
        let record = audit.wait_for(records);
        assert_eq!(record["outcome"], case.expected.outcome(), "{} over {}: {record}", case.name, way.name());
        let normal = way.send(&Sent::Call("ping", "{}"));
        assert_eq!(normal.message["result"]["content"][0]["text"], "pong", "after {} over {}", case.name, way.name());
        records += 1;
        audit.wait_for(records);
    }
}

fn check(case: &Case, answer: &Answer, way: &str) {
    let Answer { status, message } = answer;
    let told = format!("{} over {way}: {status:?} {message}", case.name);
    assert_eq!(message["jsonrpc"], "2.0", "{told}");
    let id = message.get("id").unwrap_or(&Value::Null);
    assert!(message.get("id").is_none_or(|id| !id.is_null()), "an id is left out, never null: {told}");
    match &case.expected {
        Expected::Protocol(code, expected) => {
            assert_eq!(message["error"]["code"], *code, "{told}");
            // The status that MCP names for the code; an unknown tool was asked for properly.
            assert!(status.is_none_or(|status| status == expected.status()), "{told}");
            assert_eq!(id.is_null(), !expected.echoes(), "{told}");
        }
        Expected::Tool(code) => {
            assert!(status.is_none_or(|status| status == 200), "{told}");
            let error = tool_error(message);
            assert_eq!(error["code"], *code, "{told}");
            for secret in ["/srv", "SELECT", "panicked", "stack"] {
                assert!(!message.to_string().contains(secret), "{told}");
            }
            assert!(!id.is_null(), "{told}");
        }
        Expected::Text(text) => {
            assert_eq!(message["result"]["content"][0]["text"], *text, "{told}");
            assert_ne!(message["result"]["isError"], true, "{told}");
        }
    }
}

#[test]
fn by_an_older_client() {
    survive(|site| Box::new(Older::start(site)));
}

#[test]
fn by_an_older_client_in_a_session() {
    survive(|site| Box::new(Session::start(site)));
}

#[test]
fn by_a_newer_client() {
    survive(|site| Box::new(Newer::start(site)));
}

#[test]
fn over_standard_input_and_output() {
    survive(|site| Box::new(OverStdio::start(site)));
}
