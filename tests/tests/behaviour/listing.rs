//! What the attributes say of a tool, as clients see it.

use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::gate::Tools;
use mcp_runtime::server;
use mcp_runtime::testing::Client;
use serde_json::{Value, json};

use crate::call;

struct Listed;

#[server(name = "listed", unlimited)]
impl Listed {
    /// Not what is shown.
    #[tool(
        any_caller,
        rate = inherit,
        name = "listed.all",
        title = "All of it",
        description = "What is shown.",
        icons = ["https://example.com/icon.png", "data:image/png;base64,AA=="],
        read_only,
        destructive = false,
        idempotent,
        open_world = false
    )]
    async fn all(&self) -> &'static str {
        "all"
    }

    /// First line.
    ///
    /// Third line.
    #[tool(any_caller, rate(agent = ["10/s", "1000/day"], total = "99/h", burst = 7), timeout = "1500ms", open_world)]
    async fn some(&self) {}

    /// What the function alone says.
    #[tool(any_caller, rate = inherit)]
    async fn none(&self) {}
}

fn listed(name: &str) -> Value {
    let tools = Tools::of::<Listed>(&Config::default()).unwrap();
    let nobody = Caller::new(Agent::key("nobody").unwrap(), "x");
    serde_json::to_value(tools.visible(&nobody, false).find(|tool| tool.name == name).unwrap()).unwrap()
}

#[test]
fn every_option_shows() {
    let all = listed("listed.all");
    assert_eq!((&all["title"], &all["description"]), (&json!("All of it"), &json!("What is shown.")));
    assert_eq!(all["icons"], json!([{"src": "https://example.com/icon.png"}, {"src": "data:image/png;base64,AA=="}]));
    assert_eq!(
        all["annotations"],
        json!({"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false})
    );
    let some = listed("some");
    assert_eq!(some["description"], "First line.\n\nThird line.");
    assert_eq!(some["annotations"], json!({"openWorldHint": true}));
    let policy = &some["_meta"]["dev.mcp-runtime/policy"];
    assert_eq!(policy["rate"]["agent"], json!(["10/s, 7 at once", "1000/day, 7 at once"]));
    assert_eq!(policy["rate"]["total"], json!(["99/h, 7 at once"]));
    assert_eq!((&policy["timeout_ms"], &policy["scope"]), (&json!(1500), &json!("any_caller")));
    let none = listed("none");
    for unset in ["title", "icons", "annotations", "outputSchema"] {
        assert!(none.get(unset).is_none(), "{unset}: {none}");
    }
    assert_eq!(none["inputSchema"]["additionalProperties"], false, "no arguments, and none are taken");
}

#[tokio::test(start_paused = true)]
async fn without_limits_nobody_waits() {
    let client = Client::new(Listed).unwrap();
    for _ in 0..10_000 {
        call(&client, "listed.all").await.unwrap();
    }
    assert_eq!(client.tools(), ["listed.all", "none", "some"]);
    assert!(call(&client, "all").await.is_err(), "its name is the one it was given");
}
