//! How long sessions were open, and what they ended by.

use std::collections::BTreeMap;

use mcp_tests::http::Request;
use mcp_tests::message::{LEGACY, MODERN, initialize, modern, request};
use mcp_tests::metrics::Page;
use mcp_tests::process::{Key, Serving, eventually};
use mcp_tests::stdio::Session;
use opentelemetry_proto::tonic::metrics::v1::metric;
use serde_json::json;

use crate::admin::{address, get};
use crate::otel::{known, site, stop};
use crate::receiver::{Attributes, Received, attributes};

const BUCKETS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Opens a session, and gives its id.
fn open(serving: &Serving, key: &Key) -> String {
    let opened = serving.request().key(&key.key).message(&initialize(0)).send();
    assert_eq!(opened.status, 200, "{opened:?}");
    opened.header("mcp-session-id").expect("a session").to_owned()
}

fn end(serving: &Serving, key: &Key, session: &str) {
    let request: Request = serving.request().key(&key.key).with("MCP-Protocol-Version", LEGACY);
    let ended = request.with("Mcp-Session-Id", session).to("DELETE", "/mcp").send();
    assert!(ended.status < 300, "{ended:?}");
}

/// The sessions that a server's page shows: by what they ended by.
fn shown(serving: &Serving) -> BTreeMap<String, f64> {
    let page = Page::read(&get(address(serving)).send().body);
    let samples = page.with("mcp_server_session_duration_seconds_count", &[("mcp_protocol_version", LEGACY)]);
    samples.map(|sample| (sample.labels.get("error_type").cloned().unwrap_or_default(), sample.value)).collect()
}

/// The sessions that a collector heard of.
fn measured(received: &Received) -> Vec<(Attributes, u64)> {
    let sessions = received.metric("mcp.server.session.duration");
    assert_eq!(sessions.unit, "s");
    let Some(metric::Data::Histogram(histogram)) = sessions.data else { panic!("a histogram") };
    let point = |point: &opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint| {
        assert_eq!(point.explicit_bounds, BUCKETS);
        (attributes(&point.attributes), point.count)
    };
    histogram.data_points.iter().map(point).collect()
}

#[test]
fn every_end_of_a_session_is_measured_once() {
    let keys = "interval = \"1h\"\n[http]\nsessions_per_caller = 2\n[admin]\naddress = \"127.0.0.1:0\"";
    let (site, received) = site(true, keys);
    let key = site.issue("reporting", &["*"]);
    let serving = site.serve();
    let _oldest = open(&serving, &key);
    let ended = open(&serving, &key);
    assert!(shown(&serving).is_empty(), "they are open");
    let _newest = open(&serving, &key);
    assert_eq!(shown(&serving), BTreeMap::from([("evicted".to_owned(), 1.0)]));
    end(&serving, &key, &ended);
    let both = BTreeMap::from([(String::new(), 1.0), ("evicted".to_owned(), 1.0)]);
    assert_eq!(shown(&serving), both);
    let refused = serving.request().key(&key.key).message(&request(0, "initialize", json!({"capabilities": 1}))).send();
    assert!(refused.header("mcp-session-id").is_none(), "{refused:?}");
    serving.ask(&key, &modern(1, "tools/list", json!({})));
    assert_eq!(shown(&serving), both, "what never began did not end");
    stop(serving);

    let http = [
        ("mcp.protocol.version", LEGACY),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
    ];
    let measured = measured(&received);
    assert_eq!(measured.len(), 2, "{measured:#?}");
    for (attributes, count) in &measured {
        if attributes.contains_key("error.type") {
            known(attributes, &[&http[..], &[("error.type", "evicted")]].concat(), &[]);
            assert_eq!(*count, 1);
        } else {
            known(attributes, &http, &[]);
            assert_eq!(*count, 2, "one by its client, one by the end of the server");
        }
    }
}

#[test]
fn a_session_that_nobody_uses_ends_by_a_timeout() {
    let keys = "interval = \"1h\"\n[http]\nsession_idle = \"300ms\"\n[admin]\naddress = \"127.0.0.1:0\"";
    let (site, _received) = site(true, keys);
    let (key, revoked) = (site.issue("reporting", &["*"]), site.issue("gone", &["*"]));
    let serving = site.serve();
    open(&serving, &key);
    open(&serving, &revoked);
    site.json(&["revoke", "agent", "gone"]);
    let both = BTreeMap::from([("timeout".to_owned(), 2.0)]);
    eventually("both end", || shown(&serving) == both);
}

#[test]
fn a_connection_over_standard_input_and_output_is_a_session() {
    for (first, revision, error) in [
        (initialize(0), Some(LEGACY), None),
        (modern(0, "tools/list", json!({})), Some(MODERN), None),
        (json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), None, Some("_OTHER")),
    ] {
        let (site, received) = site(true, "interval = \"1h\"");
        let key = site.issue("reporting", &["*"]);
        let mut session = Session::start(&site, &key);
        session.send(first.to_string());
        if error.is_none() {
            session.receive();
        }
        assert_eq!(session.end(), error.is_none());
        let measured = measured(&received);
        assert_eq!(measured.len(), 1, "{measured:#?}");
        let (attributes, count) = &measured[0];
        let texts = [("mcp.protocol.version", revision), ("error.type", error), ("network.transport", Some("pipe"))];
        let texts: Vec<_> = texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        known(attributes, &texts, &[]);
        assert_eq!(*count, 1);
    }
}
