//! Every key of the configuration has an effect. Those of `[http]`, `[auth]` and `[audit]` show on the wire.

use mcp_tests::message::{call, tool_error};
use mcp_tests::process::{Serving, Site, finish};
use serde_json::{Value, json};

use crate::site;

/// What the fourth of four calls of a tool comes to: a code, or `OK`.
fn fourth(config: &str, tool: &str, arguments: &Value) -> String {
    let site = site(config);
    let key = site.issue("tester", &["*"]);
    let serving = site.serve();
    let mut last = Value::Null;
    for n in 0..4 {
        last = serving.ask(&key, &call(n, tool, arguments.clone()));
    }
    outcome(&last)
}

fn outcome(answer: &Value) -> String {
    if answer.get("error").is_some() {
        format!("{}", answer["error"]["code"])
    } else if answer["result"]["isError"] == true {
        tool_error(answer)["code"].as_str().unwrap().to_owned()
    } else {
        "OK".to_owned()
    }
}

#[test]
fn limits_and_bounds() {
    let echo = || json!({"text": "x".repeat(2000)});
    for (config, tool, arguments, expected) in [
        ("", "echo", echo(), "OK"),
        ("[tools.echo]\nrate = \"3/min\"", "echo", echo(), "RATE_LIMITED"),
        ("[tools.echo]\nrate = [\"100/s\", \"3/day\"]", "echo", echo(), "RATE_LIMITED"),
        ("[tools.echo]\nrate = { agent = \"3/min\" }", "echo", echo(), "RATE_LIMITED"),
        ("[tools.echo]\nrate = { total = \"3/min\" }", "echo", echo(), "RATE_LIMITED"),
        ("[tools.echo]\nrate = { agent = \"60/min\", burst = 3 }", "echo", echo(), "RATE_LIMITED"),
        ("[tools.echo]\nrate = { agent = \"60/min\", burst = 4 }", "echo", echo(), "OK"),
        ("[tools.each_second]\nrate = \"4/min\"", "each_second", json!({}), "OK"),
        ("[tools.echo]\nmax_output = \"2000B\"", "echo", echo(), "OUTPUT_TOO_LARGE"),
        ("[tools.echo]\nmax_output = \"3KiB\"", "echo", echo(), "OK"),
        ("[tools.bulk]\nmax_output = \"1MiB\"", "bulk", json!({"bytes": 100_000}), "OK"),
        ("[tools.echo]\ndisabled = true", "echo", echo(), "-32602"),
        ("[tools.wait]\ntimeout = \"50ms\"", "wait", json!({"milliseconds": 10_000}), "TIMEOUT"),
        ("[tools.grind]\ntimeout = \"2s\"", "grind", json!({"milliseconds": 250}), "OK"),
        ("[agents]\nrate = \"3/min\"", "echo", echo(), "RATE_LIMITED"),
        ("[agents.\"key:tester\"]\nrate = \"3/min\"", "echo", echo(), "RATE_LIMITED"),
        ("[agents]\nrate = \"3/min\"\n[agents.\"key:tester\"]\nrate = \"4/min\"", "echo", echo(), "OK"),
        ("[agents.\"key:other\"]\nrate = \"3/min\"", "echo", echo(), "OK"),
        ("[subjects]\nrate = \"3/min\"", "echo", echo(), "OK"),
    ] {
        assert_eq!(fourth(config, tool, &arguments), expected, "{config}");
    }
}

#[test]
fn subjects() {
    let site = site("[subjects]\nrate = \"3/min\"");
    let keys: Vec<_> = ["a", "b"]
        .iter()
        .map(|agent| {
            let issued = site.json(&["keys", "issue", "--agent", agent, "--scope", "*", "--on-behalf-of", "carol"]);
            issued["key"].as_str().unwrap().to_owned()
        })
        .collect();
    let serving = site.serve();
    let call = |key: &str| outcome(&serving.request().key(key).message(&call(1, "ping", json!({}))).send().json());
    assert_eq!([call(&keys[0]), call(&keys[1]), call(&keys[0]), call(&keys[1])], ["OK", "OK", "OK", "RATE_LIMITED"]);
}

#[test]
fn concurrency() {
    for (config, expected) in [
        ("[tools.wait]\nconcurrency = 1", "OVERLOADED"),
        ("[tools.wait]\nconcurrency = { agent = 1 }", "OVERLOADED"),
        ("[tools.wait]\nconcurrency = { agent = 1, total = 9 }", "OVERLOADED"),
        ("[tools.wait]\nconcurrency = { total = 2 }", "OK"),
    ] {
        let site = site(config);
        let key = site.issue("tester", &["*"]);
        let serving = site.serve();
        let slow = serving.request().key(&key.key).message(&call(1, "wait", json!({"milliseconds": 5000})));
        let mut connection = mcp_tests::http::Connection::open(serving.address);
        connection.send(&slow.bytes()).unwrap();
        mcp_tests::process::eventually("the first runs", || site.trace() == ["started"]);
        assert_eq!(outcome(&serving.ask(&key, &call(2, "wait", json!({"milliseconds": 0})))), expected, "{config}");
    }
}

#[test]
fn a_disabled_tool_is_not_there() {
    let site = site("[tools.echo]\ndisabled = true");
    let key = site.issue("tester", &["*"]);
    let serving = site.serve();
    let listed = serving.ask(&key, &mcp_tests::message::request(1, "tools/list", json!({})));
    assert!(!listed.to_string().contains("\"echo\""), "{listed}");
    assert_eq!(site.audit().wait_for(1)["outcome"], "OK");
}

#[test]
fn a_configuration_never_opens_a_tool() {
    let site = site("[tools.get_revenue]\nrate = \"1000/min\"\n[http]\nlist = \"all\"");
    let key = site.issue("narrow", &["x"]);
    let serving = site.serve();
    assert_eq!(outcome(&serving.ask(&key, &call(1, "get_revenue", json!({"country": "x"})))), "PERMISSION_DENIED");
}

#[test]
fn variables_override_the_file() {
    let site = site("[tools.echo]\nrate = \"100/min\"\ntimeout = \"7s\"");
    let policy = |variables: &[(&str, &str)]| {
        let mut command = site.command(&["policy", "--json"]);
        let output = finish(command.envs(variables.iter().copied()));
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let echo = |variables: &[(&str, &str)]| policy(variables)["tools"]["echo"].clone();
    assert_eq!((&echo(&[])["rate"]["agent"], &echo(&[])["timeout"]), (&json!(["100/min"]), &json!("7s")));
    for (name, value, pointer, expected) in [
        ("MCP_RUNTIME__TOOLS__ECHO__RATE", "5/min", "/tools/echo/rate/agent", json!(["5/min"])),
        ("MCP_RUNTIME__TOOLS__ECHO__RATE", "[\"5/s\", \"9/min\"]", "/tools/echo/rate/agent", json!(["5/s", "9/min"])),
        ("MCP_RUNTIME__TOOLS__PING__RATE__TOTAL", "5/min", "/tools/ping/rate/total", json!(["5/min"])),
        ("MCP_RUNTIME__TOOLS__ECHO__TIMEOUT", "900ms", "/tools/echo/timeout", json!("900ms")),
        ("MCP_RUNTIME__TOOLS__ECHO__CONCURRENCY", "3", "/tools/echo/concurrency/total", json!(3)),
        ("MCP_RUNTIME__TOOLS__ECHO__MAX_OUTPUT", "1KiB", "/tools/echo/max_output", json!(1024)),
        ("MCP_RUNTIME__TOOLS__ECHO__DISABLED", "true", "/tools/echo/disabled", json!(true)),
        ("MCP_RUNTIME__TOOLS__DELETE_RECORD__TIMEOUT", "1s", "/tools/delete_record/timeout", json!("1s")),
        ("MCP_RUNTIME__AGENTS__RATE", "8/min", "/agents/rate", json!(["8/min"])),
    ] {
        let found = policy(&[(name, value)]);
        assert_eq!(found.pointer(pointer), Some(&expected), "{name}={value}: {}", found["tools"]["echo"]);
    }
    assert_eq!(echo(&[("MCP_RUNTIME__TOOLS__ECHO__RATE", "5/min")])["timeout"], "7s", "the rest stays");
}

#[test]
fn the_state_can_be_a_file() {
    let site = site("");
    let place = Site::new(env!("CARGO_BIN_EXE_fixture"), "");
    let url = format!("[state]\nurl = \"sqlite:{}\"", site.path("kept/keys.db").display());
    std::fs::write(place.path("config.toml"), url).unwrap();
    let config = place.path("config.toml");
    let config = config.to_str().unwrap();
    let issued =
        finish(&mut place.bare(&["keys", "issue", "--agent", "a", "--scope", "*", "--json", "--config", config]));
    assert!(issued.status.success(), "{issued:?}");
    assert!(site.path("kept/keys.db").is_file());
    let key: Value = serde_json::from_slice(&issued.stdout).unwrap();
    let serving = Serving::start(&mut place.bare(&["serve", "--http", "127.0.0.1:0", "--config", config]));
    let ping = serving.request().key(key["key"].as_str().unwrap()).message(&call(1, "ping", json!({})));
    assert_eq!(outcome(&ping.send().json()), "OK");
}

#[test]
fn the_log_is_what_the_configuration_asks_for() {
    let lines = |config: &str| {
        let site = site(config);
        let key = site.issue("tester", &["*"]);
        let mut serving = site.serve();
        serving.ask(&key, &call(1, "get_revenue", json!({"country": "Ruritania"})));
        site.audit().wait_for(1);
        serving.terminate();
        serving.wait();
        // Standard error ends with the process; its reader may be a moment behind.
        let mut log = Vec::new();
        mcp_tests::process::eventually("the cause is logged", || {
            log.extend(serving.log());
            log.iter().any(|line| line.contains("SELECT"))
        });
        log
    };
    let is_json = |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok();
    let json = lines("");
    assert!(json.iter().all(is_json), "a pipe gets JSON: {json:#?}");
    let pretty = lines("[log]\nformat = \"pretty\"");
    assert!(!pretty.iter().any(is_json), "{pretty:#?}");
    assert!(pretty.iter().all(|line| !line.contains('\u{1b}')), "no colours in a pipe: {pretty:#?}");
    let errors = lines("[log]\nformat = \"json\"\nfilter = \"error\"");
    assert!(errors.iter().all(|line| is_json(line) && line.contains("\"ERROR\"")), "{errors:#?}");
    let site = site("[log]\nfilter = \"info,=\"");
    let (_, err) = mcp_tests::process::texts(&site.run(&["serve", "--http", "127.0.0.1:0"]));
    assert!(err.contains("log.filter"), "{err}");
}
