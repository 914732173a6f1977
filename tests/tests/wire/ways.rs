//! Our own way for calls beside rmcp's: the same request, good or broken, is answered the same, and leaves the same
//! record.
//!
//! Both ways share the check of the headers that mirror arguments (`Mcp-Param-*`), since rmcp's own is not good enough.
//! Where the toolkit differs from bare rmcp there, on both ways:
//!
//! | | rmcp | here |
//! | --- | --- | --- |
//! | the argument is `7`, the header says `7.0` | refused: texts are compared | taken: numbers are compared |
//! | the caller cannot call the tool | is told which header is missing | is told that the scope is missing |
//! | the header says something else | its value is repeated in the message | its name alone |

mod generate;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http_body_util::BodyExt;
use mcp_runtime::auth::{Authenticate, BoxFuture, InvalidReason, Refusal, bearer};
use mcp_runtime::caller::{Agent, Source};
use mcp_runtime::config::Config;
use mcp_runtime::scope::Grants;
use mcp_runtime::transport::http::HttpService;
use mcp_runtime::{Caller, Json, Protected, Text, Untrusted, server};
use mcp_tests::process::eventually;
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use generate::{Request, call, request};

struct Twin;

#[derive(Serialize, JsonSchema)]
struct Note {
    id: i64,
    text: Untrusted<String>,
}

#[server(name = "twin", version = "1.0.0", title = "Twin", instructions = "Say \"please\".", rate = "1000000/min")]
impl Twin {
    /// Says it again.
    #[tool(scope = "echo.say", rate = inherit)]
    async fn echo(&self, text: String) -> String {
        text
    }

    /// A note.
    #[tool(any_caller, rate = inherit, title = "Note", read_only)]
    async fn note(&self, id: i64, #[arg(pii)] email: Option<String>) -> Json<Note> {
        Json(Note { id, text: Untrusted(format!("\"note\"\u{202e} {}", email.is_some())) })
    }

    /// Many numbers.
    #[tool(any_caller, rate = inherit)]
    async fn numbers(&self, #[arg(default = 3)] count: u8) -> Json<Vec<u8>> {
        Json((0..count).collect())
    }

    /// Two kinds of text.
    #[tool(any_caller, rate = inherit)]
    async fn texts(&self) -> Text {
        Text::untrusted("<|im_start|> [a](javascript:x) \u{200b}")
    }

    /// Fails as it is told.
    #[tool(any_caller, rate = inherit, errors(NotFound { id: u32 } = "there is no {id}", #[tool_error(retry_after = "3s")] Busy = "busy"))]
    async fn fail(&self, how: u32) -> Result<(), FailError> {
        match how {
            0 => Ok(()),
            1 => Err(FailError::Busy),
            2 => Err(std::io::Error::other("SELECT 1").into()),
            3 => panic!("at /srv/app"),
            id => Err(FailError::NotFound { id }),
        }
    }

    /// Picked by what proxies can see.
    #[tool(scope = "region.read", rate = inherit)]
    async fn regional(
        &self,
        #[arg(header = "Region")] region: Option<String>,
        #[arg(header = "Shard")] shard: Option<i64>,
    ) -> String {
        format!("{region:?} {shard:?}")
    }

    /// One of somebody's.
    #[tool(scope = all("item.read", "item:{id}:read"), rate = inherit)]
    async fn item(&self, id: u32) -> Json<u32> {
        Json(id)
    }

    /// Twice, and then no more.
    #[tool(any_caller, rate = "2/day")]
    async fn rare(&self) -> () {}
}

/// Takes `KIND.NAME` for an agent of that name.
struct Tokens;

impl Tokens {
    fn verify(parts: &Parts) -> Result<Arc<Caller>, Refusal> {
        let (kind, name) = bearer(parts)?.split_once('.').ok_or(Refusal::Invalid(InvalidReason::Unknown))?;
        let agent = Agent::new(Source::Client { issuer: "https://login".into() }, name).unwrap();
        let wide = ["echo.say", "region.read", "item.read", "item:7:read"];
        let scopes = if kind == "narrow" { &wide[2..3] } else { &wide };
        let caller = Caller::new(agent, "token").with_grants(Grants::literal(scopes).unwrap());
        Ok(Arc::new(if kind == "narrow" { caller.with_step_up() } else { caller }))
    }
}

impl Authenticate for Tokens {
    fn authenticate<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        Box::pin(async move { Self::verify(parts) })
    }
}

/// One of the two ways.
struct Way {
    service: HttpService,
    audit: Mutex<BufReader<File>>,
    _folder: tempfile::TempDir,
}

/// What there is to compare of an answer.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
    record: Value,
}

impl Way {
    fn new(direct: bool, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let config = format!("[audit]\npath = {:?}\n{config}", path.to_str().unwrap());
        // One key, so that digests compare.
        let protected = Protected::with_digest_key(Twin, Config::parse(&config).unwrap(), [7; 32]).unwrap();
        let service = protected.http(Arc::new(Tokens));
        service.set_direct(direct);
        let audit = Mutex::new(BufReader::new(File::open(path).unwrap()));
        Self { service, audit, _folder: folder }
    }

    async fn send(&self, request: &Request, agent: &str) -> Seen {
        let response = self.service.handle(request.to_http(agent)).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        let mut headers: Vec<_> = parts
            .headers
            .iter()
            .filter(|(name, _)| *name != "content-length")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort_unstable();
        for (name, value) in &mut headers {
            // The time that is left differs between two calls of one way as well.
            if let ("ratelimit", Some((left, _))) = (name.as_str(), value.rsplit_once(";t=")) {
                *value = left.to_owned();
            }
            if name == "retry-after" {
                value.clear();
            }
        }
        let mut record = self.next_record();
        for field in ["time", "correlation", "duration_us", "latency", "seq", "prev"] {
            assert!(record.as_object_mut().unwrap().remove(field).is_some(), "{field}");
        }
        Seen { status: parts.status.as_u16(), headers, body: settled(body), record }
    }

    /// The record of the request that was answered, and of no other: whatever more was written is the next one's to find.
    fn next_record(&self) -> Value {
        let mut audit = self.audit.lock().unwrap();
        loop {
            let mut line = String::new();
            eventually("a record", || {
                audit.read_line(&mut line).unwrap();
                line.ends_with('\n')
            });
            let record: Value = serde_json::from_str(&line).unwrap();
            // The file's head and its seals are nobody's.
            if record["kind"] == "call" {
                return record;
            }
        }
    }
}

/// The answer without what differs between two calls of one way as well: ids of ours, and times.
fn settled(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let settle = |(key, value): (String, Value)| {
                let value = match key.as_str() {
                    "correlation" | "retry_after_ms" => Value::Null,
                    _ => settled(value),
                };
                (key, value)
            };
            Value::Object(map.into_iter().map(settle).collect())
        }
        Value::Array(values) => values.into_iter().map(settled).collect(),
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(error @ Value::Object(_)) if error.get("error").is_some() => settled(error),
            _ => match text.split_once("; try again in ") {
                Some((before, _)) => before.into(),
                None => text.into(),
            },
        },
        other => other,
    }
}

/// Sends the same requests down both ways, and compares.
struct Pair {
    runtime: tokio::runtime::Runtime,
    direct: Way,
    rmcp: Way,
    agents: Mutex<usize>,
}

impl Pair {
    fn new(config: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (direct, rmcp) = (Way::new(true, config), Way::new(false, config));
        Self { runtime, direct, rmcp, agents: Mutex::new(0) }
    }

    /// An agent of its own for a case, so that no case uses up the limits of another.
    fn agent(&self, kind: &str) -> String {
        let mut agents = self.agents.lock().unwrap();
        *agents += 1;
        format!("{kind}.agent-{agents}")
    }

    fn compare(&self, request: &Request, agent: &str) -> Result<Seen, TestCaseError> {
        let (direct, rmcp) = self
            .runtime
            .block_on(async { (self.direct.send(request, agent).await, self.rmcp.send(request, agent).await) });
        prop_assert_eq!(&direct, &rmcp, "{}", request);
        Ok(direct)
    }
}

fn run(pair: &Pair, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let several = prop::collection::vec(request(), 1..4);
    let kinds = prop::sample::select(vec!["wide", "narrow"]);
    let result = proptest::test_runner::TestRunner::new(config).run(&(several, kinds), |(requests, kind)| {
        let agent = pair.agent(kind);
        requests.iter().try_for_each(|request| pair.compare(request, &agent).map(drop))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn nobody_can_tell_which_way_served() {
    run(&Pair::new(""), 1000);
}

#[test]
fn nor_when_limits_are_told_by_status_and_everything_is_listed() {
    run(
        &Pair::new(
            "[http]\nrate_limited = \"http-429\"\nlist = \"all\"\n[agents]\nrate = \"2/day\"\n[tools.note]\ndisabled = true",
        ),
        300,
    );
}

/// What the table of this module's page says.
#[test]
fn mirrors_are_compared_by_value_and_shown_to_those_who_may_call() {
    let pair = Pair::new("");
    let ask = |request: &Request, kind: &str| pair.compare(request, &pair.agent(kind)).unwrap();
    let shard = |value: &str, header: Option<&str>| {
        let request = call("regional", &format!(r#"{{"shard":{value}}}"#));
        header.map_or(request.clone(), |header| request.with("Mcp-Param-Shard", header))
    };
    for (value, header) in [("7", "7"), ("7", "7.0"), ("7.0", "7"), ("-1", "-1"), ("7", "=?base64?Nw==?=")] {
        assert_eq!(ask(&shard(value, Some(header)), "wide").status, 200, "{value} {header}");
    }
    for header in [Some("8"), Some("x"), Some(""), Some("=?base64?Nw=?="), None] {
        let seen = ask(&shard("7", header), "wide");
        assert_eq!((seen.status, &seen.body["error"]["code"]), (400, &json!(-32020)), "{header:?}");
        assert_eq!(seen.record["outcome"], "INVALID_REQUEST");
        assert!(!seen.body.to_string().contains('8'), "{seen:?}");
        let hidden = ask(&shard("7", header), "narrow");
        assert_eq!((hidden.status, &hidden.record["outcome"]), (403, &json!("PERMISSION_DENIED")), "{header:?}");
        assert!(!hidden.body.to_string().contains("Mcp-Param"), "{hidden:?}");
    }
}

/// The comparison would pass if nothing were served on our own way: what it serves is said here.
#[test]
fn good_requests_are_answered() {
    let pair = Pair::new("");
    let seen = pair.compare(&call("note", r#"{"id":7,"email":"a@b.c"}"#), &pair.agent("wide")).unwrap();
    assert_eq!(seen.status, 200);
    assert_eq!(seen.body["result"]["structuredContent"], json!({"id": 7, "text": "\"note\" true"}));
    assert_eq!(seen.body["result"]["resultType"], "complete");
    assert_eq!(seen.body["result"]["_meta"]["dev.mcp-runtime/untrusted"], json!(["/structuredContent/text"]));
    for method in ["tools/list", "server/discover"] {
        let seen = pair.compare(&Request::of(method), &pair.agent("wide")).unwrap();
        assert_eq!((seen.status, &seen.body["result"]["cacheScope"]), (200, &json!("private")), "{method}");
    }
    let agent = pair.agent("wide");
    let outcomes = [(); 3].map(|()| pair.compare(&call("rare", "{}"), &agent).unwrap().record["outcome"].clone());
    assert_eq!(outcomes, ["OK", "OK", "RATE_LIMITED"]);
}
