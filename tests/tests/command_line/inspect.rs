//! `tools`, `policy` and `call`.

use mcp_tests::process::{finish, texts};
use serde_json::{Value, json};

use crate::site;

#[test]
fn tools_is_the_checklist() {
    let site = site("");
    let (table, err) = texts(&site.run(&["tools"]));
    assert_eq!(err, "");
    assert_eq!(table.lines().count(), 23, "{table}");
    let line = |tool: &str| {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(tool)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(
        line("get_revenue"),
        ["get_revenue", "revenue.read", "10/min", "5s", "RECORD_NOT_FOUND WAREHOUSE_LOADING", "-", "read only"]
    );
    assert_eq!(line("delete_record")[1], "record.delete and record.read");
    assert_eq!(line("find_customer")[5], "email (pii) password (secret)");
    assert_eq!(line("ping")[1..3], ["any caller", "100000/min over all tools"]);
    assert!(!site.state().exists(), "to look takes no state");
}

#[test]
fn tools_of_an_agent_are_what_it_can_call() {
    let site = site("");
    site.issue("narrow", &["echo.say"]);
    site.issue("narrow", &["customer:7:read"]);
    let gone = site.issue("narrow", &["revenue.read"]);
    site.json(&["revoke", "key", &gone.id]);
    let tools = site.json(&["tools", "--agent", "narrow"]);
    let names: Vec<_> = tools["tools"].as_object().unwrap().keys().cloned().collect();
    for (tool, can) in
        [("echo", true), ("customer", true), ("ping", true), ("get_revenue", false), ("delete_record", false)]
    {
        assert_eq!(names.contains(&tool.to_owned()), can, "{tool}: {names:?}");
    }
    assert_eq!(site.json(&["tools", "--agent", "key:narrow"]), tools);
    let (table, _) = texts(&site.run(&["tools", "--agent", "narrow"]));
    assert!(table.contains("echo") && !table.contains("get_revenue"), "{table}");
    let unknown = site.run(&["tools", "--agent", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(texts(&unknown).1.contains("has no key that is good"), "{unknown:?}");
}

#[test]
fn a_policy_is_stable_and_a_change_shows() {
    let plain = site("");
    let (first, second) = (texts(&plain.run(&["policy"])).0, texts(&plain.run(&["policy"])).0);
    assert_eq!(first, second);
    let manifest: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(plain.json(&["policy"]), manifest);
    assert_eq!(manifest["tools"]["get_revenue"]["rate"]["agent"], json!(["10/min"]));
    assert_eq!(manifest["tools"]["find_customer"]["redacted"], json!({"email": "pii", "password": "secret"}));
    assert!(manifest["tools"]["get_revenue"]["input_schema"].as_str().unwrap().starts_with("sha256:"));
    let file = plain.path("policy.json");
    std::fs::write(&file, &first).unwrap();
    let file = file.to_str().unwrap();
    assert!(plain.run(&["policy", "--check", file]).status.success());
    assert_eq!(plain.json(&["policy", "--check", file]), json!([]));

    let changed = site(
        "[tools.get_revenue]\nrate = \"20/min\"\ntimeout = \"9s\"\nunmasked = true\n\
         [tools.blow]\ndisabled = true\n[links]\nallowed = [\"https://example.com/\"]",
    );
    let output = changed.run(&["policy", "--check", file]);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    for line in [
        r#"tools.get_revenue.rate.agent.0: "10/min" became "20/min""#,
        r#"tools.get_revenue.timeout: "5s" became "9s""#,
        r#"tools.get_revenue.loosened: ["rate","timeout","unmasked"] is new"#,
        r#"allowed_links: ["https://example.com/"] is new"#,
        "tools.blow.disabled: true is new",
    ] {
        assert!(out.lines().any(|found| found == line), "{line}: {out}");
    }
    assert!(err.contains("the policy is not the one in"), "{err}");
    let (table, _) = texts(&changed.run(&["tools"]));
    assert!(table.contains("rate loosened by configuration, timeout loosened by configuration, unmasked"), "{table}");
    assert!(table.lines().any(|line| line.starts_with("blow") && line.contains("disabled")), "{table}");
}

#[test]
fn a_policy_that_cannot_be_read_is_not_the_same() {
    let site = site("");
    std::fs::write(site.path("broken.json"), "{").unwrap();
    for (file, message) in [("missing.json", "cannot read"), ("broken.json", "is no policy manifest")] {
        let output = site.run(&["policy", "--check", file]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        assert!(texts(&output).1.contains(message), "{output:?}");
    }
}

#[test]
fn a_call_goes_through_the_gate_as_the_operators() {
    let site = site("");
    let key = site.issue("narrow", &["revenue.read", "echo.say"]);
    let with_key = |arguments: &[&str]| finish(site.command(arguments).env("MCP_API_KEY", &key.key));
    let output = with_key(&["call", "get_revenue", r#"{"country": "Germany"}"#, "--json"]);
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer, json!({"country": "Germany", "months": 12}));
    let record = site.operators_audit().wait_for(1);
    assert_eq!((&record["via"], &record["agent"]), (&json!("operator"), &json!("key:narrow")));
    assert_eq!((&record["outcome"], &record["credential"]), (&json!("OK"), &json!(key.id)));
    let as_agent = site.json(&["call", "echo", r#"{"text": "x"}"#, "--agent", "narrow"]);
    assert_eq!(as_agent["content"][0]["text"], "x");
    assert_eq!(site.operators_audit().wait_for(2)["credential"], "operator");
    let digest = |record: Value| record["arguments"].clone();
    let (first, second) = {
        let all = site.issue("all", &["*"]);
        let call =
            || finish(site.command(&["call", "find_customer", r#"{"email": "c@x"}"#]).env("MCP_API_KEY", &all.key));
        assert!(call().status.success() && call().status.success());
        site.operators_audit().wait_for(4);
        let records = site.operators_audit().records();
        (digest(records[2].clone()), digest(records[3].clone()))
    };
    assert_eq!(first, second, "digests of one state compare over processes");
}

#[test]
fn a_call_that_fails_says_how_and_ends_with_one() {
    let site = site("");
    let key = site.issue("narrow", &["revenue.read"]);
    for (arguments, code, error) in [
        (&["get_revenue", r#"{"country": "Atlantis"}"#][..], 1, "RECORD_NOT_FOUND"),
        (&["get_revenue", r#"{"country": "", "months": 0}"#], 1, "INVALID_ARGUMENTS"),
        (&["echo", r#"{"text": "x"}"#], 1, "PERMISSION_DENIED"),
        (&["blow"], 1, "INTERNAL"),
    ] {
        let output = finish(site.command(&[&["call"], arguments, &["--json"]].concat()).env("MCP_API_KEY", &key.key));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["error"]["code"], error, "{arguments:?}");
    }
    let nobody = site.command(&["call", "ping"]);
    let revoked = site.issue("gone", &["*"]);
    site.json(&["revoke", "key", &revoked.id]);
    for (mut command, message) in [
        (nobody, "who calls? Put a key into MCP_API_KEY, or name an agent with --agent"),
        (site.command(&["call", "ping", "--agent", "nobody"]), "the agent `nobody` has no key that is good"),
        (site.command(&["call", "pong", "--agent", "narrow"]), "there is no tool `pong`"),
        (
            site.command(&["call", "ping", "[]", "--agent", "narrow"]),
            "the arguments cannot be used: the value is not an object",
        ),
        (
            site.command(&["call", "ping", "{", "--agent", "narrow"]),
            "the arguments cannot be used: the text is not valid JSON",
        ),
        (site.command(&["call", "ping", r#"{"a":1,"a":1}"#, "--agent", "narrow"]), "a key stands twice"),
    ] {
        let output = finish(&mut command);
        assert_eq!(output.status.code(), Some(1), "{message}");
        let (out, err) = texts(&output);
        assert!(err.contains(message), "{err}");
        assert_eq!(out, "");
    }
    let refused = finish(site.command(&["call", "ping"]).env("MCP_API_KEY", &revoked.key));
    assert!(texts(&refused).1.contains("the key in MCP_API_KEY is refused"), "{refused:?}");
}
