//! `audit verify` and `audit query`: who did it, and whether that is what the server wrote.

use std::fs;

use mcp_tests::message::call;
use mcp_tests::process::{Key, Site, texts};
use serde_json::json;

use crate::site;

/// A site with calls of two agents in its audit, and a server that has ended.
fn with_calls(config: &str) -> (Site, Key) {
    let site = site(config);
    let key = site.issue("tester", &["*"]);
    let issued = site.json(&["keys", "issue", "--agent", "bot", "--scope", "*", "--on-behalf-of", "carol"]);
    let bot = Key { id: issued["id"].as_str().unwrap().to_owned(), key: issued["key"].as_str().unwrap().to_owned() };
    let serving = site.serve();
    serving.ask(&key, &call(1, "ping", json!({})));
    let arguments = json!({"email": "carol@example.com", "note": "call dave@example.com\n\u{1b}[31m\u{202e}"});
    serving.ask(&bot, &call(2, "find_customer", arguments));
    serving.ask(&bot, &call(3, "get_revenue", json!({"country": "Ruritania"})));
    serving.ask(&key, &call(4, "nothing", json!({})));
    assert!(serving.stop().success());
    (site, key)
}

#[test]
fn an_audit_is_verified_and_a_change_is_found() {
    let (site, _) = with_calls("");
    let report = site.json(&["audit", "verify"]);
    assert_eq!((&report["intact"], &report["calls"], &report["unsealed"]), (&json!(true), &json!(4), &json!(0)));
    assert_eq!(report["notes"], json!([]));
    let last = format!("{}:{}", report["last"], report["hash"].as_str().unwrap());
    assert!(site.run(&["audit", "verify", "--last", &last]).status.success());
    let (out, _) = texts(&site.run(&["audit", "verify"]));
    assert!(out.starts_with("intact: ") && out.contains(&format!("the last is {last}\n")), "{out}");
    let (_, err) = texts(&site.run(&["audit", "verify", "--last", &report["last"].to_string()]));
    assert!(err.contains("SEQ:HASH"), "a number alone proves nothing: {err}");

    let path = site.path("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("key:bot", "key:cat", 1)).unwrap();
    let output = site.run(&["audit", "verify"]);
    let (out, err) = texts(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""));
    assert!(err.contains("audit.jsonl, line 3: it was changed"), "{err}");
    let output = site.run(&["audit", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["intact"], &told["line"]), (&json!(false), &json!(3)));

    // The end cut off at a seal is found by the number that was noted.
    fs::write(&path, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    assert!(site.run(&["audit", "verify"]).status.success());
    let (_, err) = texts(&site.run(&["audit", "verify", "--last", &last]));
    assert!(err.contains("cut off"), "{err}");
}

#[test]
fn without_the_key_it_says_so() {
    let (site, _) = with_calls("");
    fs::remove_file(site.state().join("digest.key")).unwrap();
    let output = site.run(&["audit", "verify"]);
    let (_, err) = texts(&output);
    assert!(!output.status.success() && err.contains("--without-key"), "{err}");
    let (out, _) = texts(&site.run(&["audit", "verify", "--without-key"]));
    assert!(out.contains("note: without the key no seal was checked"), "{out}");
    assert!(!site.state().join("digest.key").exists(), "to look makes no key");
}

#[test]
fn a_running_server_s_file_can_be_verified_and_has_it_for_itself() {
    let site = site("");
    let key = site.issue("tester", &["*"]);
    let serving = site.serve();
    serving.ask(&key, &call(1, "ping", json!({})));
    site.audit().wait_for(1);
    let report = site.json(&["audit", "verify"]);
    assert_eq!((&report["calls"], &report["unsealed"]), (&json!(1), &json!(1)));
    let second = site.run(&["serve", "--http", "127.0.0.1:0"]);
    let (_, err) = texts(&second);
    assert!(!second.status.success() && err.contains("another process writes the audit file"), "{err}");
    // An operator's call beside it has a file of its own, and is found by a question all the same.
    site.json(&["call", "echo", r#"{"text": "x"}"#, "--agent", "tester"]);
    let found = site.json(&["audit", "query"]);
    let vias: Vec<_> = found.as_array().unwrap().iter().map(|call| call["via"].as_str().unwrap()).collect();
    assert_eq!(vias, ["http", "operator"]);
    let operators = site.path("audit.operator.jsonl");
    assert!(site.run(&["audit", "verify", operators.to_str().unwrap()]).status.success());
    // Without a name, both logs are checked.
    let report = site.json(&["audit", "verify"]);
    assert_eq!((&report["calls"], &report["operator"]["calls"]), (&json!(1), &json!(1)));
    let text = fs::read_to_string(&operators).unwrap();
    fs::write(&operators, text.replacen("key:tester", "key:nobody", 1)).unwrap();
    let (_, err) = texts(&site.run(&["audit", "verify"]));
    assert!(err.contains("audit.operator.jsonl, line "), "{err}");
}

#[test]
fn a_copy_of_the_other_log_is_none_of_this_one() {
    let site = site("");
    site.issue("tester", &["*"]);
    site.json(&["call", "echo", r#"{"text": "x"}"#, "--agent", "tester"]);
    fs::copy(site.path("audit.operator.jsonl"), site.path("audit.jsonl")).unwrap();
    let (_, err) = texts(&site.run(&["audit", "verify"]));
    assert!(err.contains("it belongs to the log audit.operator.jsonl"), "{err}");
    let moved = site.path("elsewhere.jsonl");
    fs::rename(site.path("audit.jsonl"), &moved).unwrap();
    let moved = moved.to_str().unwrap();
    assert!(!site.run(&["audit", "verify", moved]).status.success());
    assert!(site.run(&["audit", "verify", "--log", "audit.operator.jsonl", moved]).status.success());
}

#[test]
fn a_revocation_beside_a_long_call_is_in_the_operators_audit() {
    let site = site("[tools.grind]\ntimeout = \"20s\"");
    site.issue("tester", &["*"]);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| site.run(&["call", "grind", r#"{"milliseconds": 6000}"#, "--agent", "tester"]));
        // The tool runs by now, and for longer than anybody waits for the file.
        mcp_tests::process::eventually("the call begins", || site.path("audit.operator.jsonl").is_file());
        let output = site.run(&["revoke", "agent", "tester"]);
        let (_, err) = texts(&output);
        assert!(output.status.success() && err.is_empty(), "{err}");
        let methods = |found: &serde_json::Value| {
            found.as_array().unwrap().iter().map(|call| call["method"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            methods(&site.json(&["audit", "query", site.path("audit.operator.jsonl").to_str().unwrap()])),
            ["revoke"]
        );
        assert!(!call.is_finished(), "the call still runs");
        call.join().unwrap();
        let found = site.json(&["audit", "query", site.path("audit.operator.jsonl").to_str().unwrap()]);
        assert_eq!(methods(&found).len(), 2, "{found}");
    });
}

#[test]
fn a_collector_that_is_not_there_holds_up_no_revocation() {
    // Nothing answers at this address, nor says that nothing is there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let site = site(&format!("[otel]\nendpoint = \"http://{}\"\nflush = \"30s\"", listener.local_addr().unwrap()));
    site.issue("tester", &["*"]);
    let before = std::time::Instant::now();
    assert!(site.run(&["revoke", "agent", "tester"]).status.success());
    assert!(before.elapsed() < std::time::Duration::from_secs(10), "{:?}", before.elapsed());
    let report = site.json(&["audit", "verify", site.path("audit.operator.jsonl").to_str().unwrap()]);
    assert_eq!(report["calls"], 1);
}

#[test]
fn who_did_it_is_answered() {
    let (site, _) = with_calls("");
    let tools = |arguments: &[&str]| {
        let found = site.json(&[&["audit", "query"], arguments].concat());
        let tools = found.as_array().unwrap().iter().map(|call| call["tool"].as_str().unwrap_or("-").to_owned());
        tools.collect::<Vec<_>>()
    };
    assert_eq!(tools(&[]), ["ping", "find_customer", "get_revenue", "-"]);
    assert_eq!(tools(&["--agent", "bot"]), ["find_customer", "get_revenue"]);
    assert_eq!(tools(&["--agent", "key:tester"]), ["ping", "-"]);
    assert_eq!(tools(&["--subject", "carol", "--tool", "find_customer"]), ["find_customer"]);
    assert_eq!(tools(&["--outcome", "INTERNAL"]), ["get_revenue"]);
    assert_eq!(tools(&["--outcome", "invalid"]), ["-"]);
    assert_eq!(tools(&["--since", "1h"]).len(), 4);
    assert_eq!(tools(&["--until", "1h"]).len(), 0);
    assert_eq!(tools(&["--until", "2026-01-01"]).len(), 0);
    assert_eq!(tools(&["--limit", "1"]), ["-"]);
    let correlation = site.json(&["audit", "query", "--outcome", "INTERNAL"])[0]["correlation"].clone();
    assert_eq!(tools(&["--correlation", correlation.as_str().unwrap()]), ["get_revenue"]);
    let (_, err) = texts(&site.run(&["audit", "query", "--since", "yesterday"]));
    assert!(err.contains("is no time"), "{err}");

    let (table, _) = texts(&site.run(&["audit", "query", "--agent", "bot"]));
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("carol") && table.contains("find_customer") && table.contains("pii:"), "{table}");
    assert!(!table.contains("example.com") && table.contains("[email]"), "{table}");
    assert!(table.chars().all(|c| c == '\n' || !c.is_control()), "nothing moves the terminal: {table:?}");
}

#[test]
fn a_full_file_is_put_aside_under_the_number_of_its_last_line() {
    let site = Site::new_with_audit(env!("CARGO_BIN_EXE_fixture"), "", "rotate = \"4KiB\"\nfsync = \"always\"");
    let key = site.issue("tester", &["*"]);
    let serving = site.serve();
    for id in 0..40 {
        serving.ask(&key, &call(id, "ping", json!({})));
    }
    assert!(serving.stop().success());
    let report = site.json(&["audit", "verify"]);
    assert_eq!(report["calls"], 40);
    let files = report["files"].as_array().unwrap();
    assert!(files.len() > 2, "{report}");
    assert!(files[0].as_str().unwrap().contains("audit.0000000"), "{report}");
    assert_eq!(site.json(&["audit", "query"]).as_array().unwrap().len(), 40);
}
