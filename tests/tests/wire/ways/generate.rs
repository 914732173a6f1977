//! Requests, most of them good but for one thing.

use std::fmt;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::select;

/// A request over HTTP, in pieces that can be broken one by one.
#[derive(Clone, Debug)]
pub(super) struct Request {
    body: Vec<u8>,
    headers: Vec<(&'static str, Vec<u8>)>,
}

const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A good call.
pub(super) fn call(tool: &'static str, arguments: &str) -> Request {
    let mut request = Request::of("tools/call");
    request.body = message("1", "tools/call", &format!(r#""name":"{tool}","arguments":{arguments},"#)).into_bytes();
    request.with("Mcp-Name", tool)
}

fn message(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{META}}}}}"#)
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        f.write_str(&String::from_utf8_lossy(&self.body))
    }
}

impl Request {
    /// A good request of a method that takes no parameters.
    pub(super) fn of(method: &'static str) -> Self {
        Self {
            body: message("1", method, "").into_bytes(),
            headers: vec![
                ("host", b"localhost".to_vec()),
                ("content-type", b"application/json".to_vec()),
                ("accept", b"application/json, text/event-stream".to_vec()),
                ("mcp-protocol-version", b"2026-07-28".to_vec()),
                ("mcp-method", method.as_bytes().to_vec()),
            ],
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.as_bytes().to_vec()));
        self
    }

    pub(super) fn to_http(&self, token: &str) -> http::Request<String> {
        let mut request = http::Request::post("/mcp").header("authorization", format!("Bearer {token}"));
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(*name).unwrap();
            request = request.header(name, HeaderValue::from_bytes(value).unwrap());
        }
        // A body that is no UTF-8 cannot be a `String`; those are in `bodies`.
        request.body(String::from_utf8_lossy(&self.body).into_owned()).unwrap()
    }
}

/// Mostly the first of these, sometimes another.
fn mostly(good: &'static str, others: Vec<&'static str>) -> BoxedStrategy<String> {
    prop_oneof![12 => Just(good.to_owned()), 1 => select(others).prop_map(str::to_owned)].boxed()
}

/// One of the tools, with arguments that it takes, or does not.
fn tool_and_arguments() -> BoxedStrategy<(String, String)> {
    let of = |tool: &'static str, arguments: &[&'static str]| {
        select(arguments.to_vec()).prop_map(move |arguments| (tool.to_owned(), arguments.to_owned()))
    };
    prop_oneof![
        of(
            "echo",
            &[
                r#"{"text":"hello"}"#,
                r#"{"text":"a \"b\" \\ \u00e9 \u202e <|im_start|> ![x](https://evil.example/?q=1)"}"#,
                r#"{"text":7}"#,
                r#"{"text":"x","more":1}"#,
                r#"{"text":"x","text":"y"}"#,
                r#"{"text":{"a":1,"a":2}}"#,
                r#"{"text":"\ud800"}"#,
                r#"{"te\u0078t":"escaped"}"#,
                "{}",
            ]
        ),
        of(
            "note",
            &[
                r#"{"id":1}"#,
                r#"{"id":1.0}"#,
                r#"{"id":"17"}"#,
                r#"{"id":9223372036854775807,"email":"carol@example.com"}"#,
                r#"{"id":1e400}"#,
                r#"{"id":-0}"#,
                r#"{"id":null}"#,
            ]
        ),
        of("numbers", &["{}", r#"{"count":5}"#, r#"{"count":256}"#, "null", "[]", "7"]),
        of("texts", &["{}", r#"{"x":1}"#]),
        of("fail", &[r#"{"how":0}"#, r#"{"how":1}"#, r#"{"how":2}"#, r#"{"how":3}"#, r#"{"how":4}"#]),
        of(
            "regional",
            &[
                r#"{"region":"eu"}"#,
                r#"{"region":"é"}"#,
                r#"{"region":null}"#,
                "{}",
                r#"{"shard":7}"#,
                r#"{"region":"eu","shard":7.0}"#,
                r#"{"region":["eu"]}"#,
            ]
        ),
        of("item", &[r#"{"id":7}"#, r#"{"id":8}"#, r#"{"id":"x"}"#]),
        of("rare", &["{}"]),
        of("nothing", &["{}", r#"{"x":{}}"#]),
        of("Echo", &[r#"{"text":"x"}"#]),
        of("", &["{}"]),
        of("t\\u0065xts", &["{}"]),
    ]
    .boxed()
}

/// The parameters of a method, without `_meta`; each ends in a comma.
fn params(method: &str) -> BoxedStrategy<(String, Option<String>)> {
    if method != "tools/call" {
        return mostly("", vec![r#""cursor":"x","#, r#""cursor":null,"#, r#""name":"echo","#, r#""arguments":{},"#])
            .prop_map(|params| (params, None))
            .boxed();
    }
    let more = mostly(
        "",
        vec![
            r#""requestState":"x","#,
            r#""inputResponses":{},"#,
            r#""task":{},"#,
            r#""made up":[1],"#,
            r#""made up":{"a":1,"a":1},"#,
            r#""name":"echo","#,
            r#""na\u006de":"echo","#,
            r#""arguments":{},"#,
        ],
    );
    (tool_and_arguments(), more, prop::bool::weighted(0.9), prop::bool::weighted(0.97))
        .prop_map(|((tool, arguments), more, has_arguments, has_name)| {
            let name = if has_name { format!(r#""name":"{tool}","#) } else { String::new() };
            let arguments = if has_arguments { format!(r#""arguments":{arguments},"#) } else { String::new() };
            (format!("{arguments}{name}{more}"), Some(tool.replace("\\u0065", "e")))
        })
        .boxed()
}

fn meta() -> BoxedStrategy<String> {
    mostly(
        META,
        vec![
            "{}",
            "7",
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
            r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2025-11-25","io.modelcontextprotocol/clientCapabilities":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2099-01-01","io.modelcontextprotocol/clientCapabilities":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":7,"io.modelcontextprotocol/clientCapabilities":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{"listChanged":true},"elicitation":{}}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":7}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"a":{"b":[1,{"c":null}]}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"a":1,"a":2}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"a":1e999}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":1}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":{}}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"debug"}"#,
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":7}"#,
            r#"{"io.modelcontextprotocol\/protocolVersion":"2026\u002d07-28","io.modelcontextprotocol/clientCapabilities":{}}"#,
        ],
    )
}

fn id() -> BoxedStrategy<String> {
    let strange = vec![
        r#""x""#,
        r#""""#,
        r#""\u0078 \"y\" \\""#,
        r#""é\u202e""#,
        "-7",
        "0",
        "-0",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "1.0",
        "1e0",
        "null",
        "[]",
        "true",
        r#""\ud800""#,
    ];
    let long = prop_oneof![Just(256_usize), Just(257)].prop_map(|length| format!("\"{}\"", "x".repeat(length)));
    prop_oneof![12 => Just("1".to_owned()), 6 => select(strange).prop_map(str::to_owned), 1 => long].boxed()
}

/// The members of a message in one order or another, with or without one more.
fn body(id: &str, method: &str, params: &str, meta: &str, layout: &str) -> String {
    let (id, method) = (format!(r#""id":{id}"#), format!(r#""method":"{method}""#));
    let params = format!(r#""params":{{{params}"_meta":{meta}}}"#);
    let version = r#""jsonrpc":"2.0""#;
    match layout {
        "backwards" => format!("{{{params},{method},{id},{version}}}"),
        "spaced" => format!(" {{ {version} , {id} ,\n{method}\t, {params} }} \n"),
        "more" => format!(r#"{{{version},{id},{method},{params},"more":{{"a":[]}}}}"#),
        "twice" => format!("{{{version},{id},{id},{method},{params}}}"),
        "more twice" => format!(r#"{{{version},{id},{method},{params},"more":{{"a":1,"a":2}}}}"#),
        "no id" => format!("{{{version},{method},{params}}}"),
        "no version" => format!("{{{id},{method},{params}}}"),
        "version 1.0" => format!(r#"{{"jsonrpc":"1.0",{id},{method},{params}}}"#),
        "no params" => format!("{{{version},{id},{method}}}"),
        "cut" => format!("{{{version},{id},{method},{params}"),
        "and more" => format!("{{{version},{id},{method},{params}}} {{}}"),
        "a batch" => format!("[{{{version},{id},{method},{params}}}]"),
        _ => format!("{{{version},{id},{method},{params}}}"),
    }
}

/// A header that says what it should, or something else, or stands there twice, or not at all.
fn header(name: &'static str, right: &str, wrong: Vec<&'static str>) -> BoxedStrategy<Vec<(&'static str, Vec<u8>)>> {
    let one = move |value: &str| vec![(name, value.as_bytes().to_vec())];
    let twice = [one(right), one(right)].concat();
    prop_oneof![
        24 => Just(one(right)),
        1 => select(wrong).prop_map(one),
        1 => Just(twice),
        1 => Just(Vec::new()),
    ]
    .boxed()
}

fn headers(method: &str, tool: Option<&str>) -> BoxedStrategy<Vec<(&'static str, Vec<u8>)>> {
    let accept = "application/json, text/event-stream";
    let accepts = vec![
        "application/json",
        "*/*",
        "text/event-stream;q=0.1, APPLICATION/json ;q=1",
        "application/json;q=0, text/event-stream",
        "application/json;a=\",\", text/event-stream",
    ];
    let name = tool.unwrap_or_default();
    let plain = name.is_ascii();
    let names = vec!["echo", "=?base64?bm90ZQ==?=", "=?base64?bm90Z?=", "ECHO", "", "\u{e9}"];
    let optional = |name: &'static str, values: Vec<&'static str>| {
        prop_oneof![
            2 => Just(Vec::new()),
            1 => select(values).prop_map(move |value| vec![(name, value.as_bytes().to_vec())]),
        ]
    };
    let is_call = method == "tools/call";
    (
        header("content-type", "application/json", vec!["text/plain", "application/json; charset=utf-8"]),
        header("accept", accept, accepts),
        header("mcp-protocol-version", "2026-07-28", vec!["2025-11-25", "2099-01-01", "x", ""]),
        header("mcp-method", method, vec!["tools/list", "tools/call", "TOOLS/CALL", "", "\u{e9}"]),
        if is_call && plain { header("mcp-name", name, names) } else { optional("mcp-name", names).boxed() },
        if tool == Some("regional") {
            optional("mcp-param-region", vec!["eu", "EU", "=?base64?w6k=?=", "=?base64?w6k?="]).boxed()
        } else {
            optional("mcp-param-region", vec!["eu"]).boxed()
        },
        optional("mcp-param-shard", vec!["7", "7.0", "8", "x"]),
    )
        .prop_map(|(a, b, c, d, e, f, g)| [vec![("host", b"localhost".to_vec())], a, b, c, d, e, f, g].concat())
        .boxed()
}

/// Any request.
pub(super) fn request() -> BoxedStrategy<Request> {
    let methods = prop_oneof![
        12 => Just("tools/call"),
        2 => Just("tools/list"),
        2 => Just("server/discover"),
        1 => select(vec!["ping", "prompts/list", "made/up", "initialize", "notifications/initialized", "tasks/get"]),
    ];
    let layouts = mostly(
        "",
        vec![
            "backwards",
            "spaced",
            "more",
            "twice",
            "more twice",
            "no id",
            "no version",
            "version 1.0",
            "no params",
            "cut",
            "and more",
            "a batch",
        ],
    );
    (methods, layouts)
        .prop_flat_map(|(method, layout)| (Just(method), Just(layout), params(method), id(), meta()))
        .prop_flat_map(|(method, layout, (params, tool), id, meta)| {
            let body = body(&id, method, &params, &meta, &layout).into_bytes();
            headers(method, tool.as_deref()).prop_map(move |headers| Request { body: body.clone(), headers })
        })
        .boxed()
}
