//! Sessions of the older revisions: whose they are, how many there are, and how they end.

use mcp_tests::http::{Connection, Request, Response};
use mcp_tests::message::{LEGACY, call, initialize, request};
use mcp_tests::process::{Key, eventually};
use serde_json::{Value, json};

use crate::Fixture;

const SESSION: &str = "Mcp-Session-Id";

impl Fixture {
    pub(crate) fn as_caller(&self, key: &Key) -> Request {
        self.serving.request().key(&key.key)
    }

    /// Opens a session, and gives its id.
    pub(crate) fn open(&self, key: &Key, capabilities: &Value) -> String {
        let mut message = initialize(0);
        message["params"]["capabilities"] = capabilities.clone();
        let opened = self.as_caller(key).message(&message).send();
        assert_eq!(opened.status, 200, "{opened:?}");
        let session = opened.header("mcp-session-id").expect("a session").to_owned();
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.in_session(key, &session).message(&initialized).send().status, 202);
        session
    }

    pub(crate) fn in_session(&self, key: &Key, session: &str) -> Request {
        self.as_caller(key).with("MCP-Protocol-Version", LEGACY).with(SESSION, session)
    }

    fn ping_in(&self, key: &Key, session: &str) -> Response {
        self.in_session(key, session).message(&call(7, "ping", json!({}))).send()
    }

    /// The stream of a session.
    fn listen(&self, key: &Key, session: &str) -> (Connection, Response) {
        let mut connection = Connection::open(self.serving.address);
        let get = self.in_session(key, session).to("GET", "/mcp").without("Content-Type");
        connection.send(get.head().as_bytes()).unwrap();
        let head = connection.head().unwrap();
        (connection, head)
    }
}

#[test]
fn a_session_belongs_to_the_caller_who_opened_it() {
    let fixture = Fixture::start("");
    let carol = fixture.site.issue("carol", &["*"]);
    let mallory = fixture.site.issue("mallory", &["*"]);
    let session = fixture.open(&carol, &json!({}));
    let answer = fixture.ping_in(&carol, &session);
    assert_eq!((answer.status, &answer.json()["result"]["content"][0]["text"]), (200, &json!("pong")));
    assert_eq!(answer.header("content-type"), Some("application/json"), "an answer alone is no stream");
    assert!(answer.header("ratelimit").is_some());

    let foreign = fixture.ping_in(&mallory, &session);
    let unknown = fixture.ping_in(&mallory, "0192-made-up");
    assert_eq!((foreign.status, &foreign.body), (404, &unknown.body), "nobody can tell which exist");
    assert_eq!(foreign.json()["id"], 7);
    let before = 5;
    fixture.audit().wait_for(before);
    for method in ["GET", "DELETE"] {
        let foreign = fixture.in_session(&mallory, &session).to(method, "/mcp").send();
        assert_eq!(foreign.rpc_error(), (404, -32600), "{method}");
    }
    let record = fixture.audit().wait_for(before + 2);
    assert_eq!((&record["agent"], &record["outcome"]), (&json!("key:mallory"), &json!("INVALID_REQUEST")));
    assert_eq!(fixture.ping_in(&carol, &session).status, 200, "it is still hers");

    let again = fixture.site.issue("carol", &["*"]);
    assert_eq!(fixture.ping_in(&again, &session).status, 200, "with another key of hers as well");
    let twice = fixture.in_session(&carol, &session).with(SESSION, &session);
    assert_eq!(twice.message(&call(1, "ping", json!({}))).send().status, 404, "one session at a time");
    fixture.site.json(&["revoke", "agent", "carol"]);
    eventually("she is out", || fixture.ping_in(&carol, &session).status == 401);
}

#[test]
fn a_newer_request_has_no_session() {
    let fixture = Fixture::start("");
    let message = mcp_tests::message::modern(1, "tools/call", json!({"name": "ping"}));
    let response = fixture.as_caller(&fixture.key).message(&message).with(SESSION, "made-up").send();
    assert_eq!(response.json()["result"]["content"][0]["text"], "pong");
    for method in ["GET", "DELETE"] {
        let request = fixture.as_caller(&fixture.key).with("MCP-Protocol-Version", "2026-07-28").with(SESSION, "x");
        assert_eq!(request.to(method, "/mcp").send().status, 405);
    }
}

#[test]
fn an_ended_session_is_unknown() {
    let fixture = Fixture::start("");
    let key = &fixture.key;
    let session = fixture.open(key, &json!({}));
    let ended = fixture.in_session(key, &session).to("DELETE", "/mcp").send();
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_eq!(fixture.ping_in(key, &session).rpc_error(), (404, -32600));
    // Of requests that overlap, the one that is done first is recorded first.
    fixture.audit().wait_for(4);
    let records = fixture.audit().records();
    let with = |key: &str, value: &str| records.iter().filter(|record| record[key] == value).count();
    assert_eq!((with("method", "session/end"), with("outcome", "INVALID_REQUEST"), with("outcome", "OK")), (1, 1, 3));
    fixture.assert_alive();
}

#[test]
fn sessions_are_counted_and_the_callers_own_oldest_makes_room() {
    let fixture = Fixture::start("[http]\nsessions = 3\nsessions_per_caller = 2");
    let (a, b) = (fixture.site.issue("a", &["*"]), fixture.site.issue("b", &["*"]));
    let first = fixture.open(&a, &json!({}));
    let second = fixture.open(&a, &json!({}));
    let third = fixture.open(&a, &json!({}));
    let statuses = [&first, &second, &third].map(|session| fixture.ping_in(&a, session).status);
    assert_eq!(statuses, [404, 200, 200]);
    let other = fixture.open(&b, &json!({}));
    let full = fixture.as_caller(&fixture.key).message(&initialize(1)).send();
    assert_eq!(full.rpc_error(), (503, 503), "the total is reached: {full:?}");
    assert_eq!((&full.json()["id"], full.header("retry-after")), (&json!(1), Some("1")));
    let newer = fixture.open(&b, &json!({}));
    assert_eq!([&other, &newer].map(|session| fixture.ping_in(&b, session).status), [404, 200]);
    assert_eq!(fixture.ping_in(&a, &third).status, 200, "nobody else's made room");
    let ended = fixture.in_session(&a, &third).to("DELETE", "/mcp").send();
    assert!(ended.status < 300);
    fixture.open(&fixture.key, &json!({}));
}

#[test]
fn an_idle_session_ends() {
    let fixture = Fixture::start("[http]\nsession_idle = \"300ms\"\nsessions = 1");
    let session = fixture.open(&fixture.key, &json!({}));
    eventually("it ends", || {
        fixture.ping_in(&fixture.key, &session).status == 404 || {
            std::thread::sleep(std::time::Duration::from_millis(700));
            false
        }
    });
    let other = fixture.site.issue("other", &["*"]);
    fixture.open(&other, &json!({}));
}

#[test]
fn without_sessions_older_clients_are_served_all_the_same() {
    let fixture = Fixture::start("[http]\nsessions = 0");
    let opened = fixture.as_caller(&fixture.key).message(&initialize(1)).send();
    assert_eq!((opened.status, opened.header("mcp-session-id")), (200, None));
    assert_eq!(fixture.as_caller(&fixture.key).to("GET", "/mcp").with(SESSION, "x").send().status, 405);
    fixture.assert_alive();
}

#[test]
fn a_session_has_a_stream_that_ends_with_its_credential() {
    let fixture = Fixture::start("[http]\nstreams_per_caller = 1");
    let key = fixture.site.issue("listener", &["*"]);
    let session = fixture.open(&key, &json!({}));
    let (mut stream, head) = fixture.listen(&key, &session);
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    let (_, second) = fixture.listen(&key, &session);
    assert_eq!(second.status, 503, "one at a time: {second:?}");

    let told = fixture.in_session(&key, &session).message(&call(3, "tell", json!({}))).send();
    assert_eq!(told.json()["result"]["content"][0]["text"], "told");
    let message = stream.event().expect("a message for the log");
    assert_eq!(message["method"], "notifications/message");
    assert_eq!(message["params"]["data"], "a warning", "cleaned, and no detail");
    let level = request(4, "logging/setLevel", json!({"level": "debug"}));
    assert_eq!(fixture.in_session(&key, &session).message(&level).send().json()["result"], json!({}));
    fixture.in_session(&key, &session).message(&call(5, "tell", json!({}))).send();
    assert_eq!(stream.event().expect("more")["params"]["data"], "a detail");
    assert_eq!(stream.event().expect("more")["params"]["level"], "warning");

    let open = |audit: &mcp_tests::audit::Audit| {
        audit.records().iter().filter(|record| record["method"] == "session/stream").count()
    };
    assert_eq!(open(&fixture.audit()), 1, "the one that was refused");
    fixture.site.json(&["revoke", "key", &key.id]);
    assert!(stream.event().is_none(), "it ends");
    eventually("it is recorded", || open(&fixture.audit()) == 2);
}

#[test]
fn streams_are_counted_over_all_callers() {
    let fixture = Fixture::start("[http]\nstreams = 1");
    let other = fixture.site.issue("other", &["*"]);
    let [mine, theirs] = [&fixture.key, &other].map(|key| fixture.open(key, &json!({})));
    let (first, head) = fixture.listen(&fixture.key, &mine);
    assert_eq!(head.status, 200);
    assert_eq!(fixture.listen(&other, &theirs).1.status, 503);
    drop(first);
    eventually("its place is free", || fixture.listen(&other, &theirs).1.status == 200);
}

#[test]
fn the_server_stops_though_streams_are_open() {
    let mut fixture = Fixture::start("");
    let key = fixture.key.clone();
    let session = fixture.open(&key, &json!({}));
    let (mut stream, head) = fixture.listen(&key, &session);
    assert_eq!(head.status, 200);
    fixture.serving.terminate();
    assert!(fixture.serving.wait().success());
    assert!(stream.event().is_none());
    assert_eq!(fixture.audit().wait_for(3)["method"], "session/stream");
}

#[test]
fn an_id_on_its_way_cannot_be_used_again() {
    let fixture = Fixture::start("");
    let key = &fixture.key;
    let session = fixture.open(key, &json!({}));
    let wait = fixture.in_session(key, &session).message(&call(5, "wait", json!({"milliseconds": 700})));
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&wait.bytes()).unwrap();
    eventually("it runs", || fixture.site.trace() == ["started"]);
    let second = fixture.in_session(key, &session).message(&call(5, "echo", json!({"text": "crossed"}))).send();
    assert_eq!(second.rpc_error(), (400, -32600));
    let other = fixture.in_session(key, &session).message(&call("5", "echo", json!({"text": "other"}))).send();
    assert_eq!(other.json()["result"]["content"][0]["text"], "other", "a text is another id");
    let first = connection.receive().unwrap().json();
    assert_eq!(first["result"]["content"][0]["text"], "waited", "each gets its own answer");
}

#[test]
fn a_call_in_a_session_can_be_cancelled() {
    let fixture = Fixture::start("");
    let key = &fixture.key;
    let session = fixture.open(key, &json!({}));
    let wait = fixture.in_session(key, &session).message(&call(5, "wait", json!({"milliseconds": 15_000})));
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&wait.bytes()).unwrap();
    eventually("it runs", || fixture.site.trace() == ["started"]);
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}});
    assert_eq!(fixture.in_session(key, &session).message(&cancelled).send().status, 202);
    eventually("it is dropped", || fixture.site.trace() == ["started", "dropped"]);
    eventually("it is recorded", || {
        let records = fixture.audit().records();
        records.iter().filter(|record| record["tool"] == "wait" && record["outcome"] == "CANCELLED").count() == 1
    });
    assert_eq!(fixture.audit().records().len(), 4, "each request once");
    let left = connection.receive();
    assert!(left.is_none_or(|left| !left.body.contains("result")), "nobody waits for an answer any more");
    assert_eq!(fixture.ping_in(key, &session).status, 200);
}

#[test]
fn a_call_in_a_session_ends_with_its_credential() {
    for hangs_up in [false, true] {
        let fixture = Fixture::start("");
        let key = fixture.site.issue("carol", &["*"]);
        let session = fixture.open(&key, &json!({}));
        let wait = fixture.in_session(&key, &session).message(&call(5, "wait", json!({"milliseconds": 15_000})));
        let mut connection = Some(Connection::open(fixture.serving.address));
        connection.as_mut().unwrap().send(&wait.bytes()).unwrap();
        eventually("it runs", || fixture.site.trace() == ["started"]);
        if hangs_up {
            connection = None;
        }
        fixture.site.json(&["revoke", "key", &key.id]);
        eventually("it is dropped", || fixture.site.trace() == ["started", "dropped"]);
        eventually("it is recorded", || {
            let records = fixture.audit().records();
            records.iter().filter(|record| record["tool"] == "wait" && record["outcome"] == "CANCELLED").count() == 1
        });
        if let Some(mut connection) = connection {
            assert_eq!(connection.receive().unwrap().status, 401);
        }
    }
}
