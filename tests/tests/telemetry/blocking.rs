//! A tool that blocks its thread is named while it does.

use std::time::{Duration, Instant};

use mcp_tests::message::call;
use mcp_tests::metrics::Page;
use mcp_tests::process::{Key, PATIENCE, Serving, Site, eventually};
use serde_json::{Value, json};

/// A server with so many threads for what is `async`.
fn serve(config: &str, threads: &str) -> (Site, Key, Serving) {
    let config = format!("[log]\n{config}\n[admin]\naddress = \"127.0.0.1:0\"");
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), &config);
    let key = site.issue("agent", &["*"]);
    let mut command = site.command(&["serve", "--http", "127.0.0.1:0"]);
    command.arg("--trace").arg(site.path("trace")).env("TOKIO_WORKER_THREADS", threads);
    let serving = Serving::start(&mut command);
    (site, key, serving)
}

/// What the watchdog says, until something holds.
fn reports(serving: &Serving, mut until: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
    let mut reports: Vec<Value> = Vec::new();
    let end = Instant::now() + PATIENCE;
    while !until(&reports) {
        assert!(Instant::now() < end, "not in time: {reports:?}");
        let log = serving.log();
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        reports.extend(lines.filter(|line| line["target"] == "mcp_runtime::watchdog"));
        std::thread::sleep(Duration::from_millis(5));
    }
    reports
}

#[test]
fn it_is_named_while_it_blocks_and_others_are_answered() {
    // With one thread nobody else is answered meanwhile, and it is named all the same.
    for threads in ["4", "1"] {
        let (site, key, serving) = serve("blocking = \"200ms\"", threads);
        std::thread::scope(|scope| {
            let doze = serving.request().key(&key.key).message(&call(1, "doze", json!({"milliseconds": 2500})));
            let blocked = scope.spawn(move || doze.send().json());
            eventually("it blocks", || site.trace() == ["dozing"]);
            let reports = reports(&serving, |reports| !reports.is_empty());
            assert!(!blocked.is_finished(), "while it blocks");
            let [report] = &reports[..] else { panic!("one report: {reports:?}") };
            assert_eq!((&report["level"], &report["tool"]), (&json!("ERROR"), &json!("doze")), "{report}");
            assert!(report["blocked_ms"].as_u64().is_some_and(|ms| (200..2500).contains(&ms)), "{report}");
            if threads != "1" {
                for id in 2..20 {
                    let answer = serving.ask(&key, &call(id, "ping", json!({})));
                    assert_eq!(answer["result"]["content"][0]["text"], "pong");
                }
                assert!(!blocked.is_finished());
            }
            assert!(blocked.join().unwrap()["result"].is_object());
            let record = site.audit().records().into_iter().find(|record| record["tool"] == "doze").unwrap();
            assert_eq!(record["correlation"], report["correlation"]);
        });
        let line = serving.said.iter().find_map(|line| line.strip_prefix("metrics on http://")).unwrap();
        let address = line.trim_end_matches("/metrics").parse().unwrap();
        let page = mcp_tests::http::Request::new(address).to("GET", "/metrics").without("Content-Type").send();
        let page = Page::read(&page.body);
        assert_eq!(page.sum("mcp_runtime_blocked_total", &[("gen_ai_tool_name", "doze")]), 1.0);
        assert_eq!(page.sum("mcp_runtime_blocked_total", &[]), 1.0);
    }
}

#[test]
fn who_waits_and_who_has_a_thread_of_its_own_blocks_nobody() {
    let (_site, key, serving) = serve("blocking = \"500ms\"", "2");
    for (tool, arguments) in [
        ("hang", json!({})),
        ("wait", json!({"milliseconds": 500})),
        ("grind", json!({"milliseconds": 500})),
        ("doze", json!({"milliseconds": 1})),
    ] {
        serving.ask(&key, &call(1, tool, arguments));
    }
    // Named after all that: nothing was said before.
    serving.ask(&key, &call(2, "doze", json!({"milliseconds": 1500})));
    let reports = reports(&serving, |reports| !reports.is_empty());
    assert!(reports.len() == 1 && reports[0]["tool"] == "doze", "{reports:?}");
}

#[test]
fn the_watchdog_can_be_turned_off() {
    let (_site, key, serving) = serve("blocking = \"off\"", "2");
    assert!(serving.ask(&key, &call(1, "doze", json!({"milliseconds": 1500})))["result"].is_object());
    let log = serving.log();
    assert!(!log.iter().any(|line| line.contains("mcp_runtime::watchdog")), "{log:?}");
}
