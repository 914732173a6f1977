//! `serve`, and what it prints.

use mcp_tests::http::Request;
use mcp_tests::message::{call, request};
use mcp_tests::process::{Serving, finish, texts};
use serde_json::{Value, json};

use crate::site;

#[test]
fn dev_prints_what_works_as_printed_and_leaves_nothing_behind() {
    let site = site("");
    let mut serving = Serving::start(&mut site.bare(&["serve", "--http", "127.0.0.1:0", "--dev", "--json"]));
    let printed = first_line(&mut serving);
    assert_eq!(printed["url"], serving.url.as_str());
    let key = printed["key"].as_str().unwrap();
    let client = &printed["client"]["mcpServers"]["fixture"];
    assert_eq!((&client["type"], &client["url"]), (&json!("http"), &json!(serving.url)));
    assert_eq!(client["headers"]["Authorization"], format!("Bearer {key}"));
    // The curl line that people see: no headers but these.
    let listed =
        Request::new(serving.address).key(key).message(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    assert_eq!(listed.send().json()["result"]["tools"].as_array().unwrap().len(), 22, "every scope");
    assert!(!site.path("state").exists() && !site.path("audit.jsonl").exists());
    serving.terminate();
    assert!(serving.wait().success());

    let mut again = Serving::start(&mut site.bare(&["serve", "--http", "127.0.0.1:0", "--dev"]));
    let stale = Request::new(again.address).key(key).message(&call(1, "ping", json!({}))).send();
    assert_eq!(stale.status, 401, "the key ended with its process");
    again.terminate();
    again.wait();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut again.child().stdout.take().unwrap(), &mut text).unwrap();
    assert!(text.contains(&format!("curl -s {} -H 'Authorization: Bearer mcpk_", again.url)), "{text}");
    assert!(text.contains("\"mcpServers\""), "{text}");
}

#[test]
fn the_log_says_what_a_server_does_that_ends() {
    let site = site("");
    let mut serving = site.serve();
    serving.terminate();
    assert!(serving.wait().success());
    let log = serving.rest().join("\n");
    assert!(log.contains("no more connections are taken; what runs is finished"), "{log}");
    assert!(!log.contains("ends with this process"), "a state folder keeps its key: {log}");
}

#[test]
fn dev_says_that_nobody_can_check_its_audit_file() {
    let site = site("");
    let audit = site.path("own.jsonl");
    let config = site.path("audit.toml");
    std::fs::write(&config, format!("[audit]\npath = {:?}", audit.display().to_string())).unwrap();
    let config = config.display().to_string();
    let mut serving = Serving::start(&mut site.bare(&["--config", &config, "serve", "--http", "127.0.0.1:0", "--dev"]));
    let said = serving.said.join("\n");
    serving.terminate();
    serving.wait();
    assert!(said.contains("a key that ends with this process"), "{said}");
    assert!(audit.exists());
}

fn first_line(serving: &mut Serving) -> Value {
    let mut line = String::new();
    let mut out = std::io::BufReader::new(serving.child().stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn dev_keeps_issued_keys_working() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let serving = site.serve_with(&["--dev"]);
    assert_eq!(serving.ask(&key, &call(1, "ping", json!({})))["result"]["content"][0]["text"], "pong");
    assert_eq!(site.json(&["keys", "list"]).as_array().unwrap().len(), 1, "the key of --dev is not stored");
}

#[test]
fn the_address_of_the_configuration_is_used() {
    let site = site("[http]\naddress = \"127.0.0.1:0\"");
    let key = site.issue("agent", &["*"]);
    let serving = Serving::start(&mut site.command(&["serve", "--json"]));
    assert_eq!(serving.ask(&key, &request(1, "ping", json!({})))["result"], json!({}));
    assert_ne!(serving.address.port(), 8787);
}

#[test]
fn state_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let serving = site.serve();
    serving.ask(&key, &call(1, "ping", json!({})));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.state()), 0o700);
    let mut files = 0;
    for file in std::fs::read_dir(site.state()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 4, "database, its log, the digest key, .gitignore");
    assert_eq!(mode(&site.path("audit.jsonl")), 0o600);
    assert_eq!(std::fs::read_to_string(site.state().join(".gitignore")).unwrap(), "*\n");
}

#[test]
fn options_of_the_server_stand_beside_ours() {
    let site = site("");
    let (help, _) = texts(&finish(&mut site.bare(&["serve", "--help"])));
    assert!(help.contains("--trace <FILE>") && help.contains("--http <ADDR>"), "{help}");
    let elsewhere = finish(&mut site.bare(&["keys", "list", "--trace", "x"]));
    assert_eq!(elsewhere.status.code(), Some(2), "and nowhere else");
    let (version, _) = texts(&finish(&mut site.bare(&["--version"])));
    assert_eq!(version, "fixture 9.8.7\n");
}

#[test]
fn a_server_brings_sinks_of_its_own() {
    let site = site("");
    let key = site.issue("agent", &["echo.say"]);
    let file = site.path("outcomes");
    let outcomes = file.to_str().unwrap();
    let serving = site.serve_with(&["--outcomes", outcomes]);
    serving.ask(&key, &call(1, "echo", json!({"text": "hi"})));
    serving.ask(&key, &call(2, "delete_record", json!({"kind": "track", "id": 1})));
    assert!(serving.stop().success());
    site.run(&["call", "ping", "--agent", "agent", "--outcomes", outcomes]);
    let lines = std::fs::read_to_string(&file).unwrap();
    let expected = ["key:agent echo OK", "key:agent delete_record PERMISSION_DENIED", "key:agent ping OK"];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    assert_eq!(site.audit().records().len(), 2, "beside those of the configuration");

    let output = site.run(&["call", "ping", "--agent", "agent", "--own-key"]);
    let (_, error) = texts(&output);
    assert!(!output.status.success() && error.contains("the key of the state folder"), "{error}");
}

#[test]
fn a_constructor_that_fails_stops_the_start() {
    let site = site("");
    let output = finish(&mut site.command(&["serve", "--http", "127.0.0.1:0", "--trace", "/nonexistent/trace"]));
    let (out, err) = texts(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""));
    assert_eq!(err, "Error: No such file or directory (os error 2)\n");
}
