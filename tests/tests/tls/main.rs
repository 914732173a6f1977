//! TLS that the server ends itself: who gets in, and certificates that change.

mod follow;
mod start;
mod world;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mcp_tests::message::call;
use rustls::ProtocolVersion;
use serde_json::{Value, json};

use world::{PATIENCE, World};

/// Sends a call with a client that nobody here wrote; gives the version of HTTP and the answer.
async fn call_by_hyper(world: &World, url: &str, key: &str, with_http2: bool) -> (http::Version, Value) {
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(world.trusting()).https_only();
    let connector = if with_http2 { connector.enable_all_versions().build() } else { connector.enable_http1().build() };
    let client: Client<_, Full<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let request = http::Request::post(url)
        .header("Authorization", format!("Bearer {key}"))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(Full::from(call(1, "ping", json!({})).to_string()))
        .unwrap();
    let response = tokio::time::timeout(PATIENCE, client.request(request)).await.unwrap().unwrap();
    let version = response.version();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (version, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_client_that_nobody_here_wrote_calls_by_both_versions_of_http() {
    let world = World::new("");
    let serving = world.serve(&[]);
    assert!(serving.url.starts_with("https://127.0.0.1:"), "{}", serving.url);
    for (with_http2, expected) in [(true, http::Version::HTTP_2), (false, http::Version::HTTP_11)] {
        let (version, answer) = call_by_hyper(&world, &serving.url, &world.key.key, with_http2).await;
        assert_eq!((version, &answer["result"]["content"][0]["text"]), (expected, &json!("pong")));
    }
}

#[tokio::test]
async fn dev_prints_what_works_as_printed() {
    let world = World::new("");
    let mut serving = world.serve(&["--dev", "--json"]);
    let mut line = String::new();
    let output = serving.child().stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
    let printed: Value = serde_json::from_str(&line).unwrap();
    let (url, key) = (printed["url"].as_str().unwrap(), printed["key"].as_str().unwrap());
    assert_eq!(printed["client"]["mcpServers"]["fixture"]["url"], url);
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert_eq!(call_by_hyper(&world, url, key, true).await.1["result"]["content"][0]["text"], "pong");
    assert!(serving.stop().success());

    let mut serving = world.serve(&["--dev"]);
    let output = serving.child().stdout.take().unwrap();
    serving.terminate();
    let text = std::io::read_to_string(output).unwrap();
    let cert = world.site.path("cert.pem");
    let trust = format!("curl -s --cacert '{}' {}", cert.display(), serving.url);
    assert!(text.contains(&trust), "{text}");
    assert!(text.contains("NODE_EXTRA_CA_CERTS"), "{text}");
}

#[tokio::test]
async fn a_certificate_for_localhost_alone_is_printed_as_such() {
    let world = World::new("");
    world.replace(&world.authority.issue(&["localhost"]));
    let serving = world.serve(&[]);
    assert!(serving.url.starts_with("https://localhost:"), "{}", serving.url);
    let (_, answer) = call_by_hyper(&world, &serving.url, &world.key.key, true).await;
    assert_eq!(answer["result"]["content"][0]["text"], "pong");
}

#[test]
fn both_versions_of_tls_are_spoken_and_older_ones_are_not() {
    let world = World::new("");
    let serving = world.serve(&[]);
    for (version, name) in
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut connection = world.connect_with(serving.address, &[version]).unwrap();
        assert_eq!(connection.stream.conn.protocol_version(), Some(name));
        assert_eq!(connection.ping(&world.key), 200);
    }
    // A hello of TLS 1.1: RFC 4346, section 7.4.1.2.
    let hello: Vec<u8> = [&[3, 2][..], &[7; 32], &[0], &[0, 4, 0xc0, 0x13, 0, 0x2f], &[1, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let mut stream = TcpStream::connect(serving.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!((answer.len(), answer[0], answer[5]), (7, 21, 2), "a fatal alert and the end: {answer:?}");
}

#[test]
fn http_is_not_spoken_beside_it() {
    let world = World::new("");
    let serving = world.serve(&[]);
    for request in ["GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(serving.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // Closed, with a word of TLS or none.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() <= 7 && !answer.starts_with(b"HTTP"), "{answer:?}");
    }
    assert_eq!(world.connect(serving.address).unwrap().ping(&world.key), 200);
}

#[test]
fn pages_of_its_own_are_those_by_https() {
    let world = World::new("");
    let serving = world.serve(&[]);
    for (host, origin, status) in [
        ("localhost", Some("https://localhost"), 200),
        ("localhost", Some("http://localhost"), 403),
        ("localhost", Some("https://evil.example"), 403),
        ("evil.example", None, 403),
    ] {
        let mut connection = world.connect(serving.address).unwrap();
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let answered = connection.post(host, &format!("Authorization: Bearer {}\r\n{origin}", world.key.key));
        assert_eq!(answered, status, "{host} {origin}");
    }
}

#[test]
fn who_takes_long_to_shake_hands_is_let_go_and_keeps_nobody_waiting() {
    let world = World::new("head_timeout = \"5s\"\nconnections_per_address = 3");
    let serving = world.serve(&[]);
    let began = Instant::now();
    let mut silent = TcpStream::connect(serving.address).unwrap();
    let mut slow = TcpStream::connect(serving.address).unwrap();
    slow.write_all(&[22, 3, 1]).unwrap();
    // The third place is another's.
    assert_eq!(world.connect(serving.address).unwrap().ping(&world.key), 200);
    let mut third = TcpStream::connect(serving.address).unwrap();
    let mut beyond = TcpStream::connect(serving.address).unwrap();
    beyond.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(!matches!(beyond.read(&mut [0; 16]), Ok(1..)), "closed at once: a handshake has a place");
    assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
    for stream in [&mut silent, &mut slow, &mut third] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(!matches!(stream.read(&mut [0; 16]), Ok(1..)));
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(world.connect(serving.address).unwrap().ping(&world.key), 200, "the places are free again");
}

#[test]
fn a_server_that_stops_waits_for_no_handshake() {
    let world = World::new("");
    let serving = world.serve(&[]);
    let mut idle = world.connect(serving.address).unwrap();
    assert_eq!(idle.ping(&world.key), 200);
    let _silent = TcpStream::connect(serving.address).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    assert!(serving.stop().success());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
