//! The bounds of `[http]` over HTTP/1.1: sizes, times, and how much at a time. Each key has its effect.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mcp_tests::http::{Connection, Request};
use mcp_tests::message::{call, modern, tool_error};
use mcp_tests::process::eventually;
use serde_json::{Value, json};

use crate::Fixture;

impl Fixture {
    pub(crate) fn request_for(&self, tool: &str, arguments: Value) -> Request {
        self.serving.request().key(&self.key.key).message(&call(1, tool, arguments))
    }

    fn raw(&self) -> TcpStream {
        let stream = TcpStream::connect(self.serving.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        stream
    }
}

/// How long it takes until the server closes; what it says before is dropped.
fn closes_after(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return began.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return began.elapsed(),
            Err(error) => panic!("it stays open: {error}"),
        }
    }
}

fn assert_about(took: Duration, expected: u64) {
    let range = Duration::from_millis(expected * 8 / 10)..Duration::from_millis(expected + 2500);
    assert!(range.contains(&took), "{took:?}, not about {expected} ms");
}

#[test]
fn an_idle_connection_stays_for_its_time_and_a_head_has_its_own() {
    let fixture = Fixture::start("[http]\nhead_timeout = \"500ms\"\nidle_timeout = \"1500ms\"");
    let ping = fixture.request_for("ping", json!({})).bytes();

    let mut silent = fixture.raw();
    assert_about(closes_after(&mut silent), 500);

    let mut idle = Connection::open(fixture.serving.address);
    for _ in 0..2 {
        idle.send(&ping).unwrap();
        assert_eq!(idle.receive().unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(900));
    }
    idle.send(&ping).unwrap();
    assert_eq!(idle.receive().unwrap().status, 200, "an idle connection outlives the time of a head");
    let began = Instant::now();
    assert!(idle.receive().is_none());
    assert_about(began.elapsed(), 1500);

    let mut half = fixture.raw();
    half.write_all(&ping).unwrap();
    assert!(half.read(&mut [0; 4096]).unwrap() > 0);
    std::thread::sleep(Duration::from_millis(700));
    let began = Instant::now();
    // A byte now and then does not help.
    for byte in b"POST /mcp HTTP/1.1\r\nHost: localhost" {
        if half.write_all(&[*byte]).is_err() || began.elapsed() > Duration::from_secs(5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_about(began.elapsed(), 500);
    fixture.assert_alive();
}

#[test]
fn a_call_may_take_longer_than_a_connection_may_be_idle() {
    let fixture =
        Fixture::start("[http]\nhead_timeout = \"300ms\"\nidle_timeout = \"300ms\"\nwrite_timeout = \"300ms\"");
    let answer = fixture.request_for("wait", json!({"milliseconds": 1500})).send();
    assert_eq!(answer.json()["result"]["content"][0]["text"], "waited");
}

#[test]
fn heads_and_bodies_have_a_size_and_a_time() {
    let fixture = Fixture::start("[http]\nhead_size = \"8KiB\"\nbody_size = \"2KiB\"\nbody_timeout = \"400ms\"");
    let padded =
        |bytes: usize| fixture.request_for("ping", json!({})).with("X-Padding", &"x".repeat(bytes)).send().status;
    assert_eq!((padded(6000), padded(9000)), (200, 431));
    let echo = |bytes: usize| fixture.request_for("echo", json!({"text": "x".repeat(bytes)})).send();
    assert_eq!(echo(1500).status, 200);
    let refused = echo(2500);
    assert_eq!(refused.rpc_error(), (413, -32600));
    assert!(refused.body.contains("larger than 2048 bytes"), "{}", refused.body);
    let mut slow = Connection::open(fixture.serving.address);
    let head = fixture.serving.request().key(&fixture.key.key).with("Content-Length", "1000").head();
    let began = Instant::now();
    slow.send(head.as_bytes()).unwrap();
    assert_eq!(slow.receive().unwrap().status, 408);
    assert_about(began.elapsed(), 400);
    fixture.assert_alive();
}

#[test]
fn requests_have_places() {
    let fixture = Fixture::start("[http]\nrequests = 1");
    let unseen = fixture.site.issue("unseen", &["*"]);
    let mut busy = Connection::open(fixture.serving.address);
    busy.send(&fixture.request_for("wait", json!({"milliseconds": 2000})).bytes()).unwrap();
    eventually("the tool runs", || fixture.site.trace() == ["started"]);
    // The body never comes, and is not waited for.
    let mut refused = Connection::open(fixture.serving.address);
    let head = fixture.serving.request().key(&fixture.key.key).with("Content-Length", "1000").head();
    refused.send(head.as_bytes()).unwrap();
    let answer = refused.receive().unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["error"]["data"]["code"], "OVERLOADED", "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "OVERLOADED");
    // Whose key was never seen would have to be looked up first.
    let stranger = fixture.serving.request().key(&unseen.key).message(&call(1, "ping", json!({}))).send();
    assert_eq!(stranger.status, 503, "{stranger:?}");
    assert_eq!(fixture.serving.request().to("GET", "/healthz").send().status, 200);
    assert_eq!(busy.receive().unwrap().json()["result"]["content"][0]["text"], "waited");
    fixture.assert_alive();
    assert_eq!(fixture.audit().wait_for(3)["outcome"], "OK");
}

#[test]
fn a_caller_has_its_part_of_the_places() {
    let fixture = Fixture::start("[http]\nrequests_per_caller = 1");
    let other = fixture.site.issue("other", &["*"]);
    let mut busy = Connection::open(fixture.serving.address);
    busy.send(&fixture.request_for("wait", json!({"milliseconds": 1500})).bytes()).unwrap();
    eventually("the tool runs", || fixture.site.trace() == ["started"]);
    let refused = fixture.request_for("ping", json!({})).send();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{refused:?}");
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "OVERLOADED");
    let served = fixture.serving.request().key(&other.key).message(&call(1, "ping", json!({}))).send();
    assert_eq!(served.json()["result"]["content"][0]["text"], "pong", "another caller has its own");
    assert_eq!(busy.receive().unwrap().json()["result"]["content"][0]["text"], "waited");
    fixture.assert_alive();
}

#[test]
fn who_does_not_read_is_cut_off() {
    let config = "[http]\nwrite_timeout = \"700ms\"\n[tools.bulk]\nmax_output = \"8MiB\"";
    let fixture = Fixture::start(config);
    let bulk = fixture.request_for("bulk", json!({"bytes": 4_000_000})).bytes();
    let mut deaf = fixture.raw();
    // More than the buffers of both kernels hold.
    deaf.write_all(&bulk.repeat(6)).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let mut patient = Connection::open(fixture.serving.address);
    patient.send(&bulk).unwrap();
    assert!(patient.receive().unwrap().body.contains(&"x".repeat(4_000_000)), "who reads is served");
    eventually("the connection is closed", || deaf.write_all(b"x").is_err());
    fixture.assert_alive();
}

#[test]
fn a_stream_whose_reader_stops_ends_with_its_call() {
    let fixture = Fixture::start("[http]\nwrite_timeout = \"700ms\"");
    let mut message = call(1, "progress", json!({"times": 1_000_000}));
    message["params"]["_meta"] = json!({"progressToken": 1});
    let request = fixture.serving.request().key(&fixture.key.key).raw(message.to_string());
    let mut stream = fixture.raw();
    stream.write_all(&request.bytes()).unwrap();
    assert!(stream.read(&mut [0; 1000]).unwrap() > 0);
    eventually("the tool is dropped", || fixture.site.trace() == ["interrupted"]);
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "CANCELLED");
    eventually("the connection is closed", || stream.write_all(b"x").is_err());
    fixture.assert_alive();
}

#[test]
fn draining_has_an_end() {
    let mut fixture = Fixture::start("[http]\ndrain_timeout = \"500ms\"");
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&fixture.request_for("wait", json!({"milliseconds": 15_000})).bytes()).unwrap();
    eventually("the tool runs", || fixture.site.trace() == ["started"]);
    let began = Instant::now();
    fixture.serving.terminate();
    assert!(fixture.serving.wait().success());
    assert_about(began.elapsed(), 500);
    let answer = connection.receive().unwrap();
    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(1)), "it is told so: {answer:?}");
    assert_eq!(tool_error(&answer.json())["code"], "CANCELLED");
    assert_eq!(fixture.site.trace(), ["started", "dropped"]);
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "CANCELLED");
}

#[test]
fn a_call_that_was_answered_is_recorded_whatever_its_thread_still_does() {
    let fixture = Fixture::start("");
    let mut message = modern(1, "tools/call", json!({"name": "grind", "arguments": {"milliseconds": 4000}}));
    for token in [None, Some(1)] {
        if let Some(token) = token {
            message["params"]["_meta"]["progressToken"] = json!(token);
        }
        let answer = fixture.serving.request().key(&fixture.key.key).message(&message).send();
        assert!(answer.body.contains("TIMEOUT"), "{answer:?}");
    }
    let record = fixture.audit().wait_for(2);
    assert_eq!(record["outcome"], "TIMEOUT");
    assert!(record["duration_us"].as_u64().unwrap() < 3_000_000, "{record}");
}
