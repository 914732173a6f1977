//! What surrounds the gate breaks, lies or is left out: the answer is a refusal, and the record says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::request::Parts;
use http_body_util::BodyExt;
use mcp_runtime::auth::{Authenticate, BoxFuture, InvalidReason, Refusal, bearer};
use mcp_runtime::caller::{Agent, Source};
use mcp_runtime::config::Config;
use mcp_runtime::rmcp::model::{
    GetPromptRequestParams, GetPromptResponse, ListPromptsResult, PaginatedRequestParams, Prompt, ServerCapabilities,
    ServerConfig,
};
use mcp_runtime::rmcp::service::RequestContext;
use mcp_runtime::rmcp::{ErrorData, RoleServer, ServerHandler};
use mcp_runtime::scope::Grants;
use mcp_runtime::spec::Server;
use mcp_runtime::transport::http::HttpService;
use mcp_runtime::{Caller, Protected, server};
use mcp_tests::audit::Audit;
use mcp_tests::message::{call, initialize, modern, request, tool_error};
use mcp_tests::process::{Site, eventually};
use rmcp::ServiceExt;
use rmcp::model::ClientConfig;
use rmcp::service::RunningService;
use serde_json::{Value, json};

struct Shop;

#[server(name = "shop", rate = "100000/min", timeout = "100ms")]
impl Shop {
    /// Sells.
    #[tool(scope = all("shop.sell", "shop.read"), rate = inherit)]
    async fn sell(&self, caller: &Caller, amount: u32) -> String {
        format!("{amount} by {}", caller.agent())
    }
}

impl ServerHandler for Shop {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_prompts().build())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(vec![Prompt::new("greet", Some("say\u{202e} hello"), None)]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        match request.name.as_str() {
            "panic" => panic!("at /srv/app"),
            "hang" => std::future::pending().await,
            _ => Err(ErrorData::invalid_params("there is no such\u{202e} prompt", None)),
        }
    }
}

struct Patient;

#[server(name = "patient", rate = "100000/min", timeout = "1min")]
impl Patient {
    /// Waits.
    #[tool(any_caller, rate = inherit)]
    async fn wait(&self) {}
}

impl ServerHandler for Patient {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_prompts().build())
    }

    async fn get_prompt(
        &self,
        _: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        std::future::pending().await
    }
}

/// Takes a token for what a test says it is.
#[derive(Clone, Default)]
struct Tokens(Arc<Mutex<Option<Refusal>>>);

impl Tokens {
    fn verify(&self, parts: &Parts) -> Result<Arc<Caller>, Refusal> {
        if let Some(refusal) = *self.0.lock().unwrap() {
            return Err(refusal);
        }
        let scopes: Vec<_> = match bearer(parts)? {
            "narrow" => vec!["shop.read"],
            "wide" => vec!["shop.read", "shop.sell"],
            _ => return Err(Refusal::Invalid(InvalidReason::Unknown)),
        };
        let agent = Agent::new(Source::Client { issuer: "https://login".into() }, "app").unwrap();
        Ok(Arc::new(Caller::new(agent, "token-1").with_grants(Grants::literal(scopes).unwrap()).with_step_up()))
    }
}

impl Authenticate for Tokens {
    fn authenticate<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        Box::pin(async move { self.verify(parts) })
    }
}

/// The shop behind tokens, in this process.
struct Stand {
    service: HttpService,
    tokens: Tokens,
    audit: Audit,
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        Self::of(Shop)
    }

    fn of<S: Server>(server: S) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let config = format!("[audit]\npath = {:?}\n[auth]\nbaseline_scope = \"shop.read\"", path.to_str().unwrap());
        let tokens = Tokens::default();
        let protected = Protected::new(server, Config::parse(&config).unwrap()).unwrap();
        let service = protected.http(Arc::new(tokens.clone()));
        Self { service, tokens, audit: Audit::at(&path), folder }
    }

    async fn send(&self, token: &str, body: String, headers: &[(&str, &str)]) -> (u16, http::HeaderMap, String) {
        let mut request =
            http::Request::post("/mcp").header("host", "localhost").header("content-type", "application/json");
        request = request.header("accept", "application/json, text/event-stream");
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.service.handle(request.body(body).unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_caller_who_can_step_up_is_challenged_with_all_scopes() {
    let stand = Stand::new();
    let sell = call("it", "sell", json!({"amount": 3})).to_string();
    let (status, headers, body) = stand.send("narrow", sell.clone(), &[]).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 403);
    assert_eq!(
        headers["www-authenticate"],
        "Bearer realm=\"mcp\", error=\"insufficient_scope\", scope=\"shop.sell shop.read\""
    );
    assert_eq!((&body["id"], &body["error"]["code"]), (&json!("it"), &json!(403)));
    assert_eq!(stand.audit.wait_for(1)["outcome"], "PERMISSION_DENIED");
    assert_eq!(stand.audit.wait_for(1)["agent"], "client:https://login:app");
    let (status, headers, body) = stand.send("wide", sell, &[]).await;
    assert_eq!(status, 200);
    assert!(!headers.contains_key("www-authenticate"));
    assert!(body.contains("3 by client:https://login:app"), "{body}");
    drop(stand.folder);
}

#[tokio::test]
async fn who_cannot_be_verified_is_neither_let_in_nor_sent_away() {
    let stand = Stand::new();
    let sell = call(1, "sell", json!({"amount": 3})).to_string();
    *stand.tokens.0.lock().unwrap() = Some(Refusal::Unavailable { retry_after: Duration::from_millis(2500) });
    let (status, headers, body) = stand.send("wide", sell, &[]).await;
    assert_eq!((status, &headers["retry-after"]), (503, &http::HeaderValue::from_static("3")));
    assert!(!headers.contains_key("www-authenticate"), "a client would throw its token away");
    assert!(body.contains("\"UNAVAILABLE\""), "{body}");
    assert!(stand.audit.records().is_empty());
}

#[tokio::test]
async fn a_handler_of_the_users_own_serves_behind_the_same_gate() {
    let stand = Stand::new();
    let (status, _, body) = stand.send("narrow", request(1, "prompts/list", json!({})).to_string(), &[]).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["result"]["prompts"][0]["name"]), (200, &json!("greet")));
    assert_eq!(body["result"]["prompts"][0]["description"], "say hello", "cleaned");
    assert_eq!(stand.audit.wait_for(1)["method"], "prompts/list");
    let (_, _, body) = stand.send("narrow", initialize(1).to_string(), &[]).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let capabilities = &body["result"]["capabilities"];
    assert!(capabilities["prompts"].is_object() && capabilities["tools"].is_object(), "{body}");
    assert_eq!(body["result"]["serverInfo"]["name"], "shop");
    let (status, _, _) = stand.send("nobody", request(1, "prompts/list", json!({})).to_string(), &[]).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_handler_that_breaks_is_answered_and_recorded() {
    let stand = Stand::new();
    let prompt = |name: &str| request(1, "prompts/get", json!({"name": name})).to_string();
    for (index, (name, code, outcome)) in
        [("panic", -32603, "INTERNAL"), ("hang", -32603, "TIMEOUT"), ("nothing", -32602, "INVALID_REQUEST")]
            .into_iter()
            .enumerate()
    {
        let (status, _, body) = stand.send("narrow", prompt(name), &[]).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &answer["id"], &answer["error"]["code"]), (200, &json!(1), &json!(code)), "{name}");
        assert!(!body.contains("/srv") && !body.contains('\u{202e}'), "{name}: {body}");
        let record = stand.audit.wait_for(index + 1);
        assert_eq!((&record["method"], &record["outcome"]), (&json!("prompts/get"), &json!(outcome)), "{name}");
    }
}

#[tokio::test]
async fn a_handler_ends_with_its_client() {
    let stand = Stand::of(Patient);
    let prompt = request(1, "prompts/get", json!({"name": "any"})).to_string();
    let sent = stand.send("narrow", prompt, &[]);
    assert!(tokio::time::timeout(Duration::from_millis(300), sent).await.is_err(), "it waits");
    // The audit is read by blocking, and what was dropped ends on this thread.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let record = stand.audit.wait_for(1);
    assert_eq!((&record["method"], &record["outcome"]), (&json!("prompts/get"), &json!("CANCELLED")));
}

/// Bare rmcp has the user's handler, and a tool is no part of that: there is no way to it but through a gate.
#[tokio::test]
async fn served_without_a_gate_there_are_no_tools() {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let serving = tokio::spawn(async move { Shop.serve(ours).await.map(RunningService::waiting) });
    let client = ClientConfig::default().serve(theirs).await.unwrap();
    assert!(client.list_all_tools().await.is_ok_and(|tools| tools.is_empty()));
    let call = rmcp::model::CallToolRequestParams::new("sell");
    let arguments = serde_json::from_value(json!({"amount": 1})).unwrap();
    assert!(client.call_tool(call.with_arguments(arguments)).await.is_err());
    assert_eq!(client.list_all_prompts().await.unwrap().len(), 1);
    serving.abort();
}

#[test]
fn without_its_database_a_server_lets_known_callers_in_and_nobody_else() {
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), "");
    let (known, late) = (site.issue("known", &["*"]), site.issue("late", &["*"]));
    let serving = site.serve();
    let ping = call(1, "ping", json!({}));
    assert_eq!(serving.ask(&known, &ping)["result"]["content"][0]["text"], "pong");
    std::fs::rename(site.state(), site.path("away")).unwrap();
    assert_eq!(serving.ask(&known, &ping)["result"]["content"][0]["text"], "pong", "for a while");
    let refused = serving.request().key(&late.key).message(&ping).send();
    assert_eq!(refused.rpc_error(), (503, 503), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("www-authenticate").is_none());
    std::fs::rename(site.path("away"), site.state()).unwrap();
    eventually("it recovers", || serving.request().key(&late.key).message(&ping).send().status == 200);
}

#[test]
fn half_a_body_leaves_one_record() {
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), "");
    let key = site.issue("agent", &["*"]);
    let serving = site.serve();
    let head = serving.request().key(&key.key).with("Content-Length", "100").head();
    let mut connection = mcp_tests::http::Connection::open(serving.address);
    connection.send(format!("{head}{{\"jsonrpc\"").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(connection);
    let record = site.audit().wait_for(1);
    assert!(["INVALID_REQUEST", "CANCELLED"].contains(&record["outcome"].as_str().unwrap()), "{record}");
    assert_eq!(serving.ask(&key, &call(1, "ping", json!({})))["result"]["content"][0]["text"], "pong");
    site.audit().wait_for(2);
}

/// A generator that gives the same numbers on each run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

const PIECES: &[&str] = &[
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"\\ud800\"",
    "\"\u{202e}\"",
    "[]",
    "{}",
    "[[[[",
    "}}",
    ",",
    ":",
    "\"id\":1,",
    "\"method\":7,",
    "\"params\":[],",
    "\"arguments\":{},",
    "\"_meta\":{},",
    "\"jsonrpc\":\"2.0\",",
    "\u{feff}",
    " ",
    "\n",
    "\\u0000",
    "\"amount\":3,",
    "\"amount\":-3,",
    "NaN",
    "/* */",
];

#[tokio::test]
async fn whatever_is_sent_the_answer_is_well_formed_and_recorded_once() {
    let stand = Stand::new();
    let seeds = [
        call(1, "sell", json!({"amount": 3})),
        modern(2, "tools/call", json!({"name": "sell", "arguments": {"amount": 3}})),
        request("list", "tools/list", json!({})),
        initialize(4),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ]
    .map(|seed| seed.to_string());
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut served = 0;
    for round in 1..=1500 {
        let mut text = seeds[dice.roll(seeds.len())].clone();
        for _ in 0..dice.roll(4) {
            let at = text.floor_char_boundary(dice.roll(text.len() + 1));
            match dice.roll(3) {
                0 => text.insert_str(at, PIECES[dice.roll(PIECES.len())]),
                1 => text.truncate(at.max(1)),
                _ => {
                    let end = text.floor_char_boundary((at + dice.roll(12)).min(text.len()));
                    text.replace_range(at..end.max(at), PIECES[dice.roll(PIECES.len())]);
                }
            }
        }
        let modern = text.contains("io.modelcontextprotocol");
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "sell")];
        let headers = if modern { &headers[..] } else { &[] };
        let (status, _, body) = stand.send("wide", text.clone(), headers).await;
        assert!([200, 202, 400, 404].contains(&status), "{status}: {text}");
        if status == 202 {
            assert_eq!(body, "", "{text}");
        } else {
            let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}: {text}"));
            assert_eq!(body["jsonrpc"], "2.0", "{text}");
            assert_ne!(body.get("result").is_some(), body.get("error").is_some(), "one of the two: {text}");
            assert!(body.get("id").is_none_or(|id| id.is_string() || id.is_i64()), "{body}: {text}");
            if body["result"]["isError"] == true {
                assert_eq!(tool_error(&body)["code"], "INVALID_ARGUMENTS", "{text}");
            }
            served += usize::from(body.get("result").is_some());
        }
        if round % 100 == 0 {
            assert_eq!(stand.audit.records().len(), round);
        }
    }
    assert!(served > 200, "some of it was good: {served}");
}
