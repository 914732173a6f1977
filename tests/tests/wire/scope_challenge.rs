//! The contract that conformance pull request 481 tests (SEP-2350): two opaque tokens, and a tool that needs two scopes
//! beyond the baseline, named in one challenge. Verified by an `Authenticate` of the server's own.

use std::sync::Arc;

use http::request::Parts;
use http_body_util::BodyExt;
use mcp_runtime::auth::{Authenticate, BoxFuture, InvalidReason, Refusal, bearer};
use mcp_runtime::caller::{Agent, Caller, Source};
use mcp_runtime::config::Config;
use mcp_runtime::scope::Grants;
use mcp_runtime::{Protected, server};
use mcp_tests::message::call;
use serde_json::{Value, json};

struct Everything;

#[server(name = "everything", rate = "1000/min")]
impl Everything {
    /// A simple text.
    #[tool(
        scope = all("mcp:conformance:tools:call", "mcp:conformance:tools:test_simple_text"),
        rate = inherit,
        name = "test_simple_text"
    )]
    async fn simple_text(&self) -> &'static str {
        "This is a simple text response for testing."
    }
}

struct Opaque;

impl Authenticate for Opaque {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        Box::pin(async move {
            let baseline = ["mcp:conformance:baseline"].as_slice();
            let full =
                ["mcp:conformance:baseline", "mcp:conformance:tools:call", "mcp:conformance:tools:test_simple_text"];
            let scopes = match bearer(request)? {
                "mcp-conformance-scope-low" => baseline,
                "mcp-conformance-scope-full" => full.as_slice(),
                _ => return Err(Refusal::Invalid(InvalidReason::Unknown)),
            };
            let agent = Agent::new(Source::Other("conformance"), "suite").map_err(|_| Refusal::Malformed)?;
            let grants = Grants::literal(scopes).map_err(|_| Refusal::Malformed)?;
            Ok(Arc::new(Caller::new(agent, "conformance").with_grants(grants).with_step_up()))
        })
    }
}

#[tokio::test]
async fn one_challenge_names_all_scopes_of_the_operation_and_the_wide_token_passes() {
    let config = Config::parse("").unwrap();
    let service = Protected::new(Everything, config).unwrap().http(Arc::new(Opaque));
    let send = async |token: Option<&str>| {
        let mut request = http::Request::post("/mcp")
            .header("Host", "localhost")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let body = call(1, "test_simple_text", json!({})).to_string();
        let answer = service.handle(request.body(body).unwrap()).await;
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, challenge, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let (status, challenge, _) = send(None).await;
    assert_eq!((status, challenge.as_deref()), (401, Some("Bearer realm=\"mcp\"")));
    let (status, challenge, body) = send(Some("mcp-conformance-scope-low")).await;
    assert_eq!(status, 403, "{body}");
    let scopes = "mcp:conformance:tools:call mcp:conformance:tools:test_simple_text";
    assert_eq!(challenge.unwrap(), format!("Bearer realm=\"mcp\", error=\"insufficient_scope\", scope=\"{scopes}\""));
    let (status, challenge, body) = send(Some("mcp-conformance-scope-full")).await;
    assert_eq!((status, challenge), (200, None));
    assert_eq!(body["result"]["content"][0]["text"], "This is a simple text response for testing.");
}
