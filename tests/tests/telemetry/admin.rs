//! `/metrics`, as a scraper gets it from a process of its own.

use std::net::SocketAddr;

use mcp_tests::http::{Request, Response};
use mcp_tests::message::{call, modern, request};
use mcp_tests::metrics::Page;
use mcp_tests::process::{Serving, Site, texts};
use serde_json::json;

fn site(config: &str) -> Site {
    Site::new(env!("CARGO_BIN_EXE_fixture"), config)
}

/// Where the page is.
pub(crate) fn address(serving: &Serving) -> SocketAddr {
    let line = serving.said.iter().find_map(|line| line.strip_prefix("metrics on http://"));
    let address = line.and_then(|line| line.strip_suffix("/metrics")).expect("a page of metrics");
    address.parse().expect("an address")
}

pub(crate) fn get(address: SocketAddr) -> Request {
    Request::new(address).to("GET", "/metrics").without("Content-Type").without("Accept")
}

fn page(serving: &Serving) -> Page {
    Page::read(&get(address(serving)).send().body)
}

#[test]
fn what_was_decided_is_counted_by_tool_and_code() {
    let site = site("[admin]\naddress = \"127.0.0.1:0\"\n[tools.each_second]\nrate = \"2/min\"");
    let key = site.issue("reporting", &["echo.say", "revenue.read"]);
    let serving = site.serve();
    let ask = |id: i32, tool: &str, arguments| serving.ask(&key, &call(id, tool, arguments));
    for id in 0..5 {
        ask(id, "echo", json!({"text": "hi"}));
    }
    ask(5, "echo", json!({"text": 7}));
    ask(6, "find_customer", json!({}));
    ask(7, "get_revenue", json!({"country": "Atlantis"}));
    for id in 8..12 {
        ask(id, "each_second", json!({}));
    }
    ask(12, "made_up_by_a_client", json!({}));
    ask(13, "list_feedback", json!({}));
    serving.ask(&key, &request(14, "tools/list", json!({})));
    serving.ask(&key, &modern(15, "made/up", json!({})));
    serving.request().message(&call(16, "echo", json!({}))).send();
    serving.request().key("mcpk_wrong").message(&call(17, "echo", json!({}))).send();
    let page = page(&serving);
    let requests = |labels: &[(&str, &str)]| page.sum("mcp_runtime_requests_total", labels);
    for (tool, decision, outcome, count) in [
        ("echo", "admitted", "OK", 5.0),
        ("echo", "invalid", "INVALID_ARGUMENTS", 1.0),
        ("find_customer", "denied", "PERMISSION_DENIED", 1.0),
        ("get_revenue", "admitted", "RECORD_NOT_FOUND", 1.0),
        ("each_second", "admitted", "OK", 2.0),
        ("each_second", "limited", "RATE_LIMITED", 2.0),
        ("list_feedback", "denied", "PERMISSION_DENIED", 1.0),
    ] {
        let labels = [("gen_ai_tool_name", tool), ("decision", decision), ("outcome", outcome)];
        assert_eq!(requests(&labels), count, "{labels:?}");
    }
    assert_eq!(requests(&[]), 16.0);
    assert!(page.0.iter().all(|sample| !format!("{sample:?}").contains("made")), "no name that a client made up");
    let durations = |labels: &[(&str, &str)]| page.sum("mcp_server_operation_duration_seconds_count", labels);
    assert_eq!(durations(&[]), 16.0);
    assert_eq!(durations(&[("error_type", "tool_error"), ("gen_ai_operation_name", "execute_tool")]), 6.0);
    assert_eq!(durations(&[("error_type", "-32602"), ("rpc_response_status_code", "-32602")]), 1.0);
    assert_eq!(durations(&[("mcp_method_name", "tools/list"), ("network_transport", "tcp")]), 1.0);
    assert_eq!(durations(&[("network_protocol_name", "http"), ("network_protocol_version", "1.1")]), 16.0);
    assert_eq!(page.sum("mcp_server_operation_duration_seconds_bucket", &[("le", "+Inf")]), 16.0);
    assert_eq!(page.sum("mcp_runtime_refused_total", &[("reason", "missing")]), 1.0);
    assert_eq!(page.sum("mcp_runtime_refused_total", &[("reason", "invalid")]), 1.0);
    assert_eq!(page.sum("mcp_runtime_violations_total", &[("gen_ai_tool_name", "echo")]), 1.0);
    let lookups = |from| page.sum("mcp_runtime_credential_lookups_total", &[("from", from)]);
    assert!(
        lookups("memory") >= 14.0 && lookups("store") >= 1.0,
        "{lookups:?}",
        lookups = (lookups("memory"), lookups("store"))
    );
    assert_eq!(page.sum("mcp_runtime_limit_used_ratio_count", &[("limit", "tool")]), 11.0);
    assert_eq!(page.sum("mcp_runtime_limit_used_ratio_count", &[("limit", "agent")]), 3.0);
    assert_eq!(page.sum("mcp_runtime_requests_in_flight", &[]), 0.0);
    assert_eq!(page.sum("mcp_runtime_calls_running_max", &[("gen_ai_tool_name", "grind")]), 2.0);
    assert_eq!(page.sum("mcp_runtime_server", &[("server", "fixture"), ("version", "9.8.7")]), 1.0);
    assert_eq!(page.with("mcp_runtime_agent_requests_total", &[]).count(), 0, "agents are no label unless asked for");
    site.audit().text();
    let written =
        || self::page(&serving).sum("mcp_runtime_sink_records_total", &[("sink", "audit"), ("result", "written")]);
    mcp_tests::process::eventually("records are written", || written() == 16.0);
    let page = self::page(&serving);
    assert_eq!(page.with("mcp_runtime_sink_flush_failures_total", &[("sink", "audit")]).count(), 1);
    assert_eq!(page.sum("mcp_runtime_sink_flush_failures_total", &[("sink", "audit")]), 0.0);
}

#[test]
fn agents_are_a_label_up_to_the_number_that_is_asked_for() {
    let site = site("[admin]\naddress = \"127.0.0.1:0\"\nagent_label = 2");
    let hostile = "a\\b\"c} 1 #";
    let keys = ["one", hostile, "three", "four"].map(|agent| site.issue(agent, &["x"]));
    let serving = site.serve();
    for (count, key) in keys.iter().enumerate() {
        for id in 0..=count {
            serving.ask(key, &call(id, "ping", json!({})));
        }
    }
    let page = page(&serving);
    let of = |agent: &str| page.sum("mcp_runtime_agent_requests_total", &[("agent", agent), ("decision", "admitted")]);
    assert_eq!(of("key:one"), 1.0);
    assert_eq!(of(&format!("key:{hostile}")), 2.0, "a name stays in its label");
    assert_eq!(of("other"), 7.0, "the others share one");
    assert_eq!(page.with("mcp_runtime_agent_tool_seconds_total", &[]).count(), 3);
    assert!(page.sum("mcp_runtime_agent_output_bytes_total", &[("agent", "other")]) > 0.0);
}

#[test]
fn the_page_stands_by_itself_and_knows_its_name() {
    let site = site("[admin]\naddress = \"127.0.0.1:0\"\nallowed_hosts = [\"metrics.example.com\"]");
    let key = site.issue("reporting", &["*"]);
    let mut serving = site.serve();
    let address = address(&serving);
    let status = |request: Request| request.send().status;
    assert_ne!(address, serving.address);
    assert_eq!(status(get(address)), 200);
    assert_eq!(status(get(address).replace("Host", "metrics.example.com:9090")), 200);
    assert_eq!(status(get(address).replace("Host", "evil.example")), 403);
    assert_eq!(status(get(address).without("Host")), 403);
    assert_eq!(status(get(address).with("Host", "evil.example")), 403, "two of them");
    assert_eq!(status(get(address).to("GET", "http://evil.example/metrics")), 403, "the target counts as well");
    assert_eq!(status(get(address).replace("Host", &format!("{address}@evil.example"))), 403);
    assert_eq!(status(get(address).to("TRACE", "/metrics")), 405);
    assert_eq!(status(get(address).to("POST", "/metrics")), 405);
    assert_eq!(status(Request::new(address).key(&key.key).message(&call(1, "ping", json!({})))), 404, "no /mcp there");
    assert_eq!(status(serving.request().to("GET", "/metrics")), 404, "and no metrics here");
    let open: Response =
        get(address).with("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5").send();
    assert_eq!(open.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.body.ends_with("# EOF\n") && open.body.contains("# TYPE mcp_runtime_requests counter\n"));
    let plain = get(address).send();
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.body.contains("# TYPE mcp_runtime_requests_total counter\n"));
    assert_eq!(plain.header("cache-control"), Some("no-store"));
    serving.terminate();
    assert!(serving.wait().success());
}

#[test]
fn connections_that_say_nothing_keep_no_scraper_out() {
    let site = site("[admin]\naddress = \"127.0.0.1:0\"");
    let serving = site.serve();
    let address = address(&serving);
    let silent: Vec<_> = (0..100).map(|_| mcp_tests::http::Connection::open(address)).collect();
    let begun = std::time::Instant::now();
    assert_eq!(get(address).send().status, 200);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn a_token_lets_in_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    let path = token.to_str().unwrap();
    let site = site(&format!("[admin]\naddress = \"0.0.0.0:0\"\ntoken_file = {path:?}"));
    let serving = site.serve();
    let address = address(&serving);
    for (sent, status) in [
        (None, 401),
        (Some("Bearer 0123456789abcdef0123456789abcdee"), 401),
        (Some("Bearer 0123456789abcdef"), 401),
        (Some("Basic 0123456789abcdef0123456789abcdef"), 401),
        (Some("Bearer 0123456789abcdef0123456789abcdef"), 200),
    ] {
        let request = sent.iter().fold(get(address), |request, sent| request.with("Authorization", sent));
        let response = request.send();
        assert_eq!(response.status, status, "{sent:?}");
        assert_eq!(response.header("www-authenticate").is_some(), status == 401);
        assert!(status == 200 || !response.body.contains("mcp_runtime_requests"));
    }
}

#[test]
fn what_is_not_safe_stops_the_start() {
    for (config, word) in [
        ("[admin]\naddress = \"0.0.0.0:0\"", "admin.token_file"),
        ("[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = \"nowhere\"", "nowhere"),
        ("[admin]\naddress = \"127.0.0.1:0\"\nagent_label = 1000000", "admin.agent_label"),
        ("[admin]\naddress = \"127.0.0.1:0\"\nallowed_hosts = [\"*\"]", "admin.allowed_hosts"),
        ("[admin]\naddress = \"127.0.0.1:0\"\nport = 1", "port"),
        ("[admin]\nagent_label = 1", "address"),
    ] {
        let site = site(config);
        let output = site.run(&["serve", "--http", "127.0.0.1:0"]);
        let (_, error) = texts(&output);
        assert!(!output.status.success() && error.contains(word), "{config}: {error}");
        assert!(!error.contains("listening on"), "{error}");
    }
}
