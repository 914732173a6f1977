//! Connections: their bounds, what a slow or vanished client gets, and the end of the server.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mcp_tests::http::Connection;
use mcp_tests::message::{call, tool_error};
use mcp_tests::process::eventually;
use serde_json::json;

use crate::Fixture;

impl Fixture {
    fn call_bytes(&self, tool: &str, arguments: serde_json::Value) -> Vec<u8> {
        self.serving.request().key(&self.key.key).message(&call(1, tool, arguments)).bytes()
    }
}

#[test]
fn readiness_turns_red_before_the_door_closes() {
    let mut fixture = Fixture::start("[http]\ndrain_pause = \"1500ms\"");
    let ready = |fixture: &Fixture| fixture.serving.request().to("GET", "/readyz").send().status;
    assert_eq!(ready(&fixture), 200);
    fixture.serving.terminate();
    mcp_tests::process::eventually("it is red", || ready(&fixture) == 503);
    fixture.assert_alive();
    assert!(fixture.serving.wait().success());
}

#[test]
fn one_connection_carries_many_requests() {
    let fixture = Fixture::start("");
    let ping = fixture.call_bytes("ping", json!({}));
    let mut connection = Connection::open(fixture.serving.address);
    for _ in 0..3 {
        connection.send(&ping).unwrap();
        assert_eq!(connection.receive().unwrap().status, 200);
    }
    connection.send(&[ping.clone(), ping].concat()).unwrap();
    assert_eq!((connection.receive().unwrap().status, connection.receive().unwrap().status), (200, 200));
}

#[test]
fn connections_are_bounded() {
    for config in ["connections = 2", "connections_per_address = 2"] {
        let fixture = Fixture::start(&format!("[http]\n{config}"));
        let ping = fixture.call_bytes("ping", json!({}));
        let mut open: Vec<_> = (0..2).map(|_| Connection::open(fixture.serving.address)).collect();
        for connection in &mut open {
            connection.send(&ping).unwrap();
            assert_eq!(connection.receive().unwrap().status, 200);
        }
        let mut third = Connection::open(fixture.serving.address);
        let _ = third.send(&ping);
        assert!(third.receive().is_none(), "closed without a word: {config}");
        drop(open.pop());
        eventually("a place is given back", || {
            let mut next = Connection::open(fixture.serving.address);
            next.send(&ping).is_ok() && next.receive().is_some_and(|response| response.status == 200)
        });
        open[0].send(&ping).unwrap();
        assert_eq!(open[0].receive().unwrap().status, 200, "those that were there stay");
    }
}

#[test]
fn who_is_slow_is_cut_off() {
    let fixture = Fixture::start("");
    let request = fixture.serving.request().key(&fixture.key.key).with("Content-Length", "1000");
    let mut slow_body = Connection::open(fixture.serving.address);
    slow_body.send(request.head().as_bytes()).unwrap();
    slow_body.send(b"{").unwrap();
    let mut slow_head = TcpStream::connect(fixture.serving.address).unwrap();
    slow_head.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    std::io::Write::write_all(&mut slow_head, b"POST /mcp HTTP/1.1\r\nHost: loc").unwrap();
    let began = Instant::now();
    assert_eq!(slow_body.receive().unwrap().status, 408);
    let mut rest = Vec::new();
    let _ = slow_head.read_to_end(&mut rest);
    assert!(began.elapsed() < Duration::from_secs(13), "{:?}", began.elapsed());
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "INVALID_REQUEST");
    fixture.assert_alive();
}

#[test]
fn a_client_that_goes_away_takes_its_call_with_it() {
    let fixture = Fixture::start("");
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&fixture.call_bytes("wait", json!({"milliseconds": 15_000}))).unwrap();
    eventually("the tool runs", || fixture.site.trace() == ["started"]);
    assert_eq!(fixture.audit().records().len(), 0, "nothing is decided yet");
    drop(connection);
    eventually("the tool is dropped", || fixture.site.trace() == ["started", "dropped"]);
    let record = fixture.audit().wait_for(1);
    assert_eq!((&record["outcome"], &record["tool"]), (&json!("CANCELLED"), &json!("wait")));
    fixture.assert_alive();
    fixture.audit().wait_for(2);
}

#[test]
fn a_client_that_leaves_a_stream_takes_its_call_with_it() {
    let fixture = Fixture::start("");
    let mut message = call(1, "wait", json!({"milliseconds": 15_000}));
    message["params"]["_meta"] = json!({"progressToken": 1});
    let request = fixture.serving.request().key(&fixture.key.key).raw(message.to_string());
    let mut stream = TcpStream::connect(fixture.serving.address).unwrap();
    std::io::Write::write_all(&mut stream, &request.bytes()).unwrap();
    let mut seen = String::new();
    while !seen.contains("waiting") {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap();
        seen.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    assert!(seen.contains("text/event-stream"), "{seen}");
    drop(stream);
    eventually("the tool is dropped", || fixture.site.trace() == ["started", "dropped"]);
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "CANCELLED");
}

#[test]
fn a_plain_function_hears_that_its_client_went_away() {
    let fixture = Fixture::start("[tools.grind]\ntimeout = \"10s\"");
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&fixture.call_bytes("grind", json!({"milliseconds": 500}))).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    drop(connection);
    eventually("the function ends", || fixture.site.trace() == ["ground, cancelled"]);
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "CANCELLED");
}

#[test]
fn a_server_that_stops_lets_running_calls_finish() {
    let mut fixture = Fixture::start("");
    let mut idle = Connection::open(fixture.serving.address);
    idle.send(&fixture.call_bytes("ping", json!({}))).unwrap();
    assert_eq!(idle.receive().unwrap().status, 200);
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&fixture.call_bytes("wait", json!({"milliseconds": 700}))).unwrap();
    eventually("the tool runs", || fixture.site.trace() == ["started"]);
    fixture.serving.terminate();
    eventually("nobody else is let in", || TcpStream::connect(fixture.serving.address).is_err());
    let response = connection.receive().unwrap();
    assert_eq!(response.json()["result"]["content"][0]["text"], "waited");
    assert!(fixture.serving.wait().success());
    assert_eq!(fixture.site.trace(), ["started", "finished"]);
    assert_eq!(fixture.audit().wait_for(2)["outcome"], "OK");
}

#[test]
fn a_server_without_calls_stops_at_once() {
    let mut fixture = Fixture::start("");
    let mut idle = Connection::open(fixture.serving.address);
    idle.send(&fixture.call_bytes("ping", json!({}))).unwrap();
    assert_eq!(idle.receive().unwrap().status, 200);
    let began = Instant::now();
    fixture.serving.terminate();
    assert!(fixture.serving.wait().success());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(idle.receive().is_none());
}

#[test]
fn a_panic_and_a_hang_are_answered() {
    let fixture = Fixture::start("[tools.wait]\ntimeout = \"100ms\"");
    let error = mcp_tests::message::tool_error(&fixture.ask(&call(1, "blow", json!({}))));
    assert_eq!(error["code"], "INTERNAL");
    assert!(!error.to_string().contains("secret"), "{error}");
    let error = mcp_tests::message::tool_error(&fixture.ask(&call(2, "wait", json!({"milliseconds": 10_000}))));
    assert_eq!(error["code"], "TIMEOUT");
    eventually("the tool is dropped", || fixture.site.trace() == ["started", "dropped"]);
    let error = mcp_tests::message::tool_error(&fixture.ask(&call(3, "grind", json!({"milliseconds": 1000}))));
    assert_eq!(error["code"], "TIMEOUT");
    fixture.assert_alive();
}

#[test]
fn a_stuck_thread_does_not_keep_the_process() {
    let mut fixture = Fixture::start("[tools.grind]\ntimeout = \"100ms\"");
    let answer = fixture.serving.ask(&fixture.key, &call(1, "grind", json!({ "milliseconds": 30_000 })));
    assert_eq!(tool_error(&answer)["code"], "TIMEOUT");
    fixture.serving.terminate();
    let started = Instant::now();
    assert!(fixture.serving.wait().success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
