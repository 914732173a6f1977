//! A client that nobody here wrote.

use std::sync::Arc;

use mcp_runtime::auth::{ApiKeys, CredentialStore, MemoryStore, NewKey, Target};
use mcp_runtime::caller::Agent;
use mcp_runtime::config::Config;
use mcp_runtime::{Protected, StdioError, server};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, ClientConfig};
use serde_json::{Value, json};

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
    let client = ClientConfig::default().serve(theirs).await.unwrap();
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
