//! Access tokens over HTTP: where the metadata is, what challenges say, and what is left of who was cut off.

use std::time::Instant;

use mcp_tests::authority::{Authority, RESOURCE};
use mcp_tests::http::{Connection, Request, Response};
use mcp_tests::message::{call, modern};
use mcp_tests::process::{PATIENCE, Serving, Site, eventually, texts};
use serde_json::{Value, json};

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

struct Fixture {
    authority: Authority,
    site: Site,
    serving: Serving,
}

impl Fixture {
    fn start(auth: &str) -> Self {
        let authority = Authority::start();
        let site = crate::site(&authority.config(auth));
        let serving = site.serve_with(&["--dev"]);
        Self { authority, site, serving }
    }

    fn send(&self, token: &str, message: &Value) -> Response {
        self.serving.request().key(token).message(message).send()
    }

    fn status(&self, token: &str) -> u16 {
        self.send(token, &call(1, "ping", json!({}))).status
    }
}

#[test]
fn the_metadata_is_from_the_configuration_and_for_everybody() {
    let fixture = Fixture::start("baseline_scope = \"revenue.read\"");
    let get = |path: &str| fixture.serving.request().without("Content-Type").to("GET", path);
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        for request in [
            get(path),
            get(path).replace("Host", "evil.example.com"),
            get(path).with("X-Forwarded-Host", "evil.example.com").with("Forwarded", "host=evil.example.com"),
            get(path).with("Origin", "https://evil.example.com").with("MCP-Protocol-Version", "2025-11-25"),
            get(&format!("{path}?resource=https://evil.example.com")),
        ] {
            let response = request.send();
            assert_eq!(response.status, 200, "{request:?}: {response:?}");
            assert_eq!(response.header("content-type"), Some("application/json"));
            assert_eq!(response.header("access-control-allow-origin"), Some("*"));
            let expected = json!({
                "resource": RESOURCE, "authorization_servers": [fixture.authority.url()],
                "bearer_methods_supported": ["header"], "resource_name": "Fixture", "scopes_supported": ["revenue.read"],
            });
            assert_eq!(response.json(), expected, "{request:?}");
        }
        let preflight = get(path).to("OPTIONS", path).with("Origin", "https://a.example.com").send();
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some("*")));
        assert_eq!(preflight.header("access-control-allow-headers"), Some("mcp-protocol-version"));
        assert_eq!(get(path).to("POST", path).send().status, 405);
    }
    assert_eq!(get("/.well-known/oauth-protected-resource/other").send().status, 404);
    let plain = crate::Fixture::start("");
    let none = plain.serving.request().to("GET", "/.well-known/oauth-protected-resource").send();
    assert_eq!(none.status, 404, "keys alone have no authorization server");
}

#[test]
fn challenges_say_where_to_go_and_what_to_ask_for() {
    let fixture = Fixture::start("baseline_scope = \"revenue.read\"");
    let challenge = |response: &Response| response.header("www-authenticate").unwrap().to_owned();
    let missing = fixture.serving.request().message(&call(1, "ping", json!({}))).send();
    assert_eq!(missing.status, 401);
    assert_eq!(challenge(&missing), format!("Bearer resource_metadata=\"{METADATA}\", scope=\"revenue.read\""));
    let invalid = fixture.send("a.b.c", &call(1, "ping", json!({})));
    assert_eq!(invalid.status, 401);
    assert_eq!(
        challenge(&invalid),
        format!("Bearer error=\"invalid_token\", resource_metadata=\"{METADATA}\", scope=\"revenue.read\"")
    );

    let narrow = fixture.authority.token("reporting", "alice", "t1", "revenue.read record.read");
    assert_eq!(fixture.status(&narrow), 200);
    for (tool, arguments, scopes) in [
        ("delete_record", json!({ "kind": "track", "id": 1 }), "record.delete record.read"),
        ("delete_record", json!({ "nonsense": 1 }), "record.delete record.read"),
        ("customer", json!({ "id": 7 }), "customer:7:read"),
    ] {
        for message in
            [call(1, tool, arguments.clone()), modern(1, "tools/call", json!({ "name": tool, "arguments": arguments }))]
        {
            let response = fixture.send(&narrow, &message);
            assert_eq!(response.status, 403, "{response:?}");
            assert_eq!(
                challenge(&response),
                format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\", resource_metadata=\"{METADATA}\"")
            );
            assert_eq!(
                (&response.json()["id"], &response.json()["error"]["data"]["code"]),
                (&json!(1), &json!("PERMISSION_DENIED"))
            );
        }
    }
    let cannot = fixture.send(&narrow, &call(1, "customer", json!({ "id": "7:x" })));
    assert_eq!(cannot.status, 200, "no scope could be asked for: {cannot:?}");
    assert_eq!(cannot.json()["result"]["isError"], true);

    let wide = fixture.authority.token("reporting", "alice", "t2", "record.delete record.read customer:7:read");
    let deleted = fixture.send(&wide, &call(1, "delete_record", json!({ "kind": "track", "id": 1 })));
    assert_eq!((deleted.status, &deleted.json()["result"]["isError"]), (200, &json!(false)), "{deleted:?}");
    assert_eq!(fixture.send(&wide, &call(1, "customer", json!({ "id": 7 }))).status, 200);
    assert_eq!(fixture.send(&wide, &call(1, "customer", json!({ "id": 8 }))).status, 403);

    let key = fixture.site.issue("keyed", &["revenue.read"]);
    let refused = fixture.send(&key.key, &call(1, "customer", json!({ "id": 7 })));
    assert_eq!(refused.status, 200, "a key cannot be widened by asking");
}

#[test]
fn the_caller_is_in_the_record_and_the_token_is_nowhere() {
    let fixture = Fixture::start("");
    let token = fixture.authority.token("reporting", "alice", "t1", "");
    let whoami = fixture.send(&token, &call(1, "whoami", json!({}))).json();
    let agent = format!("client:{}:reporting", fixture.authority.url());
    assert_eq!(whoami["result"]["content"][0]["text"], format!("{agent} for alice"));
    let record = fixture.site.audit().wait_for(1);
    assert_eq!(
        (&record["agent"], &record["subject"], &record["credential"]),
        (&json!(agent), &json!("alice"), &json!("t1"))
    );
    assert_eq!(fixture.status(&format!("{token}x")), 401);
    assert_eq!(fixture.serving.request().to("POST", &format!("/mcp?access_token={token}")).send().status, 401);
    let signature = token.rsplit('.').next().unwrap();
    let log = fixture.serving.log().join("\n");
    assert!(!log.contains(signature) && !fixture.site.audit().text().contains(signature), "{log}");
}

#[test]
fn a_token_an_agent_and_a_subject_are_cut_off_from_the_command_line() {
    // It is asked over and over until it is refused.
    let fixture = Fixture::start("failed = \"100000/min\"");
    let token = |client: &str, subject: &str, id: &str| fixture.authority.token(client, subject, id, "");
    let [first, second, third, fourth] =
        [token("a", "alice", "t1"), token("a", "alice", "t2"), token("b", "alice", "t3"), token("b", "bob", "t4")];
    let statuses = || [&first, &second, &third, &fourth].map(|token| fixture.status(token));
    assert_eq!(statuses(), [200; 4]);
    let operators = || {
        let written = fixture.site.path("audit.operator.jsonl").exists();
        if written { fixture.site.operators_audit().records() } else { Vec::new() }
    };
    let agent = format!("client:{}:a", fixture.authority.url());
    let steps: [(&[&str], &str, &str, [u16; 4]); 3] = [
        (&["token", "t1"], "token", "t1", [401, 200, 200, 200]),
        (&["agent", &agent], "agent", &agent, [401, 401, 200, 200]),
        (&["subject", "alice", "--issued-before-now"], "subject-issued", "alice", [401, 401, 401, 200]),
    ];
    for (arguments, kind, value, expected) in steps {
        let before = operators().len();
        let done = fixture.site.json(&[&["revoke"], arguments].concat());
        assert_eq!((&done["kind"], &done["value"]), (&json!(kind), &json!(value)));
        let record = operators().remove(before);
        assert_eq!(record["method"], "revoke");
        assert_eq!((&record["via"], &record["outcome"]), (&json!("operator"), &json!("OK")));
        assert_eq!(record["arguments"], json!({ "kind": kind, "value": value, "keys": 0 }));
        assert!(record["agent"].as_str().unwrap().starts_with("operator:"), "{record}");
        let began = Instant::now();
        eventually("it is refused", || statuses() == expected);
        assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
    }
    assert_eq!(fixture.status(&token("a", "bob", "t5")), 401, "issued later, to the agent that was cut off");
    fixture.site.json(&["revoke", "agent", &agent, "--issued-before-now"]);
    let later = fixture.authority.token("a", "bob", "t6", "");
    assert_eq!(fixture.status(&later), 401, "it says that it was issued five seconds ago");
    let list = fixture.site.json(&["revoke", "--list"]);
    let kinds: Vec<_> = list.as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["token", "agent", "subject-issued", "agent-issued"]);
    assert!(list.as_array().unwrap().iter().all(|entry| entry["by"].is_string() && entry["at"].is_string()));
    let (_, error) = texts(&fixture.site.run(&["revoke", "agent", "client:reporting"]));
    assert!(error.contains("client:ISSUER:NAME"), "{error}");
}

#[test]
fn who_is_cut_off_while_a_call_runs_is_let_go_and_nobody_else() {
    let fixture = Fixture::start("");
    let [cut, other] = ["a", "b"].map(|client| fixture.authority.token(client, "alice", client, ""));
    let wait = |token: &str, id: u32, streams: bool| {
        let mut message = call(id, "wait", json!({ "milliseconds": 8_000 }));
        if streams {
            message["params"]["_meta"] = json!({ "progressToken": 1 });
        }
        // By hand: a `_meta` of the older revision has no headers beside it.
        let request: Request = fixture.serving.request().key(token).raw(message.to_string());
        let mut connection = Connection::open(fixture.serving.address);
        connection.send(&request.bytes()).unwrap();
        connection
    };
    let (mut streaming, mut running, mut kept) = (wait(&cut, 1, true), wait(&cut, 2, false), wait(&other, 3, true));
    eventually("all of them run", || fixture.site.trace().iter().filter(|line| *line == "started").count() == 3);
    let began = Instant::now();
    let agent = format!("client:{}:a", fixture.authority.url());
    fixture.site.json(&["revoke", "agent", &agent]);
    let ended = streaming.receive().unwrap();
    assert_eq!(ended.header("content-type"), Some("text/event-stream"));
    assert!(ended.body.contains("waiting") && !ended.body.contains("waited"), "{ended:?}");
    assert_eq!(running.receive().unwrap().status, 401);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!(fixture.status(&cut), 401);
    assert_eq!(fixture.status(&other), 200);
    eventually("both were dropped", || fixture.site.trace().iter().filter(|line| *line == "dropped").count() == 2);
    let whole = kept.receive();
    assert!(whole.unwrap().body.contains("waited"), "the other agent's stream goes on to its end");
}

#[test]
fn tokens_are_guessed_no_more_often_than_keys() {
    let fixture = Fixture::start("failed = \"5/min\"");
    let good = fixture.authority.token("reporting", "alice", "t1", "");
    assert_eq!(fixture.status(&good), 200);
    for _ in 0..5 {
        assert_eq!(fixture.status("a.b.c"), 401);
    }
    for token in ["a.b.c", "opaque", "mcpk_guess"] {
        assert_eq!(fixture.status(token), 429, "{token}");
    }
    assert_eq!(fixture.status(&good), 200, "a known caller at the same address notices nothing");
}
