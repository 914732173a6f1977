//! Ten thousand connections, two hundred of them slow, and everybody else is served all the same.
//!
//! How fast is for `cargo xtask bench connections` to say; here it has to work, within memory that is bounded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mcp_tests::http::{Connection, Request};
use mcp_tests::message::call;
use mcp_tests::process::{Key, Serving, Site};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

const IDLE: usize = 9_800;
const SLOW: usize = 200;

/// Nothing ends by its own time while the test runs.
const CONFIG: &str = "[http]\nconnections = 10100\nconnections_per_address = 10100\nhead_timeout = \"5min\"\n\
                      body_timeout = \"5min\"\nidle_timeout = \"5min\"\nwrite_timeout = \"5min\"\n\
                      [agents]\nrate = \"1000000/min\"\n[tools.bulk]\nmax_output = \"8MiB\"";

/// A server has to hold more than that many connections in a gigabyte.
const BYTES_A_CONNECTION: usize = 64 * 1024;

/// This process, and the server that it starts, may open so many files.
fn let_descriptors(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit { current: limit.maximum, ..limit };
        let enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
        assert!(
            enough && setrlimit(Resource::Nofile, raised).is_ok(),
            "this test needs {needed} open files a process; raise the hard limit (`ulimit -Hn`), which is {:?}",
            limit.maximum
        );
    }
}

/// The memory of a process that is in use.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A server that runs, and a key for everything.
struct Fixture {
    serving: Serving,
    key: Key,
    _site: Site,
}

impl Fixture {
    fn start(config: &str) -> Self {
        let site = Site::new(env!("CARGO_BIN_EXE_fixture"), config);
        let key = site.issue("tester", &["*"]);
        let serving = site.serve();
        Self { serving, key, _site: site }
    }

    fn request_for(&self, tool: &str, arguments: Value) -> Request {
        self.serving.request().key(&self.key.key).message(&call(1, tool, arguments))
    }

    /// The server still answers a normal call.
    fn assert_alive(&self) {
        let answer = self.serving.ask(&self.key, &call(99, "ping", json!({})));
        assert_eq!(answer["result"]["content"][0]["text"], "pong", "{answer}");
    }

    /// Calls on connections of their own; each is answered soon.
    fn assert_serves(&self, calls: usize) {
        for _ in 0..calls {
            let began = Instant::now();
            self.assert_alive();
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
    }
}

#[test]
fn ten_thousand_connections() {
    let_descriptors(10_000 + 1_000);
    let mut fixture = Fixture::start(CONFIG);
    let pid = fixture.serving.child().id();
    let ping = fixture.request_for("ping", json!({})).bytes();
    fixture.assert_serves(50);
    let before = resident(pid);

    let open = || TcpStream::connect(fixture.serving.address).unwrap();
    let mut idle = Vec::new();
    for n in 0..IDLE {
        let mut stream = open();
        // A third has called once, the others say nothing.
        if n % 3 == 0 {
            stream.write_all(&ping).unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        }
        idle.push(stream);
    }
    // Connections are taken in their order.
    fixture.assert_serves(1);
    let each = resident(pid).saturating_sub(before) / IDLE;
    println!("{each} bytes a connection");
    assert!(each < BYTES_A_CONNECTION, "{each} bytes a connection");

    let head = fixture.serving.request().key(&fixture.key.key).with("Content-Length", "1000").head();
    let bulk = fixture.request_for("bulk", json!({"bytes": 1_000_000})).bytes();
    let mut slow = Vec::new();
    for n in 0..SLOW {
        let mut stream = open();
        match n % 4 {
            // Slow with its head, with its body, and ten that take nothing of a large answer.
            0 | 1 => stream.write_all(head.as_bytes()).unwrap(),
            2 if n < 40 => stream.write_all(&bulk).unwrap(),
            _ => stream.write_all(b"POST /mcp HTTP/1.1\r\nX-Padding: ").unwrap(),
        }
        slow.push(stream);
    }
    std::thread::scope(|scope| {
        // Dropped with this scope, whichever way that ends.
        let (_on, is_over) = channel::<()>();
        let slow = &mut slow;
        scope.spawn(move || {
            while is_over.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                for stream in &mut *slow {
                    stream.write_all(b"x").unwrap();
                }
            }
        });
        fixture.assert_serves(200);
    });

    // Those that were there still are.
    for stream in idle.iter_mut().step_by(100) {
        stream.write_all(&ping).unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    }
    // One above the bound is closed without a word, and there is room again once the others are gone.
    let mut more = Vec::new();
    let is_bounded = (0..150).any(|_| {
        let mut connection = Connection::open(fixture.serving.address);
        let _ = connection.send(&ping);
        let is_refused = connection.receive().is_none();
        more.push(connection);
        is_refused
    });
    assert!(is_bounded, "{} connections more", more.len());
    drop((idle, slow, more));
    mcp_tests::process::eventually("there is room again", || {
        let mut next = Connection::open(fixture.serving.address);
        next.send(&ping).is_ok() && next.receive().is_some_and(|answer| answer.status == 200)
    });
    fixture.assert_serves(1);
}
