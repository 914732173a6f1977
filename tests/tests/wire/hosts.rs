//! Which names, origins, methods and paths are served.

use mcp_tests::http::Connection;
use mcp_tests::message::call;
use serde_json::json;

use crate::Fixture;

const CONFIG: &str = "[http]\nallowed_hosts = [\"mcp.example.com\"]\nallowed_origins = [\"https://app.example.com\"]";

#[test]
fn only_own_names_are_served() {
    let fixture = Fixture::start(CONFIG);
    let port = fixture.serving.address.port();
    let request = || fixture.serving.request().key(&fixture.key.key).message(&call(1, "ping", json!({})));
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("mcp.example.com".to_owned(), 200),
        ("MCP.EXAMPLE.COM:443".to_owned(), 200),
        ("evil.io".to_owned(), 403),
        ("mcp.example.com.evil.io".to_owned(), 403),
        ("localhost.evil.io".to_owned(), 403),
        ("mcp.example.com@evil.io".to_owned(), 403),
        ("192.0.2.1".to_owned(), 403),
        (String::new(), 403),
    ] {
        assert_eq!(request().replace("Host", &host).send().status, status, "{host}");
    }
    assert_eq!(request().with("Host", "evil.io").send().status, 403, "two of them");
    assert_eq!(request().without("Host").send().status, 403, "none");
    assert_eq!(request().to("POST", "http://evil.io/mcp").send().status, 403, "an absolute target");
    let absolute = format!("http://127.0.0.1:{port}/mcp");
    assert_eq!(request().to("POST", &absolute).send().status, 200);
    let stranger = fixture.serving.request().replace("Host", "evil.io").send();
    assert_eq!(stranger.status, 403, "before a credential is looked at: {stranger:?}");
    assert!(stranger.header("www-authenticate").is_none());
}

#[test]
fn only_allowed_origins_may_call() {
    let fixture = Fixture::start(CONFIG);
    let request = || fixture.serving.request().key(&fixture.key.key).message(&call(1, "ping", json!({})));
    for (origin, status) in [
        ("https://app.example.com", 200),
        ("https://evil.io", 403),
        ("https://app.example.com.evil.io", 403),
        ("https://app.example.com:8443", 403),
        ("http://app.example.com", 403),
        ("http://localhost", 403),
        ("null", 403),
        ("", 403),
    ] {
        let response = request().with("Origin", origin).send();
        assert_eq!(response.status, status, "{origin}");
        let allowed = (status == 200).then_some(origin);
        assert_eq!(response.header("access-control-allow-origin"), allowed, "{origin}");
    }
    let twice = request().with("Origin", "https://app.example.com").with("Origin", "https://app.example.com");
    assert_eq!(twice.send().status, 403);
    let refused = fixture.serving.request().with("Origin", "https://app.example.com").send();
    assert_eq!(refused.status, 401);
    assert!(
        refused.header("access-control-expose-headers").unwrap().contains("www-authenticate"),
        "a page can read it"
    );
    assert!(refused.header("vary").unwrap().contains("origin"));
}

#[test]
fn a_preflight_is_for_allowed_origins() {
    let fixture = Fixture::start(CONFIG);
    let preflight = |origin: &str| {
        let request = fixture.serving.request().to("OPTIONS", "/mcp").with("Origin", origin);
        request.with("Access-Control-Request-Method", "POST").send()
    };
    let allowed = preflight("https://app.example.com");
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("DELETE, GET, POST"));
    let headers = allowed.header("access-control-allow-headers").unwrap();
    for header in ["authorization", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name"] {
        assert!(headers.contains(header), "{header}: {headers}");
    }
    assert!(allowed.header("access-control-allow-credentials").is_none());
    for origin in ["https://evil.io", "null"] {
        let refused = preflight(origin);
        assert_eq!(refused.status, 403);
        assert!(refused.header("access-control-allow-origin").is_none());
    }
    assert_eq!(fixture.serving.request().to("OPTIONS", "/mcp").send().status, 405, "no page, no preflight");
}

#[test]
fn one_path_and_one_method_are_served() {
    let fixture = Fixture::start("");
    let key = &fixture.key.key;
    let request = || fixture.serving.request().key(key).message(&call(1, "ping", json!({})));
    for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "MADEUP"] {
        let response = request().to(method, "/mcp").send();
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("POST"));
    }
    // Its answer says how long a body would be, and has none.
    let mut connection = Connection::open(fixture.serving.address);
    connection.send(&request().to("HEAD", "/mcp").bytes()).unwrap();
    assert_eq!(connection.head().unwrap().status, 405);
    for path in ["/", "/mcp/", "/MCP", "/mcp/x", "//mcp", "/%6Dcp", "/mcp/../mcp", "/metrics", "/admin"] {
        assert_eq!(request().to("POST", path).send().status, 404, "{path}");
    }
    assert_eq!(request().to("POST", "/mcp?x=1").send().status, 200);
    let outcomes: Vec<_> = fixture.audit().records().iter().map(|record| record["outcome"].clone()).collect();
    assert_eq!(
        (outcomes.len(), &outcomes[8]),
        (9, &json!("OK")),
        "eight methods, no path, and the one that was a call"
    );
}

#[test]
fn heads_have_a_bound() {
    let fixture = Fixture::start("");
    let request = || fixture.serving.request().key(&fixture.key.key).message(&call(1, "ping", json!({})));
    assert_eq!(request().with("X-Long", &"x".repeat(100_000)).send().status, 431);
    let many = (0..200).fold(request(), |request, n| request.with(&format!("X-{n}"), "x"));
    assert_eq!(many.send().status, 431);
    assert_eq!(request().with("X-Long", &"x".repeat(10_000)).send().status, 200);
    assert_eq!(fixture.audit().records().len(), 1);
}

#[test]
fn health_is_for_everybody_and_tells_nothing_else() {
    let fixture = Fixture::start("");
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let probe = fixture.serving.request().replace("Host", "10.0.0.1").to("GET", path).send();
        assert_eq!((probe.status, probe.body.as_str()), (200, body));
        assert!(probe.header("server").is_none());
    }
}

#[test]
fn another_path_can_be_chosen() {
    let fixture = Fixture::start("[http]\npath = \"/tools/mcp\"");
    assert!(fixture.serving.url.ends_with("/tools/mcp"));
    let request = || fixture.serving.request().key(&fixture.key.key).message(&call(1, "ping", json!({})));
    assert_eq!(request().to("POST", "/tools/mcp").send().status, 200);
    assert_eq!(request().send().status, 404);
}
