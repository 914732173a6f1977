//! OTLP as a collector gets it, compared with the semantic conventions.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use mcp_runtime::config::Config;
use mcp_runtime::testing::Client;
use mcp_runtime::{Json, server};
use mcp_tests::message::{call, modern, request};
use mcp_tests::process::{Serving, Site, texts};
use opentelemetry_proto::tonic::metrics::v1::metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use crate::receiver::{Attributes, Received, attributes, counts};

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const SPAN: &str = "b7ad6b7169203331";

/// A site that sends to a collector, and the collector.
pub(crate) fn site(grpc: bool, keys: &str) -> (Site, Received) {
    let (received, address) = Received::listen(grpc);
    let protocol = if grpc { "grpc" } else { "http" };
    let config = format!("[otel]\nendpoint = \"http://{address}\"\nprotocol = \"{protocol}\"\n{keys}");
    (Site::new(env!("CARGO_BIN_EXE_fixture"), &config), received)
}

/// Asks a server to stop, which sends what is not sent yet.
pub(crate) fn stop(mut serving: Serving) {
    serving.terminate();
    assert!(serving.wait().success());
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name} in {:?}", names(spans)));
    assert!(found.next().is_none(), "twice: {name}");
    first
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Attributes with values that are known beforehand; the others as a set of names.
pub(crate) fn known(attributes: &Attributes, values: &[(&str, &str)], others: &[&str]) {
    for (name, value) in values {
        assert_eq!(attributes.get(*name).map(String::as_str), Some(*value), "{name}: {attributes:#?}");
    }
    let expected: BTreeSet<_> = values.iter().map(|(name, _)| *name).chain(others.iter().copied()).collect();
    let found: BTreeSet<_> = attributes.keys().map(String::as_str).collect();
    assert_eq!(found, expected);
}

/// What stands in every span and is different each time.
const OWN: [&str; 4] =
    ["mcp_runtime.agent", "mcp_runtime.correlation", "mcp_runtime.credential", "mcp_runtime.output.bytes"];

#[test]
fn spans_have_the_attributes_of_the_convention_by_either_protocol() {
    for grpc in [true, false] {
        let (site, received) = site(grpc, "");
        let key = site.issue("reporting", &["echo.say", "revenue.read"]);
        let serving = site.serve();
        let mut echo = modern(7, "tools/call", json!({"name": "echo", "arguments": {"text": "carol@example.com"}}));
        echo["params"]["_meta"]["traceparent"] = json!(format!("00-{TRACE}-{SPAN}-01"));
        echo["params"]["_meta"]["tracestate"] = json!("vendor=1");
        let http_trace = "11111111111111111111111111111111";
        let header = format!("00-{http_trace}-2222222222222222-00");
        serving.request().key(&key.key).message(&echo).with("traceparent", &header).send();
        serving.ask(&key, &call("a", "get_revenue", json!({"country": "Atlantis"})));
        serving.ask(&key, &call(2, "made_up_by_a_client", json!({})));
        serving.ask(&key, &request(3, "tools/list", json!({})));
        stop(serving);
        let spans = received.spans();
        assert_eq!(spans.len(), 4, "{:?}", names(&spans));
        assert!(spans.iter().all(|span| span.kind() == SpanKind::Server));

        let echo = named(&spans, "tools/call echo");
        let http =
            [("network.transport", "tcp"), ("network.protocol.name", "http"), ("network.protocol.version", "1.1")];
        let http = [&http[..], &[("client.address", "127.0.0.1")]].concat();
        let values = [
            ("mcp.method.name", "tools/call"),
            ("gen_ai.tool.name", "echo"),
            ("gen_ai.operation.name", "execute_tool"),
            ("jsonrpc.request.id", "7"),
            ("mcp.protocol.version", "2026-07-28"),
            ("mcp_runtime.decision", "admitted"),
            ("mcp_runtime.outcome", "OK"),
        ];
        let found = attributes(&echo.attributes);
        known(
            &found,
            &[&http[..], &values].concat(),
            &[&OWN[..], &["client.port", "mcp_runtime.arguments.digest"]].concat(),
        );
        assert_eq!(found["mcp_runtime.agent"], "key:reporting");
        assert_eq!(echo.status.clone().unwrap_or_default().code(), StatusCode::Unset);
        assert_eq!((hex(&echo.trace_id), hex(&echo.parent_span_id)), (TRACE.to_owned(), SPAN.to_owned()));
        assert_eq!(echo.trace_state, "vendor=1");
        let linked: Vec<_> = echo.links.iter().map(|link| hex(&link.trace_id)).collect();
        assert_eq!(linked, [http_trace], "the HTTP request is linked");
        assert!(echo.end_time_unix_nano > echo.start_time_unix_nano);

        let failed = named(&spans, "tools/call get_revenue");
        let values = [
            ("mcp.method.name", "tools/call"),
            ("gen_ai.tool.name", "get_revenue"),
            ("gen_ai.operation.name", "execute_tool"),
            ("jsonrpc.request.id", "a"),
            ("mcp.protocol.version", "2025-03-26"),
            ("error.type", "tool_error"),
            ("mcp_runtime.decision", "admitted"),
            ("mcp_runtime.outcome", "RECORD_NOT_FOUND"),
            ("mcp_runtime.error.code", "RECORD_NOT_FOUND"),
        ];
        let others = [&OWN[..], &["client.port", "mcp_runtime.arguments.digest"]].concat();
        known(&attributes(&failed.attributes), &[&http[..], &values].concat(), &others);
        let status = failed.status.clone().unwrap();
        assert_eq!((status.code(), status.message.as_str()), (StatusCode::Error, "RECORD_NOT_FOUND"));
        assert_eq!((failed.parent_span_id.len(), failed.links.len()), (0, 0));

        let unknown = attributes(&named(&spans, "tools/call").attributes);
        assert_eq!(
            (unknown["error.type"].as_str(), unknown["rpc.response.status_code"].as_str()),
            ("-32602", "-32602")
        );
        assert!(!format!("{spans:?}").contains("made_up"), "no name that a client made up");
        assert!(!format!("{spans:?}").contains("example.com"), "no arguments unless asked for");
        let list = attributes(&named(&spans, "tools/list").attributes);
        assert!(!list.contains_key("gen_ai.operation.name") && !list.contains_key("error.type"), "{list:?}");

        let resource = &received.resources()[0];
        for (name, value) in
            [("service.name", "fixture"), ("service.version", "9.8.7"), ("telemetry.sdk.language", "rust")]
        {
            assert_eq!(resource[name], value);
        }
    }
}

#[test]
fn metrics_and_logs_come_with_them() {
    let (site, received) = site(true, "interval = \"1h\"");
    let key = site.issue("reporting", &["echo.say"]);
    let serving = site.serve();
    for id in 0..3 {
        serving.ask(&key, &modern(id, "tools/call", json!({"name": "echo", "arguments": {"text": "hi"}})));
    }
    serving.ask(&key, &call(3, "find_customer", json!({"email": "carol@example.com"})));
    stop(serving);
    let duration = received.metric("mcp.server.operation.duration");
    assert_eq!(duration.unit, "s");
    let Some(metric::Data::Histogram(histogram)) = &duration.data else { panic!("a histogram: {duration:?}") };
    let served = histogram.data_points.iter().find(|point| point.count == 3).expect("three calls");
    let buckets = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
    assert_eq!(served.explicit_bounds, buckets);
    let expected = [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "echo"),
        ("gen_ai.operation.name", "execute_tool"),
        ("mcp.protocol.version", "2026-07-28"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
    ];
    known(&attributes(&served.attributes), &expected, &[]);
    let denied = histogram.data_points.iter().find(|point| point.count == 1).expect("one call");
    assert_eq!(attributes(&denied.attributes)["error.type"], "tool_error");
    let requests = counts(&received.metric("mcp_runtime.requests"));
    assert_eq!(requests.iter().map(|(_, count)| count).sum::<u64>(), 4);
    assert!(requests.iter().any(|(attributes, count)| {
        attributes["mcp_runtime.outcome"] == "PERMISSION_DENIED"
            && attributes["mcp_runtime.decision"] == "denied"
            && *count == 1
    }));

    let (logs, spans) = (received.logs(), received.spans());
    assert_eq!(logs.len(), 4);
    for log in &logs {
        let span = spans.iter().find(|span| span.span_id == log.span_id).expect("the span of the log");
        let (of_log, of_span) = (attributes(&log.attributes), attributes(&span.attributes));
        assert_eq!(of_log["mcp_runtime.correlation"], of_span["mcp_runtime.correlation"]);
        assert_eq!((log.event_name.as_str(), &log.trace_id), ("mcp_runtime.call", &span.trace_id));
    }
    let audit = site.audit();
    audit.text();
    let traced = |record: &Value| spans.iter().any(|span| record["span"] == json!(hex(&span.span_id)));
    assert!(traced(&audit.wait_for(4)), "the audit names the span");
    assert!(!format!("{logs:?}{spans:?}").contains("example.com"));
}

#[test]
fn every_key_has_its_effect() {
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("headers");
    std::fs::write(&headers, "# the collector's key\nx-key: s3cret\n").unwrap();
    let keys = format!(
        "headers_file = {:?}\nservice = \"shop\"\nsignals = [\"traces\", \"logs\"]\narguments = true\nqueue = 64\n\
         delay = \"50ms\"\ntimeout = \"5s\"\nflush = \"5s\"\n[otel.resource]\n\"deployment.environment.name\" = \"test\"",
        headers.to_str().unwrap()
    );
    for grpc in [true, false] {
        let (site, received) = site(grpc, &keys);
        let key = site.issue("reporting", &["customer.read"]);
        let serving = site.serve();
        let arguments = json!({"email": "carol@example.com", "password": "hunter2", "note": "call +49 30 1234567"});
        serving.ask(&key, &call(1, "find_customer", arguments));
        mcp_tests::process::eventually("spans are sent after a moment", || received.spans().len() == 1);
        mcp_tests::process::eventually("logs are sent after a moment", || received.logs().len() == 1);
        let shown = attributes(&received.spans()[0].attributes)["gen_ai.tool.call.arguments"].clone();
        assert!(shown.contains("pii:") && shown.contains("[secret]") && shown.contains("[phone]"), "{shown}");
        let all = format!("{:?}{:?}", received.spans(), received.logs());
        for hidden in ["example.com", "hunter2", "1234567", "s3cret"] {
            assert!(!all.contains(hidden), "{hidden}");
        }
        let resource = &received.resources()[0];
        assert_eq!(
            (resource["service.name"].as_str(), resource["deployment.environment.name"].as_str()),
            ("shop", "test")
        );
        assert!(received.keys().iter().all(|key| key.as_deref() == Some("s3cret")), "{:?}", received.keys());
        stop(serving);
        assert!(!received.has_metrics(), "no metrics unless they are among the signals");
    }
    let (site, received) = site(true, "signals = [\"metrics\"]\ninterval = \"50ms\"");
    let key = site.issue("reporting", &["echo.say"]);
    let serving = site.serve();
    serving.ask(&key, &call(1, "ping", json!({})));
    mcp_tests::process::eventually("metrics are sent after a moment", || received.has_metrics());
    stop(serving);
    assert!(received.spans().is_empty() && received.logs().is_empty());
}

#[test]
fn a_collector_that_is_not_there_slows_nothing() {
    // One that nobody listens at, and one that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent_address, nobody_address) = (silent.local_addr().unwrap(), nobody.local_addr().unwrap());
    drop(nobody);
    for address in [silent_address, nobody_address] {
        for protocol in ["grpc", "http"] {
            let config = format!(
                "[otel]\nendpoint = \"http://{address}\"\nprotocol = \"{protocol}\"\nqueue = 8\ndelay = \"10ms\"\n\
                 interval = \"10ms\"\ntimeout = \"60s\"\nflush = \"300ms\""
            );
            let site = Site::new(env!("CARGO_BIN_EXE_fixture"), &config);
            let key = site.issue("reporting", &["echo.say"]);
            let mut serving = site.serve();
            for id in 0..100 {
                let answer = serving.ask(&key, &call(id, "ping", json!({})));
                assert_eq!(answer["result"]["isError"], false, "{answer}");
            }
            let begun = Instant::now();
            serving.terminate();
            assert!(serving.wait().success());
            // An export's own deadline would be sixty seconds.
            assert!(begun.elapsed() < Duration::from_secs(10), "{protocol}: {:?}", begun.elapsed());
        }
    }
}

#[test]
fn what_cannot_be_used_stops_the_start() {
    for (config, word) in [
        ("[otel]\narguments = true", "otel.endpoint"),
        ("[otel]\nendpoint = \"http://127.0.0.1:1\"\nheaders_file = \"nowhere\"", "otel.headers_file"),
        ("[otel]\nendpoint = \"http://127.0.0.1:1\"\nendpoint_url = \"x\"", "endpoint_url"),
    ] {
        let site = Site::new(env!("CARGO_BIN_EXE_fixture"), config);
        let (_, error) = texts(&site.run(&["serve", "--http", "127.0.0.1:0"]));
        assert!(error.contains(word) && !error.contains("listening"), "{config}: {error}");
    }
}

struct Traced;

#[tracing::instrument]
async fn query(n: u32) -> u32 {
    tokio::task::yield_now().await;
    tracing::info!("asked");
    n
}

#[server(name = "traced", unlimited)]
impl Traced {
    /// Asks.
    #[tool(any_caller, rate = inherit)]
    async fn ask(&self, n: u32) -> Json<u32> {
        Json(query(n).await)
    }

    /// Asks on a thread.
    #[tool(any_caller, rate = inherit)]
    fn grind(&self) {
        let _span = tracing::info_span!("grinding").entered();
    }
}

#[test]
fn what_a_tool_traces_nests_in_the_span_of_its_call() {
    let (received, address) = Received::listen(true);
    let config = Config::parse(&format!("[otel]\nendpoint = \"http://{address}\"\nprotocol = \"grpc\"")).unwrap();
    let otel = mcp_runtime::telemetry::Otel::start(&config, "traced", "1").unwrap().unwrap();
    let subscriber = tracing_subscriber::registry().with(otel.layer());
    // For every thread: blocking tools run on others.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let telemetry = mcp_runtime::telemetry::Telemetry::new().otel(otel);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = Client::with_telemetry(Traced, config, telemetry).unwrap();
    runtime.block_on(async {
        let calls = (0..20).map(|n| client.call("ask", json!({ "n": n })));
        for called in futures_util::future::join_all(calls).await {
            called.unwrap();
        }
        client.call("grind", json!({})).await.unwrap();
    });
    assert!(client.flush());
    let spans = received.spans();
    let asks: Vec<_> = spans.iter().filter(|span| span.name == "tools/call ask").collect();
    let queries: Vec<_> = spans.iter().filter(|span| span.name == "query").collect();
    assert_eq!((asks.len(), queries.len()), (20, 20), "{:?}", names(&spans));
    for ask in asks {
        let inner =
            queries.iter().filter(|query| query.parent_span_id == ask.span_id && query.trace_id == ask.trace_id);
        assert_eq!(inner.count(), 1, "each in its own");
    }
    assert!(queries.iter().all(|query| query.events.len() == 1));
    let grind = named(&spans, "tools/call grind");
    assert_eq!(named(&spans, "grinding").parent_span_id, grind.span_id);
    assert_eq!(spans.len(), 42, "and nothing of ours or of others: {:?}", names(&spans));
}
