//! What a tool asks of its client: while the call runs, or by way of another call.

use mcp_tests::http::Connection;
use mcp_tests::message::{call, modern, tool_error};
use mcp_tests::process::{Key, eventually};
use serde_json::{Value, json};

use crate::Fixture;

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A call of the modern revision, from a client that can be asked.
fn asked(tool: &str, arguments: impl Into<Value>) -> Value {
    let mut message = modern(1, "tools/call", json!({"name": tool, "arguments": arguments.into()}));
    message["params"]["_meta"][CAPABILITIES] = json!({"elicitation": {}});
    message
}

fn accepted(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}

impl Fixture {
    fn call_as(&self, key: &Key, message: &Value) -> Value {
        let response = self.as_caller(key).message(message).send();
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }
}

#[test]
fn a_newer_client_is_asked_by_the_answer() {
    let fixture = Fixture::start("");
    let key = &fixture.key;
    let result = fixture.call_as(key, &asked("ask", json!({"greeting": "Hi"})))["result"].clone();
    assert_eq!(result["resultType"], "input_required");
    let question = &result["inputRequests"]["name"];
    assert_eq!(
        (&question["method"], &question["params"]["message"]),
        (&json!("elicitation/create"), &json!("What is your name?"))
    );
    assert_eq!(question["params"]["requestedSchema"]["required"], json!(["name"]));
    let record = fixture.audit().wait_for(1);
    assert_eq!((&record["tool"], &record["outcome"]), (&json!("ask"), &json!("INPUT_REQUIRED")));

    let mut again = asked("ask", json!({"greeting": "Hi"}));
    again["params"]["requestState"] = result["requestState"].clone();
    for (answer, expected) in [
        (accepted("Ada"), "Hi Ada"),
        (json!({"action": "decline"}), "Hello, stranger"),
        (json!({"action": "cancel"}), "Hello?"),
    ] {
        again["params"]["inputResponses"] = json!({"name": answer, "another": 7});
        let answered = fixture.call_as(key, &again);
        assert_eq!(answered["result"]["content"][0]["text"], expected, "{answered}");
    }
    for no_answer in [json!(7), json!({}), accepted(&"x".repeat(21)), json!({"action": "accept"}), json!({"action": 1})]
    {
        again["params"]["inputResponses"] = json!({"name": no_answer});
        assert_eq!(
            fixture.call_as(key, &again)["result"]["resultType"],
            "input_required",
            "asked once more: {no_answer}"
        );
    }
}

#[test]
fn answers_of_earlier_rounds_are_remembered() {
    let fixture = Fixture::start("");
    let key = &fixture.key;
    let first = fixture.call_as(key, &asked("ask_twice", json!({})))["result"].clone();
    let mut message = asked("ask_twice", json!({}));
    message["params"]["inputResponses"] = json!({"first": accepted("Ada")});
    message["params"]["requestState"] = first["requestState"].clone();
    let second = fixture.call_as(key, &message)["result"].clone();
    assert_eq!(second["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["last"]);
    message["params"]["inputResponses"] = json!({"last": accepted("Lovelace")});
    message["params"]["requestState"] = second["requestState"].clone();
    assert_eq!(fixture.call_as(key, &message)["result"]["content"][0]["text"], "Ada Lovelace");
    message["params"].as_object_mut().unwrap().remove("requestState");
    let forgot = fixture.call_as(key, &message);
    assert!(forgot["result"]["inputRequests"]["first"].is_object(), "a client that forgets is asked again: {forgot}");
}

#[test]
fn a_state_is_good_for_its_own_call_alone() {
    let fixture = Fixture::start("");
    let other = fixture.site.issue("other", &["*"]);
    let state =
        fixture.call_as(&fixture.key, &asked("ask", json!({"greeting": "Hi"})))["result"]["requestState"].clone();
    let text = state.as_str().unwrap();
    let attempt = |key: &Key, tool: &str, arguments: Value, state: &str| {
        let mut message = asked(tool, arguments);
        message["params"]["requestState"] = state.into();
        message["params"]["inputResponses"] = json!({"name": accepted("Ada"), "first": accepted("Ada")});
        fixture.call_as(key, &message)
    };
    let good = attempt(&fixture.key, "ask", json!({"greeting": "Hi"}), text);
    assert_eq!(good["result"]["content"][0]["text"], "Hi Ada");
    let mut records = 2;
    for (key, tool, arguments, state) in [
        (&other, "ask", json!({"greeting": "Hi"}), text.to_owned()),
        (&fixture.key, "ask", json!({"greeting": "Ho"}), text.to_owned()),
        (&fixture.key, "ask_twice", json!({}), text.to_owned()),
        (&fixture.key, "ask", json!({"greeting": "Hi"}), format!("{text}x")),
        (&fixture.key, "ask", json!({"greeting": "Hi"}), String::new()),
        (&fixture.key, "ask", json!({"greeting": "Hi"}), "x".repeat(1_000_000)),
    ] {
        let refused = attempt(key, tool, arguments, &state);
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
        records += 1;
        assert_eq!(fixture.audit().wait_for(records)["outcome"], "INVALID_REQUEST");
    }
    fixture.assert_alive();
}

#[test]
fn who_cannot_be_asked_is_told_so() {
    let fixture = Fixture::start("");
    let message = modern(1, "tools/call", json!({"name": "ask", "arguments": {}}));
    let response = fixture.as_caller(&fixture.key).message(&message).send();
    assert_eq!(response.rpc_error(), (400, -32021));
    assert!(response.json()["error"]["data"]["requiredCapabilities"]["elicitation"].is_object());
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "INVALID_REQUEST");
    let session = fixture.open(&fixture.key, &json!({}));
    let in_session = fixture.in_session(&fixture.key, &session).message(&call(1, "ask", json!({}))).send();
    assert_eq!(tool_error(&in_session.json())["code"], "UNAVAILABLE", "older revisions have no code for it");
    let alone = fixture.ask(&call(2, "ask", json!({})));
    assert_eq!(tool_error(&alone)["code"], "UNAVAILABLE");
}

#[test]
fn an_older_client_is_asked_while_the_call_runs() {
    let fixture = Fixture::start("");
    let key = &fixture.key;
    let session = fixture.open(key, &json!({"elicitation": {}}));
    let ask = |id: u32| {
        let request = fixture.in_session(key, &session).message(&call(id, "ask", json!({})));
        let mut connection = Connection::open(fixture.serving.address);
        connection.send(&request.bytes()).unwrap();
        let head = connection.head().unwrap();
        assert_eq!(head.header("content-type"), Some("text/event-stream"), "{head:?}");
        let question = connection.event().unwrap();
        assert_eq!(
            (&question["method"], &question["params"]["message"]),
            (&json!("elicitation/create"), &json!("What is your name?"))
        );
        (connection, question["id"].clone())
    };
    let answer = |id: &Value, answer: Value| {
        let message = json!({"jsonrpc": "2.0", "id": id, "result": answer});
        assert_eq!(fixture.in_session(key, &session).message(&message).send().status, 202);
    };
    let (mut call, id) = ask(1);
    answer(&id, accepted("Ada"));
    assert_eq!(call.event().unwrap()["result"]["content"][0]["text"], "Hello Ada");
    assert!(call.event().is_none(), "and that is all");

    let (mut call, id) = ask(2);
    answer(&id, accepted(&"x".repeat(21)));
    assert_eq!(tool_error(&call.event().unwrap())["code"], "UNAVAILABLE", "no answer that fits");

    let (mut call, id) = ask(3);
    let refusal = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "no"}});
    assert_eq!(fixture.in_session(key, &session).message(&refusal).send().status, 202);
    assert_eq!(tool_error(&call.event().unwrap())["code"], "UNAVAILABLE");

    // Another caller's answer reaches nobody.
    let (mut call, id) = ask(4);
    let mallory = fixture.site.issue("mallory", &["*"]);
    let forged = json!({"jsonrpc": "2.0", "id": id, "result": accepted("Mallory")});
    assert_eq!(fixture.in_session(&mallory, &session).message(&forged).send().status, 404);
    answer(&id, accepted("Ada"));
    assert_eq!(call.event().unwrap()["result"]["content"][0]["text"], "Hello Ada");
    let asked = || fixture.audit().records().into_iter().filter(|record| record["tool"] == "ask").count();
    eventually("each call is recorded", || asked() == 4);
}

#[test]
fn a_stream_that_nobody_reads_any_more_drops_the_call() {
    let fixture = Fixture::start("");
    let mut message = modern(1, "tools/call", json!({"name": "wait", "arguments": {"milliseconds": 15_000}}));
    message["params"]["_meta"]["progressToken"] = "p\u{200b}1".into();
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&fixture.as_caller(&fixture.key).message(&message).bytes()).unwrap();
    assert_eq!(connection.head().unwrap().header("content-type"), Some("text/event-stream"));
    let progress = connection.event().unwrap();
    assert_eq!(progress["params"]["progressToken"], "p\u{200b}1", "the client's own token, as it came");
    drop(connection);
    eventually("the tool is dropped", || fixture.site.trace() == ["started", "dropped"]);
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "CANCELLED");
    fixture.assert_alive();
}

#[test]
fn a_call_that_streams_ends_with_its_credential() {
    let fixture = Fixture::start("");
    let key = fixture.site.issue("streaming", &["*"]);
    let mut message = modern(1, "tools/call", json!({"name": "wait", "arguments": {"milliseconds": 15_000}}));
    message["params"]["_meta"]["progressToken"] = 1.into();
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&fixture.as_caller(&key).message(&message).bytes()).unwrap();
    assert_eq!(connection.head().unwrap().status, 200);
    assert!(connection.event().is_some());
    fixture.site.json(&["revoke", "key", &key.id]);
    assert!(connection.event().is_none(), "the stream ends");
    eventually("the tool is dropped", || fixture.site.trace() == ["started", "dropped"]);
}

#[test]
fn only_who_asked_for_log_messages_gets_any() {
    let fixture = Fixture::start("");
    let mut message = modern(1, "tools/call", json!({"name": "tell", "arguments": {}}));
    let response = fixture.as_caller(&fixture.key).message(&message).send();
    assert_eq!(response.json()["result"]["content"][0]["text"], "told", "no stream");
    message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = "warning".into();
    let response = fixture.as_caller(&fixture.key).message(&message).send();
    assert!(response.body.contains("a warning") && !response.body.contains("a detail"), "{response:?}");
}
