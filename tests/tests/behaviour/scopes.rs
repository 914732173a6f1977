//! Who may call what, and what everybody else is told.

use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::scope::Grants;
use mcp_runtime::server;
use mcp_runtime::testing::Client;
use serde_json::{Value, json};

use crate::{call, refused};

struct Scoped;

#[server(name = "scoped", rate = "1000/min")]
impl Scoped {
    /// One scope.
    #[tool(scope = "a.read", rate = inherit)]
    async fn one(&self) -> &'static str {
        "one"
    }

    /// Both scopes.
    #[tool(scope = all("a.delete", "a.read"), rate = inherit)]
    async fn both(&self) -> &'static str {
        "both"
    }

    /// Either scope.
    #[tool(scope = any("a.read", "b.read"), rate = inherit)]
    async fn either(&self) -> &'static str {
        "either"
    }

    /// A scope with an argument in it.
    #[tool(scope = "customer:{id}:read", rate = inherit)]
    async fn customer(&self, id: String, #[arg(range(1..=9))] page: u8) -> String {
        format!("{id}/{page}")
    }

    /// Everybody who is somebody.
    #[tool(any_caller, rate = inherit)]
    async fn open(&self) -> &'static str {
        "open"
    }
}

fn client(scopes: &[&str]) -> Client {
    Client::new(Scoped).unwrap().agent("reporting", scopes).unwrap()
}

#[tokio::test]
async fn a_grant_decides_each_tool() {
    let all = ["one", "both", "either", "open"];
    for (scopes, allowed) in [
        (&[][..], &["open"][..]),
        (&["a.read"], &["one", "either", "open"]),
        (&["a.delete"], &["open"]),
        (&["a.delete", "a.read"], &["one", "both", "either", "open"]),
        (&["b.read"], &["either", "open"]),
        (&["a.*"], &["one", "both", "either", "open"]),
        (&["*.read"], &["one", "either", "open"]),
        (&["*"], &["one", "both", "either", "open"]),
        (&["a"], &["open"]),
        (&["a.rea"], &["open"]),
        (&["A.read"], &["open"]),
        (&["a.read.all"], &["open"]),
        (&["a:read"], &["open"]),
    ] {
        let client = client(scopes);
        for tool in all {
            let outcome = call(&client, tool).await.map(|answer| answer.text());
            match outcome {
                Ok(text) => assert!(allowed.contains(&tool) && text == tool, "{scopes:?} may not call {tool}"),
                Err(error) => {
                    assert_eq!(error.code(), "PERMISSION_DENIED");
                    assert!(!allowed.contains(&tool), "{scopes:?} may call {tool}");
                }
            }
        }
        let mut listed = client.tools();
        listed.retain(|tool| tool != "customer");
        let mut allowed = allowed.to_vec();
        allowed.sort_unstable();
        assert_eq!(listed, allowed, "what is listed is what can be called, sorted: {scopes:?}");
    }
}

#[tokio::test]
async fn a_refusal_names_all_scopes_of_the_operation() {
    for (tool, scopes) in
        [("one", json!(["a.read"])), ("both", json!(["a.delete", "a.read"])), ("either", json!(["a.read"]))]
    {
        let error = refused(&client(&["x.y"]), tool, json!({})).await;
        assert_eq!(error["code"], "PERMISSION_DENIED");
        assert_eq!(error["retryable"], false);
        assert_eq!(error["required_scopes"], scopes);
    }
    let half = refused(&client(&["a.read"]), "both", json!({})).await;
    assert_eq!(half["required_scopes"], json!(["a.delete", "a.read"]), "the scope that is held, too");
}

#[tokio::test]
async fn an_argument_fills_its_segment() {
    let seven = client(&["customer:7:read"]);
    let answer = seven.call("customer", json!({"id": "7", "page": 1})).await.unwrap();
    assert_eq!(answer.text(), "7/1");
    let other = refused(&seven, "customer", json!({"id": "8", "page": 1})).await;
    assert_eq!(other["code"], "PERMISSION_DENIED");
    assert_eq!(other["required_scopes"], json!(["customer:8:read"]));
    for scopes in [&["customer:*:read"][..], &["customer:*"], &["*"]] {
        assert!(client(scopes).call("customer", json!({"id": "8", "page": 1})).await.is_ok(), "{scopes:?}");
    }
}

#[tokio::test]
async fn no_value_escapes_its_segment() {
    let every = client(&["customer:*"]);
    for id in ["", "*", "7:read", "7.x", "a b", "{id}", "é", "a\u{200b}", &"a".repeat(65)] {
        let error = refused(&every, "customer", json!({"id": id, "page": 1})).await;
        assert_eq!(error["code"], "PERMISSION_DENIED", "{id}");
        assert_eq!(error["required_scopes"], json!(["customer:{id}:read"]), "{id}");
    }
}

#[tokio::test]
async fn nobody_probes_the_schema_of_what_they_can_never_call() {
    let stranger = client(&["customer:7:write"]);
    for arguments in [json!({}), json!({"id": 7}), json!({"id": "7", "page": 99}), json!({"x": 1})] {
        let error = refused(&stranger, "customer", arguments).await;
        assert_eq!(error["code"], "PERMISSION_DENIED");
        assert!(error.get("violations").is_none(), "{error}");
    }
    let could = refused(&client(&["customer:7:read"]), "customer", json!({"id": "8", "page": 99})).await;
    assert_eq!(could["code"], "INVALID_ARGUMENTS", "who could fill the scope is told what is wrong");
}

#[tokio::test]
async fn a_hidden_tool_gets_the_decision_of_a_listed_one() {
    let narrow = client(&["b.read"]);
    assert!(!narrow.tools().contains(&"one".to_owned()));
    assert_eq!(refused(&narrow, "one", json!({})).await["code"], "PERMISSION_DENIED");
    assert!(client(&["customer:7:read"]).tools().contains(&"customer".to_owned()), "some grant could fill it");
    assert!(!client(&["customer:7:write"]).tools().contains(&"customer".to_owned()));
}

#[tokio::test]
async fn an_unknown_tool_is_no_tool_error() {
    let client = client(&["*"]);
    for name in ["nothing", "One", "one ", "on\u{0435}", "../one", "", &"x".repeat(10_000)] {
        let error = client.call(name, json!({})).await.unwrap_err();
        assert!(matches!(error, mcp_runtime::testing::CallError::UnknownTool), "{name}: {error:?}");
        assert_eq!(error.json(), Value::Null);
    }
}

#[tokio::test]
async fn in_a_token_a_wildcard_is_a_literal() {
    let base = Client::new(Scoped).unwrap();
    let token = Caller::new(Agent::key("token").unwrap(), "t").with_grants(Grants::literal(["a.*", "*"]).unwrap());
    let error = refused(&base.caller(token), "one", json!({})).await;
    assert_eq!(error["code"], "PERMISSION_DENIED");
}
