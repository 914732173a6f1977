//! Who has no good credential: counted by what was wrong with it, told of in the log, and in no record.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::request::Parts;
use mcp_runtime::auth::{Authenticate, Effort, InvalidReason, Refusal};
use mcp_runtime::caller::Caller;
use mcp_runtime::config::Config;
use mcp_runtime::{Protected, server};
use mcp_tests::message::{call, modern};
use mcp_tests::metrics::Page;
use serde_json::json;

use crate::admin::{address, get};
use crate::otel::site;
use crate::receiver::{attributes, counts};

#[test]
fn strangers_are_counted_and_told_of_and_a_notification_has_no_id() {
    let (site, received) = site(true, "interval = \"1h\"");
    let key = site.issue("reporting", &["echo.say"]);
    let mut serving = site.serve();
    let ask = modern(1, "tools/call", json!({"name": "echo", "arguments": {"text": "hi"}}));
    serving.request().message(&ask).send();
    serving.request().message(&ask).send();
    serving.request().key("mcpk_wrong").message(&ask).send();
    let mut notification = modern(2, "notifications/cancelled", json!({"requestId": 1}));
    notification.as_object_mut().unwrap().remove("id");
    serving.request().key(&key.key).message(&notification).send();
    serving.ask(&key, &ask);
    serving.terminate();
    assert!(serving.wait().success());

    let refused = counts(&received.metric("mcp_runtime.refused"));
    let of = |reason: &str| {
        let found = refused.iter().filter(|(attributes, _)| attributes["mcp_runtime.reason"] == reason);
        found.map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!((of("missing"), of("invalid") + of("malformed")), (2, 1), "{refused:?}");
    let logs: Vec<_> = received.logs().iter().map(|log| attributes(&log.attributes)).collect();
    assert_eq!(logs.len(), 2, "strangers leave no record");
    for log in &logs {
        let is_notification = log["mcp.method.name"].starts_with("notifications/");
        assert_eq!(log.contains_key("jsonrpc.request.id"), !is_notification, "{log:?}");
    }
    // The first at once, the others at the end at the latest.
    let log = serving.log();
    let told: Vec<_> = log.iter().filter(|line| line.contains("without a good credential")).collect();
    assert!(told.len() == 2 && told.iter().all(|line| line.contains("127.0.0.1")), "{log:#?}");
    assert!(told[0].contains("WARN"), "{told:?}");
}

#[test]
fn an_address_with_too_many_failures_is_counted_as_such() {
    let keys = "interval = \"1h\"\n[auth]\nfailed = \"2/min\"\n[admin]\naddress = \"127.0.0.1:0\"";
    let (site, received) = site(true, keys);
    let mut serving = site.serve();
    let bad = serving.request().key("mcpk_wrong").message(&call(1, "echo", json!({})));
    assert_eq!([(); 5].map(|()| bad.send().status), [401, 401, 429, 429, 429]);
    let page = Page::read(&get(address(&serving)).send().body);
    let of = |reason: &str| page.sum("mcp_runtime_refused_total", &[("reason", reason)]);
    assert_eq!((of("invalid"), of("too_many_failures"), of("missing")), (2.0, 3.0, 0.0));
    serving.terminate();
    assert!(serving.wait().success());
    let mut refused: Vec<_> = counts(&received.metric("mcp_runtime.refused"))
        .into_iter()
        .map(|(attributes, count)| (attributes["mcp_runtime.reason"].clone(), count))
        .collect();
    refused.sort();
    assert_eq!(refused, [("invalid".to_owned(), 2), ("too_many_failures".to_owned(), 3)]);
    let log = serving.log();
    let mut told = log.iter().filter(|line| line.contains("without a good credential"));
    assert!(
        told.next_back().is_some_and(|line| line.contains("\"too_many_failures\":3") && line.contains("127.0.0.1")),
        "{log:#?}"
    );
}

struct Silent;

#[server(name = "silent", rate = "400/min")]
impl Silent {
    /// Answers.
    #[tool(any_caller, rate = inherit)]
    async fn answer(&self) -> String {
        String::new()
    }
}

/// Credentials that somebody else has to be asked about.
struct Elsewhere;

impl Authenticate for Elsewhere {
    fn authenticate<'a>(&'a self, _: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        Box::pin(async { Err(Refusal::Invalid(InvalidReason::Unknown)) })
    }

    fn effort(&self, _: &Parts) -> Effort {
        Effort::Remote
    }
}

#[tokio::test]
async fn what_is_not_even_looked_at_is_counted_too() {
    let config = Config::parse("[auth]\nfailed = \"2/min\"\n[admin]\naddress = \"127.0.0.1:0\"").unwrap();
    let protected = Protected::new(Silent, config).unwrap();
    let service = protected.http(Arc::new(Elsewhere));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let request = http::Request::post("/mcp").header("host", "localhost").header("authorization", "Bearer x");
        let body = http_body_util::Full::new(bytes::Bytes::from_static(b"{}"));
        statuses.push(service.handle(request.body(body).unwrap()).await.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 429, 429]);
    let admin = protected.admin(Arc::new(Elsewhere)).unwrap().expect("a page");
    let request = http::Request::get("/metrics").header("host", "localhost").body(()).unwrap();
    let body = http_body_util::BodyExt::collect(admin.answer(&request).into_body()).await.unwrap().to_bytes();
    let page = Page::read(std::str::from_utf8(&body).unwrap());
    let of = |reason: &str| page.sum("mcp_runtime_refused_total", &[("reason", reason)]);
    assert_eq!((of("invalid"), of("too_many_failures")), (2.0, 2.0));
}
