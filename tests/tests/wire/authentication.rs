//! No credential, a bad one, two of them, one in the wrong place: refused before anything is read.

use mcp_tests::http::Connection;
use mcp_tests::message::call;
use serde_json::json;

use crate::Fixture;

#[test]
fn without_a_credential_there_is_a_challenge_and_no_error() {
    let fixture = Fixture::start("[auth]\nbaseline_scope = \"revenue.read\"");
    let ping = call(1, "ping", json!({}));
    for request in [
        fixture.serving.request().message(&ping),
        fixture.serving.request().with("Authorization", "Basic dXNlcjpwYXNz").message(&ping),
        fixture.serving.request().to("POST", &format!("/mcp?access_token={}", fixture.key.key)).message(&ping),
        fixture.serving.request().with("Cookie", &format!("key={}", fixture.key.key)).message(&ping),
        fixture.serving.request().with("X-Api-Key", &fixture.key.key).message(&ping),
    ] {
        let response = request.send();
        assert_eq!(response.rpc_error(), (401, 401), "{response:?}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"mcp\", scope=\"revenue.read\""));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.json()["error"]["data"]["code"], "UNAUTHENTICATED");
        assert!(response.json().get("id").is_none(), "nothing was read: {response:?}");
    }
    assert_eq!(fixture.audit().records().len(), 0, "strangers leave no record");
    fixture.assert_alive();
}

#[test]
fn every_bad_credential_gets_the_same_answer() {
    let fixture = Fixture::start("[auth]\nfailed = \"1000/min\"");
    let good = &fixture.key.key;
    let mut wrong_secret = good.clone();
    wrong_secret.replace_range(20..21, if &good[20..21] == "a" { "b" } else { "a" });
    let other = fixture.site.issue("other", &["*"]);
    let crossed = format!("mcpk_{}_{}", fixture.key.id, &other.key[other.key.len() - 49..]);
    let revoked = fixture.site.issue("gone", &["*"]);
    fixture.site.json(&["revoke", "key", &revoked.id]);
    let mut bodies = Vec::new();
    for key in [
        "x",
        "mcpk_",
        &good[..good.len() - 1],
        &format!("{good}a"),
        &good.to_uppercase(),
        &wrong_secret,
        &crossed,
        &revoked.key,
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        let response = fixture.serving.request().key(key).message(&call(1, "ping", json!({}))).send();
        assert_eq!(response.rpc_error(), (401, 401), "{key}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"mcp\", error=\"invalid_token\""));
        bodies.push(response.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "nobody can tell why: {bodies:?}");
    let records = fixture.audit().records();
    assert!(records.iter().all(|record| record["method"] == "revoke"), "the operator's alone: {records:?}");
    fixture.assert_alive();
}

#[test]
fn what_is_no_one_credential_is_a_bad_request() {
    let fixture = Fixture::start("");
    let key = &fixture.key.key;
    let request = || fixture.serving.request().message(&call(1, "ping", json!({})));
    for request in [
        request().key(key).key(key),
        request().key(key).key("x"),
        request().with("Authorization", "Bearer"),
        request().with("Authorization", ""),
        request().with("Authorization", "Bearer a b"),
        request().with("Authorization", &format!("Bearer {}", "x".repeat(17_000))),
    ] {
        let response = request.send();
        assert_eq!(response.status, 400, "{response:?}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"mcp\", error=\"invalid_request\""));
    }
    for header in [format!("bearer {key}"), format!("BEARER  {key}  ")] {
        let response = request().with("Authorization", &header).send();
        assert_eq!(response.status, 200, "{header}: {response:?}");
    }
}

#[test]
fn a_stranger_is_refused_before_the_body_is_read() {
    let fixture = Fixture::start("");
    let stranger = fixture.serving.request().with("Content-Length", "1000");
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(stranger.head().as_bytes()).unwrap();
    assert_eq!(connection.receive().unwrap().status, 401, "with a body that never comes");
    for request in [
        fixture.serving.request().raw("{"),
        fixture.serving.request().raw("{").replace("Content-Type", "text/plain"),
        fixture.serving.request().with("Content-Length", "99999999999"),
    ] {
        assert_eq!(request.send().status, 401, "{request:?}");
    }
}

#[test]
fn failed_authentications_are_limited_by_address_and_known_callers_notice_nothing() {
    let fixture = Fixture::start("[auth]\nfailed = \"5/min\"");
    let bad = fixture.serving.request().key("mcpk_guess").message(&call(1, "ping", json!({})));
    for _ in 0..5 {
        assert_eq!(bad.send().status, 401);
    }
    for _ in 0..20 {
        let response = bad.send();
        assert_eq!(response.rpc_error(), (429, 429), "{response:?}");
        let seconds: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=12).contains(&seconds), "{seconds}");
        assert_eq!(response.json()["error"]["data"]["code"], "RATE_LIMITED");
        fixture.assert_alive();
    }
    let missing = fixture.serving.request().message(&call(1, "ping", json!({}))).send();
    assert_eq!(missing.status, 401, "who presents nothing guesses nothing");
    assert_eq!(fixture.audit().records().len(), 20, "the known caller's alone");
}

#[test]
fn behind_a_trusted_proxy_the_client_counts() {
    let fixture = Fixture::start("[http]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[auth]\nfailed = \"1/min\"");
    let from = |client: &str| {
        let bad = fixture.serving.request().key("mcpk_guess").with("X-Forwarded-For", client);
        bad.message(&call(1, "ping", json!({}))).send().status
    };
    assert_eq!([from("192.0.2.1"), from("192.0.2.1"), from("192.0.2.2")], [401, 429, 401]);
    assert_eq!([from("2001:db8:1:2::3"), from("2001:db8:1:2::4"), from("2001:db8:1:3::3")], [401, 429, 401]);
    assert_eq!(from("203.0.113.9, 192.0.2.1"), 429, "what the client writes itself is not read");

    let fixture = Fixture::start("[auth]\nfailed = \"1/min\"");
    let from = |client: &str| {
        let bad = fixture.serving.request().key("mcpk_guess").with("X-Forwarded-For", client);
        bad.message(&call(1, "ping", json!({}))).send().status
    };
    assert_eq!([from("192.0.2.1"), from("192.0.2.2")], [401, 429], "without a proxy, nobody is believed");
}

#[test]
fn a_key_that_expires_is_refused_from_then_on() {
    let site = crate::site("");
    let issued = site.json(&["keys", "issue", "--agent", "brief", "--scope", "*", "--expires", "1s"]);
    let serving = site.serve();
    let ping = serving.request().key(issued["key"].as_str().unwrap()).message(&call(1, "ping", json!({})));
    assert_eq!(ping.send().status, 200);
    mcp_tests::process::eventually("the key expires", || ping.send().status == 401);
}
