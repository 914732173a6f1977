//! Texts that want to be something else, in every place where a client has the word: lines of a log that nobody wrote,
//! commands to a terminal, labels, a second value.

use std::process::Stdio;

use mcp_tests::authority::Authority;
use mcp_tests::message::{call, modern, request};
use mcp_tests::metrics::Page;
use mcp_tests::process::{Key, Serving, Site, eventually, texts};
use serde_json::{Value, json};

use crate::admin;
use crate::receiver::{Received, attributes};

/// Ends lines in five ways, moves the cursor, sets a title, turns the text around, and closes quotes and braces.
const HOSTILE: &str = "x\nforged INFO \r\u{b}\u{85}\u{2028}\u{2029}\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{0}\u{7f}\u{202e}\u{2066}\u{200b}\u{e0041}\"}'\\{},forged=1 #";

/// What no line may hold as it is, whoever reads it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

#[track_caller]
fn tame(what: &str, line: &str) {
    assert!(!line.contains(acts), "{what}: {line:?}");
    assert!(!line.trim_start().starts_with("forged"), "{what}: {line:?}");
}

/// Every place of a request, with the hostile text in it; a long one, too.
fn attack(serving: &Serving, key: &Key) {
    let long = HOSTILE.repeat(10 * 1024 / HOSTILE.len());
    let send = |message: &Value| serving.request().key(&key.key).message(message).send();
    for text in [HOSTILE, &long] {
        let mut modern_call = modern(1, "tools/call", json!({ "name": "echo", "arguments": { "text": text } }));
        modern_call["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"] = json!(text);
        for name in ["traceparent", "tracestate", "baggage"] {
            modern_call["params"]["_meta"][name] = json!(text);
        }
        for message in [
            modern_call,
            call(text, "echo", json!({ "text": "hi" })),
            call(2, "echo", json!({ "text": text })),
            call(3, "echo", json!({ text: text, "text": "hi" })),
            call(4, "echo", json!({ text: { text: [text] } })),
            call(5, text, json!({})),
            call(6, "find_customer", json!({ "email": text, "password": text, "note": text })),
            call(7, "get_revenue", json!({ "country": text, "months": text })),
            request(8, text, json!({})),
            request(9, "prompts/get", json!({ "name": text })),
            request(10, "resources/read", json!({ "uri": text })),
        ] {
            send(&message);
        }
    }
    let message = call(11, "echo", json!({ "text": "hi" }));
    let headers =
        ["User-Agent", "traceparent", "tracestate", "baggage", "Mcp-Session-Id", "Mcp-Name", "Origin", "Forwarded"];
    for name in headers {
        for value in ["\u{9b}31m\t\"},forged=\"1", &"a\"b\\".repeat(2000)] {
            serving.request().key(&key.key).message(&message).with(name, value).send();
        }
    }
    // JSON that spells halves of characters.
    for escapes in [r"\ud800", r"\udc00\ud800", r"\u0000\u001b[2J\u000aforged"] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"{escapes}","method":"tools/call","params":{{"name":"echo","arguments":{{"{escapes}":"{escapes}"}}}}}}"#
        );
        serving.request().key(&key.key).raw(body).send();
    }
    serving.request().key("mcpk_\"}forged").message(&message).send();
    serving.ask(key, &call("last", "ping", json!({})));
}

/// The lines of a log, once the last call is in it.
fn log(mut serving: Serving) -> Vec<String> {
    let mut lines = serving.said.clone();
    eventually("the last call is logged", || {
        lines.extend(serving.log());
        lines.iter().any(|line| line.contains("last") && line.contains("ping"))
    });
    serving.terminate();
    assert!(serving.wait().success());
    lines
}

#[test]
fn no_text_of_a_client_acts_where_people_look() {
    for format in ["json", "pretty"] {
        let (received, collector) = Received::listen(true);
        let config = format!(
            "[log]\nformat = \"{format}\"\n[admin]\naddress = \"127.0.0.1:0\"\nagent_label = 10\n\
             [otel]\nendpoint = \"http://{collector}\"\nprotocol = \"grpc\"\narguments = true"
        );
        let site = Site::new(env!("CARGO_BIN_EXE_fixture"), &config);
        let key = site.issue("reporting", &["*"]);
        let serving = site.serve();
        attack(&serving, &key);
        let page = admin::get(admin::address(&serving)).send().body;
        for line in log(serving) {
            tame(format, &line);
            let is_ours = line.starts_with("listening on ") || line.starts_with("metrics on ");
            if format == "json" && !is_ours {
                serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
        let lines = site.audit().text();
        lines.lines().for_each(|line| tame("the audit", line));
        assert!(site.audit().records().len() > 30);
        page.lines().for_each(|line| tame("the page of metrics", line));
        for sample in Page::read(&page).0 {
            assert!(
                !sample.labels.contains_key("forged") && sample.labels.values().all(|value| value.len() < 100),
                "{sample:?}"
            );
        }
        for span in received.spans() {
            tame("a span's name", &span.name);
            for (name, value) in attributes(&span.attributes) {
                assert!(!value.contains(acts), "{name}: {value:?}");
                assert!(value.len() <= 32 * 1024, "{name}: {} bytes", value.len());
            }
            assert!(span.trace_state.is_empty() && span.parent_span_id.is_empty(), "{span:?}");
        }
        for more in [&[][..], &["--json"]] {
            let (out, _) = texts(&site.run(&[&["audit", "query"], more].concat()));
            assert!(out.lines().count() > usize::from(more.is_empty()) * 30);
            out.lines().for_each(|line| tame("audit query", line));
        }
    }
}

#[test]
fn an_audit_file_of_somebody_else_moves_no_cursor() {
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), "");
    let line = json!({
        "kind": "call", "time": "2026-03-03T10:00:00Z", "tool": HOSTILE, "method": HOSTILE, "agent": HOSTILE, "subject": HOSTILE,
        "decision": HOSTILE, "outcome": HOSTILE, "correlation": HOSTILE, "duration_us": 1, "arguments": { HOSTILE: HOSTILE },
    });
    // As a writer would spell it that escapes no more than it has to.
    let file = site.path("other.jsonl");
    std::fs::write(&file, format!("{line}\n")).unwrap();
    for arguments in [&["audit", "query", "--limit", "5"][..], &["audit", "query", "--json"], &["audit", "verify"]] {
        let output = site.run(&[arguments, &[file.to_str().unwrap()]].concat());
        let (out, err) = texts(&output);
        assert!(out.contains("forged") || !output.status.success(), "{out}{err}");
        out.lines().chain(err.lines()).for_each(|line| tame(arguments[1], line));
    }
}

#[test]
fn no_credential_names_itself_something_that_acts() {
    let authority = Authority::start();
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), &authority.config(""));
    // The folder of a server that is tried out is not kept, so the state is made first.
    site.issue("reporting", &["x"]);
    let serving = site.serve_with(&["--dev"]);
    let status = |client: &str, subject: &str| {
        let token = authority.token(client, subject, "t", "echo.say");
        serving.request().key(&token).message(&call(1, "ping", json!({}))).send().status
    };
    assert_eq!(status("reporting", "carol"), 200);
    for c in ['\n', '\r', '\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{202e}', '\u{200b}', '\u{e0041}']
    {
        let name = format!("a{c}b");
        assert_eq!((status(&name, "carol"), status("reporting", &name)), (401, 401), "{c:?}");
        let issue = |flag: &str| {
            let arguments = ["keys", "issue", "--scope", "x", "--agent", "good", flag, &name];
            let arguments = if flag == "--agent" { &arguments[..4] } else { &arguments[..6] };
            site.run(&[arguments, &[flag, &name]].concat())
        };
        if c != '\0' {
            for flag in ["--agent", "--on-behalf-of"] {
                let output = issue(flag);
                let (out, err) = texts(&output);
                assert!(!output.status.success() && out.is_empty(), "{c:?}: {out}");
                err.lines().for_each(|line| tame("the refusal", line));
            }
        }
    }
    assert!(["a".repeat(10_000), String::new()].iter().all(|name| status(name, "carol") == 401));
    assert_eq!(status("reporting", &"a".repeat(10_000)), 401);
}

#[test]
fn ten_thousand_names_make_no_series() {
    let config = "[admin]\naddress = \"127.0.0.1:0\"\nagent_label = 10\n[agents]\nrate = \"1000000/s\"";
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), config);
    let key = site.issue("reporting", &["*"]);
    let mut command = site.command(&["serve", "--http", "127.0.0.1:0"]);
    let serving = Serving::start(command.env("RUST_LOG", "off").stdin(Stdio::piped()));
    let mut connection = mcp_tests::http::Connection::open(serving.address);
    let mut ask = |message: Value| {
        connection.send(&serving.request().key(&key.key).message(&message).bytes()).unwrap();
        connection.receive().expect("an answer");
    };
    ask(call(0, "ping", json!({})));
    let lines = || admin::get(admin::address(&serving)).send().body.lines().count();
    for n in 0..10_000 {
        ask(match n % 4 {
            0 => call(n, &format!("tool_{n}"), json!({})),
            1 => request(n, &format!("method/{n}"), json!({})),
            2 => call(n, "echo", json!({ format!("argument_{n}"): 1 })),
            _ => call(format!("id-{n}"), "get_revenue", json!({ "country": format!("country {n}") })),
        });
        if n == 100 {
            assert!(lines() < 1000);
        }
    }
    let body = admin::get(admin::address(&serving)).send().body;
    assert!(body.lines().count() < 1000, "{} lines", body.lines().count());
    assert!(!body.contains("\"tool_9") && !body.contains("method/") && !body.contains("argument_"), "{body}");
}

/// What rmcp writes of a request that it refuses is the client's own text.
#[test]
fn what_a_client_calls_its_requests_is_in_no_log() {
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), "[log]\nformat = \"json\"\nfilter = \"info,rmcp=trace\"");
    let key = site.issue("reporting", &["*"]);
    let serving = site.serve();
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "method": "carol@example.com"}),
        json!({"jsonrpc": "2.0", "id": "carol@example.com", "method": "tools/lost"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "carol@example.com"}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "prompts/get", "params": {"name": "carol@example.com"}}),
    ] {
        let answer = serving.request().key(&key.key).raw(message.to_string()).send();
        assert!(answer.body.contains("error"), "{answer:?}");
    }
    serving.ask(&key, &call("last", "ping", json!({})));
    let log = log(serving);
    assert!(!log.is_empty() && !log.iter().any(|line| line.contains("carol")), "{log:?}");
}
