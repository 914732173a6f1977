//! A line in, a line out: the server as the child of its client.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use mcp_runtime::auth::{ApiKeys, CredentialStore, MemoryStore, NewKey, Target};
use mcp_runtime::caller::Agent;
use mcp_runtime::config::Config;
use mcp_runtime::{Protected, StdioError, server};
use mcp_tests::message::{LEGACY, call, initialize, modern, request, tool_error};
use mcp_tests::process::{Key, PATIENCE, Site, eventually, finish, texts};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, ClientInfo};
use serde_json::{Value, json};

fn site(config: &str) -> Site {
    Site::new(env!("CARGO_BIN_EXE_fixture"), config)
}

/// The server as a child, with its two ends.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Session {
    fn start(site: &Site, key: &Key) -> Self {
        let mut command = site.command(&["serve", "--stdio"]);
        command.arg("--trace").arg(site.path("trace")).env("MCP_API_KEY", &key.key);
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.spawn().unwrap();
        let (sender, lines) = channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        Self { input: child.stdin.take(), child, lines }
    }

    /// As a client of the older revision does it.
    fn initialized(site: &Site, key: &Key) -> Self {
        let mut session = Self::start(site, key);
        let answer = session.ask(&initialize(0));
        assert_eq!(answer["result"]["protocolVersion"], LEGACY, "{answer}");
        session.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        session
    }

    fn send(&mut self, line: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_ref()).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    fn receive(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        serde_json::from_str(&line).expect("JSON on standard output, and nothing else")
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.send(message.to_string());
        self.receive()
    }

    /// Closes standard input, and waits for the end.
    fn end(&mut self) -> bool {
        drop(self.input.take());
        eventually("the process ends", || true);
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(std::time::Instant::now() < end, "it does not end with its client");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_a_good_key_it_does_not_start() {
    let site = site("");
    let good = site.issue("agent", &["*"]);
    let revoked = site.issue("gone", &["*"]);
    site.json(&["revoke", "key", &revoked.id]);
    for (key, message) in [
        (None, "--stdio serves the agent whose key is in MCP_API_KEY, and there is none; issue one with `keys issue`"),
        (
            Some(""),
            "--stdio serves the agent whose key is in MCP_API_KEY, and there is none; issue one with `keys issue`",
        ),
        (Some("mcpk_nonsense"), "the key in MCP_API_KEY is refused: the credential is not valid"),
        (Some(revoked.key.as_str()), "the key in MCP_API_KEY is refused: the credential is not valid"),
        (Some(&good.key[..60]), "the key in MCP_API_KEY is refused: the credential is not valid"),
        (Some("a\u{7}b"), "the key in MCP_API_KEY is refused: the credential cannot be read"),
    ] {
        let mut command = site.command(&["serve", "--stdio"]);
        if let Some(key) = key {
            command.env("MCP_API_KEY", key);
        }
        let output = finish(&mut command);
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{key:?}");
        assert_eq!(out, "", "{key:?}");
        assert_eq!(err.trim_end(), format!("Error: {message}"), "{key:?}");
    }
}

#[test]
fn calls_are_answered_and_recorded() {
    let site = site("");
    let key = site.issue("agent", &["echo.say"]);
    let mut session = Session::initialized(&site, &key);
    let listed = session.ask(&request("list", "tools/list", json!({})));
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "echo") && !tools.iter().any(|tool| tool["name"] == "get_revenue"));
    let answer = session.ask(&call(1, "echo", json!({"text": "a\u{202e}b"})));
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(1), &json!("ab")));
    let refused = session.ask(&call("two", "get_revenue", json!({"country": "x"})));
    assert_eq!(tool_error(&refused)["required_scopes"], json!(["revenue.read"]));
    let invalid = session.ask(&call(3, "echo", json!({"txt": 1})));
    assert_eq!(tool_error(&invalid)["violations"].as_array().unwrap().len(), 2);
    let unknown = session.ask(&call(4, "nothing", json!({})));
    assert_eq!((&unknown["error"]["code"], &unknown["id"]), (&json!(-32602), &json!(4)));
    let panicked = session.ask(&call(5, "blow", json!({})));
    assert_eq!(tool_error(&panicked)["code"], "INTERNAL");
    assert!(session.end());
    let outcomes: Vec<_> =
        site.audit().records().into_iter().map(|r| (r["method"].clone(), r["outcome"].clone())).collect();
    assert_eq!(
        json!(outcomes),
        json!([
            ["initialize", "OK"],
            ["notifications/initialized", "OK"],
            ["tools/list", "OK"],
            ["tools/call", "OK"],
            ["tools/call", "PERMISSION_DENIED"],
            ["tools/call", "INVALID_ARGUMENTS"],
            ["tools/call", "INVALID_REQUEST"],
            ["tools/call", "INTERNAL"],
        ])
    );
    for record in site.audit().records() {
        assert_eq!((&record["via"], &record["agent"]), (&json!("stdio"), &json!("key:agent")));
    }
}

#[test]
fn the_modern_revision_needs_no_handshake() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::start(&site, &key);
    let answer = session.ask(&modern(1, "tools/call", json!({"name": "ping", "arguments": {}})));
    assert_eq!(answer["result"]["content"][0]["text"], "pong", "{answer}");
    assert_eq!(answer["result"]["resultType"], "complete");
    let discovered = session.ask(&modern(2, "server/discover", json!({})));
    assert!(discovered["result"]["supportedVersions"].is_array(), "{discovered}");
    assert!(session.end());
}

#[test]
fn a_line_that_is_no_message_is_answered_and_the_session_goes_on() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    let mut expected = 2;
    for (line, code, id) in [
        ("{", -32700, Value::Null),
        ("hello", -32700, Value::Null),
        ("{} {}", -32700, Value::Null),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","arguments":[]}}"#, -32602, json!(1)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","text":"b"}}}"#,
            -32602,
            json!(1),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":7}"#, -32602, json!(1)),
    ] {
        session.send(line);
        let answer = session.receive();
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
        assert_eq!(answer.get("id").unwrap_or(&Value::Null), &id, "{line}: {answer}");
        expected += 1;
        assert_eq!(site.audit().wait_for(expected)["outcome"], "INVALID_REQUEST", "{line}");
    }
    session.send(b"\xff\xfe");
    assert_eq!(session.receive()["error"]["code"], -32700);
    session.send("");
    session.send("  ");
    let answer = session.ask(&call(9, "ping", json!({})));
    assert_eq!(answer["result"]["content"][0]["text"], "pong", "empty lines are nothing");
    assert_eq!(site.audit().records().len(), expected + 2);
}

#[test]
fn a_line_above_its_bound_is_thrown_away_whole() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    let long = call(1, "echo", json!({"text": "x".repeat(4 * 1024 * 1024)})).to_string();
    session.send(&long);
    let answer = session.receive();
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    assert!(answer.get("id").is_none());
    let answer = session.ask(&call(2, "ping", json!({})));
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(2), &json!("pong")));
    assert_eq!(site.audit().wait_for(4)["outcome"], "OK");
}

#[test]
fn a_revoked_key_is_refused_at_its_next_call() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    assert_eq!(session.ask(&call(1, "ping", json!({})))["result"]["content"][0]["text"], "pong");
    site.json(&["revoke", "agent", "agent"]);
    let began = std::time::Instant::now();
    let mut answer = session.ask(&call(2, "ping", json!({})));
    while answer["result"]["isError"] != true {
        assert!(began.elapsed().as_secs() < 1, "still let in: {answer}");
        answer = session.ask(&call(2, "ping", json!({})));
    }
    let error = tool_error(&answer);
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNAUTHENTICATED"), &json!(false)));
    assert_eq!(answer["id"], 2);
    let before = site.audit().records().len();
    let listed = session.ask(&request(3, "tools/list", json!({})));
    assert_eq!((&listed["error"]["code"], &listed["id"]), (&json!(401), &json!(3)));
    assert_eq!(site.audit().records().len(), before, "who is nobody leaves no record");
}

#[test]
fn limits_hold_without_headers() {
    let site = site("[agents]\nrate = \"5/min\"");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    for n in 0..3 {
        assert_eq!(session.ask(&call(n, "ping", json!({})))["result"]["content"][0]["text"], "pong");
    }
    let error = tool_error(&session.ask(&call(9, "ping", json!({}))));
    assert_eq!(error["code"], "RATE_LIMITED");
    let listed = session.ask(&request("x", "tools/list", json!({})));
    assert_eq!((&listed["error"]["code"], &listed["id"]), (&json!(429), &json!("x")));
    assert!(listed["error"]["data"]["retry_after_ms"].is_u64(), "{listed}");
    session.send("{");
    let malformed = session.receive();
    assert_eq!(malformed["error"]["code"], 429, "nonsense is charged, too: {malformed}");
    assert_eq!(site.audit().wait_for(8)["outcome"], "RATE_LIMITED");
}

#[test]
fn a_cancelled_call_is_dropped_and_recorded() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    session.send(call(7, "wait", json!({"milliseconds": 15_000})).to_string());
    eventually("the tool runs", || site.trace() == ["started"]);
    session
        .send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}).to_string());
    eventually("the tool is dropped", || site.trace() == ["started", "dropped"]);
    eventually("it is recorded", || site.audit().records().iter().any(|r| r["outcome"] == "CANCELLED"));
    assert_eq!(session.ask(&call(8, "ping", json!({})))["id"], 8);
}

#[test]
fn calls_run_beside_each_other_and_answers_never_cross() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut session = Session::initialized(&site, &key);
    for (id, milliseconds) in [(1, 400), (2, 200), (3, 0)] {
        session.send(call(id, "wait", json!({"milliseconds": milliseconds})).to_string());
    }
    let order: Vec<_> = (0..3).map(|_| session.receive()["id"].clone()).collect();
    assert_eq!(order, [3, 2, 1]);
    // The same id as a number and as a text, and the same id again while the first is on its way.
    session.send(call(5, "echo", json!({"text": "number"})).to_string());
    session.send(call("5", "echo", json!({"text": "text"})).to_string());
    for _ in 0..2 {
        let answer = session.receive();
        let expected = if answer["id"].is_number() { "number" } else { "text" };
        assert_eq!(answer["result"]["content"][0]["text"], expected, "{answer}");
    }
    session.end();
    let calls = site.audit().records().into_iter().filter(|record| record["method"] == "tools/call").count();
    assert_eq!(calls, 5, "one record each");
}

#[test]
fn both_ways_can_be_served_at_once() {
    let site = site("");
    let key = site.issue("agent", &["*"]);
    let mut command = site.command(&["serve", "--stdio", "--http", "127.0.0.1:0"]);
    let mut serving = mcp_tests::process::Serving::start(command.env("MCP_API_KEY", &key.key).stdin(Stdio::piped()));
    let answer = serving.ask(&key, &call(1, "ping", json!({})));
    assert_eq!(answer["result"]["content"][0]["text"], "pong");
    let mut input = serving.child().stdin.take().unwrap();
    let mut output = BufReader::new(serving.child().stdout.take().unwrap());
    writeln!(input, "{}", initialize(1)).unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["result"]["protocolVersion"], LEGACY);
    drop(input);
    assert!(serving.wait().success(), "it ends with the client that started it");
}

struct Small;

#[server(name = "small", rate = "100/min")]
impl Small {
    /// Doubles.
    #[tool(scope = "double", rate = inherit)]
    async fn double(&self, n: u32) -> mcp_runtime::Json<u32> {
        mcp_runtime::Json(n * 2)
    }
}

#[tokio::test]
async fn a_client_that_nobody_here_wrote_lists_and_calls() {
    let store = Arc::new(MemoryStore::new());
    let new = NewKey { agent: "a".into(), scopes: vec!["double".into()], on_behalf_of: None, lifetime: None };
    let issued = store.issue(&new).await.unwrap();
    let keys = Arc::new(ApiKeys::start(Arc::clone(&store) as Arc<dyn CredentialStore>).await.unwrap());
    let protected = Arc::new(Protected::new(Small, Config::default()).unwrap());
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let serving = tokio::spawn({
        let (protected, key) = (Arc::clone(&protected), issued.key.expose().to_owned());
        let keys = Arc::clone(&keys);
        async move {
            let (reader, writer) = tokio::io::split(ours);
            protected.stdio(reader, writer, keys, &key).await
        }
    });
    let client = ClientInfo::default().serve(theirs).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.iter().map(|tool| tool.name.as_ref()).collect::<Vec<_>>(), ["double"]);
    let with = |n: Value| {
        CallToolRequestParams::new("double").with_arguments(serde_json::from_value(json!({"n": n})).unwrap())
    };
    let answer = client.call_tool(with(json!(21))).await.unwrap();
    assert_eq!(answer.structured_content, Some(json!({"result": 42})));
    let invalid = client.call_tool(with(json!("x"))).await.unwrap();
    assert_eq!(invalid.is_error, Some(true));
    assert!(client.call_tool(CallToolRequestParams::new("nothing")).await.is_err());

    store.revoke(&Target::Agent(Agent::key("a").unwrap()), "test").await.unwrap();
    let refused = client.call_tool(with(json!(21))).await.unwrap();
    let error = serde_json::to_value(refused).unwrap();
    assert_eq!(error["_meta"]["dev.mcp-runtime/error"]["code"], "UNAUTHENTICATED", "on its very next call");
    client.cancel().await.unwrap();
    assert!(serving.await.unwrap().is_ok());

    let (stream, _end) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(stream);
    let started = protected.stdio(reader, writer, keys, issued.key.expose()).await;
    assert!(matches!(started, Err(StdioError::Refused(_))), "{started:?}");
}
