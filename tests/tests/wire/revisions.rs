//! Both revisions, told apart by what a request says of itself, with one gate behind them.

use mcp_tests::http::{Request, Response};
use mcp_tests::message::{LEGACY, MODERN, call, initialize, modern, request, tool_error};
use serde_json::{Value, json};

use crate::Fixture;

impl Fixture {
    fn to(&self, message: &Value) -> Request {
        self.serving.request().key(&self.key.key).message(message)
    }

    fn send(&self, message: &Value) -> Response {
        self.to(message).send()
    }
}

fn ping(id: u32) -> Value {
    modern(id, "tools/call", json!({"name": "ping", "arguments": {}}))
}

#[test]
fn the_modern_revision_discovers_lists_and_calls() {
    let fixture = Fixture::start("");
    let discovered = fixture.send(&modern(1, "server/discover", json!({})));
    assert_eq!(discovered.status, 200);
    let result = &discovered.json()["result"];
    let versions = result["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!(MODERN)) && versions.contains(&json!(LEGACY)), "{result}");
    assert!(result["capabilities"]["tools"].is_object(), "{result}");
    assert!(result["capabilities"].get("prompts").is_none(), "nothing that is not there: {result}");
    assert_eq!(result["instructions"], "Ask politely.");

    let listed = fixture.send(&modern("list", "tools/list", json!({})));
    let result = &listed.json()["result"];
    assert_eq!(listed.json()["id"], "list");
    assert_eq!((&result["cacheScope"], &result["ttlMs"]), (&json!("private"), &json!(0)));
    assert_eq!(result["resultType"], "complete");

    let called = fixture.send(&ping(3)).json();
    assert_eq!(called["result"]["content"], json!([{"type": "text", "text": "pong"}]));
    assert_eq!(called["result"]["resultType"], "complete");
    assert_ne!(called["result"]["isError"], true);
}

#[test]
fn the_older_revision_initializes_and_calls() {
    let fixture = Fixture::start("");
    let initialized = fixture.send(&initialize(1));
    assert_eq!(initialized.status, 200);
    assert!(initialized.header("mcp-session-id").is_some(), "a session of its own");
    let result = &initialized.json()["result"];
    assert_eq!(result["protocolVersion"], LEGACY);
    assert_eq!(result["serverInfo"]["name"], "fixture");
    assert_eq!(result["serverInfo"]["version"], "9.8.7");
    assert_eq!(result["serverInfo"]["title"], "Fixture");
    assert_eq!(result["instructions"], "Ask politely.");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(fixture.to(&initialized).with("MCP-Protocol-Version", LEGACY).send().status, 202);
    let called = fixture.to(&call(2, "ping", json!({}))).with("MCP-Protocol-Version", LEGACY).send();
    assert_eq!(called.json()["result"]["content"][0]["text"], "pong");
    assert!(called.json()["result"].get("resultType").is_none(), "{called:?}");
    let pinged = fixture.to(&request(3, "ping", json!({}))).with("MCP-Protocol-Version", LEGACY).send();
    assert_eq!(pinged.json()["result"], json!({}));
    assert_eq!(fixture.to(&call(2, "ping", json!({}))).with("MCP-Protocol-Version", "1900-01-01").send().status, 400);
}

#[test]
fn an_initialize_of_the_future_is_answered_with_what_is_served() {
    let fixture = Fixture::start("");
    let mut message = initialize(1);
    message["params"]["protocolVersion"] = "2099-01-01".into();
    let answer = fixture.send(&message).json();
    let version = answer["result"]["protocolVersion"].as_str().unwrap();
    assert!(version <= LEGACY, "{answer}");
}

#[test]
fn headers_mirror_the_message_or_it_is_refused() {
    let fixture = Fixture::start("[agents]\nrate = \"1000/min\"");
    let good = || fixture.to(&ping(1));
    assert_eq!(good().send().status, 200);
    for (request, what) in [
        (good().without("Mcp-Method"), "no method"),
        (good().replace("Mcp-Method", "tools/list"), "another method"),
        (good().without("Mcp-Name"), "no name"),
        (good().replace("Mcp-Name", "echo"), "another name"),
        (good().replace("Mcp-Name", "PING"), "another case"),
        (good().without("MCP-Protocol-Version"), "no version"),
        (good().replace("MCP-Protocol-Version", LEGACY), "another version"),
    ] {
        let response = request.send();
        assert_eq!(response.rpc_error(), (400, -32020), "{what}: {response:?}");
        assert_eq!(response.json()["id"], 1, "{what}");
    }
    let encoded = good().replace("Mcp-Name", "=?base64?cGluZw==?=").send();
    assert_eq!(encoded.status, 200, "{encoded:?}");
}

#[test]
fn a_header_opens_no_way_around_scope_and_limit() {
    let fixture = Fixture::start("");
    let narrow = fixture.site.issue("narrow", &["echo.say"]);
    let delete = modern(1, "tools/call", json!({"name": "delete_record", "arguments": {"kind": "track", "id": 1}}));
    let request = fixture.serving.request().key(&narrow.key).message(&delete);
    assert_eq!(request.clone().replace("Mcp-Name", "ping").send().rpc_error(), (400, -32020));
    assert_eq!(tool_error(&request.send().json())["code"], "PERMISSION_DENIED");
    let each_second = modern(1, "tools/call", json!({"name": "each_second", "arguments": {}}));
    let lying = fixture.to(&each_second).replace("Mcp-Name", "ping");
    for _ in 0..3 {
        assert_eq!(lying.send().rpc_error(), (400, -32020));
    }
    assert!(fixture.send(&each_second).json()["result"]["content"].is_array(), "the limit was not touched");
    assert_eq!(fixture.site.trace(), ["each_second"]);
}

#[test]
fn what_a_modern_request_has_to_say_of_itself() {
    let fixture = Fixture::start("");
    let with = |key: &str, value: Option<Value>| {
        let mut message = ping(1);
        let meta = message["params"]["_meta"].as_object_mut().unwrap();
        let key = format!("io.modelcontextprotocol/{key}");
        match value {
            Some(value) => drop(meta.insert(key, value)),
            None => drop(meta.remove(&key)),
        }
        fixture.send(&message)
    };
    assert_eq!(with("clientInfo", None).status, 200, "who it is decides nothing");
    assert_eq!(with("clientCapabilities", None).rpc_error(), (400, -32602));
    assert_eq!(with("protocolVersion", None).rpc_error(), (400, -32602));
    for version in ["1900-01-01", "", "2099-01-01", &"9".repeat(10_000)] {
        let mut message = ping(1);
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = version.into();
        let request = fixture.to(&message).replace("MCP-Protocol-Version", version);
        let response = request.send();
        assert_eq!(response.rpc_error(), (400, -32022), "{version}: {response:?}");
        assert!(response.json()["error"]["data"]["supported"].as_array().unwrap().contains(&json!(MODERN)));
    }
}

#[test]
fn an_argument_that_is_mirrored_in_a_header_has_to_be_there() {
    let fixture = Fixture::start("");
    let region = |value: Value| modern(1, "tools/call", json!({"name": "regional", "arguments": {"region": value}}));
    let good = fixture.to(&region(json!("eu"))).with("Mcp-Param-Region", "eu").send();
    assert_eq!(good.json()["result"]["content"][0]["text"], "eu", "{good:?}");
    assert_eq!(fixture.send(&region(json!("eu"))).rpc_error(), (400, -32020), "missing");
    let other = fixture.to(&region(json!("eu"))).with("Mcp-Param-Region", "us").send();
    assert_eq!(other.rpc_error(), (400, -32020), "another value");
    assert_eq!(fixture.send(&region(Value::Null)).status, 200);
    let legacy = fixture.send(&call(1, "regional", json!({"region": "eu"})));
    assert_eq!(legacy.json()["result"]["content"][0]["text"], "eu", "the older revision mirrors nothing");
}

#[test]
fn a_list_shows_what_the_caller_can_call() {
    let fixture = Fixture::start("");
    let open = [
        "ask",
        "ask_twice",
        "blow",
        "bulk",
        "doze",
        "each_second",
        "grind",
        "hang",
        "integers",
        "lie",
        "ping",
        "progress",
        "regional",
        "tell",
        "wait",
        "whoami",
    ];
    for (scopes, more) in [
        (&["x"][..], &[][..]),
        (&["revenue.read", "echo.say"], &["echo", "get_revenue"]),
        (&["customer:7:read"], &["customer"]),
        (&["record.delete"], &[]),
        (&["record.*"], &["delete_record"]),
        (&["*"], &["customer", "delete_record", "echo", "find_customer", "get_revenue", "list_feedback"]),
    ] {
        let key = fixture.site.issue("lister", scopes);
        let mut expected = [&open[..], more].concat();
        expected.sort_unstable();
        for message in [request(1, "tools/list", json!({})), modern(1, "tools/list", json!({}))] {
            let listed = fixture.serving.ask(&key, &message);
            let tools = listed["result"]["tools"].as_array().unwrap();
            let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
            assert_eq!(names, expected, "{scopes:?}");
        }
    }
    let paged = fixture.send(&request(1, "tools/list", json!({"cursor": "x"})));
    assert_eq!(paged.rpc_error().1, -32602);
}

#[test]
fn with_list_all_a_caller_sees_what_more_there_is() {
    let fixture = Fixture::start("[http]\nlist = \"all\"");
    let key = fixture.site.issue("lister", &["x"]);
    let listed = fixture.serving.ask(&key, &request(1, "tools/list", json!({})));
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 22);
    let refused = fixture.serving.ask(&key, &call(1, "echo", json!({"text": "x"})));
    assert_eq!(tool_error(&refused)["code"], "PERMISSION_DENIED", "to see is not to call");
}

#[test]
fn a_listing_says_all_that_holds_for_a_tool() {
    let fixture = Fixture::start("");
    let listed = fixture.send(&modern(1, "tools/list", json!({}))).json();
    let tools = listed["result"]["tools"].as_array().unwrap();
    let tool = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap();
    let revenue = tool("get_revenue");
    assert_eq!(revenue["description"], "Revenue of one country, month by month.");
    assert_eq!(revenue["annotations"], json!({"readOnlyHint": true}));
    let input = &revenue["inputSchema"];
    assert_eq!((&input["type"], &input["additionalProperties"]), (&json!("object"), &json!(false)));
    assert_eq!(input["required"], json!(["country"]));
    let country = &input["properties"]["country"];
    assert_eq!((&country["minLength"], &country["maxLength"]), (&json!(1), &json!(40)));
    assert_eq!(country["description"], "Country, as on the invoices.");
    let months = &input["properties"]["months"];
    assert_eq!((&months["minimum"], &months["maximum"], &months["default"]), (&json!(1), &json!(240), &json!(12)));
    assert_eq!(revenue["outputSchema"]["type"], "object");
    let policy = &revenue["_meta"]["dev.mcp-runtime/policy"];
    assert_eq!(policy["scope"], json!({"all": ["revenue.read"]}));
    assert_eq!(policy["rate"]["agent"], json!(["10/min"]));
    assert_eq!(policy["timeout_ms"], 5000);
    let errors = policy["errors"].as_array().unwrap();
    for code in ["RECORD_NOT_FOUND", "WAREHOUSE_LOADING", "INTERNAL", "RATE_LIMITED"] {
        assert!(errors.contains(&json!(code)), "{code}: {policy}");
    }
    assert_eq!(tool("ping")["title"], "Ping");
    assert_eq!(tool("delete_record")["annotations"], json!({"destructiveHint": true}));
    assert!(tool("echo").get("outputSchema").is_none(), "text has no schema");
    assert_eq!(tool("regional")["inputSchema"]["properties"]["region"]["x-mcp-header"], "Region");
    let feedback = &tool("list_feedback")["outputSchema"];
    assert!(feedback.to_string().contains(r#""x-untrusted":true"#), "{feedback}");
    assert_eq!(feedback["required"], json!(["result"]), "lists are wrapped");
}

#[test]
fn nobody_can_tell_which_revision_served() {
    let fixture = Fixture::start("");
    for (tool, arguments) in [
        ("get_revenue", json!({"country": "Germany"})),
        ("get_revenue", json!({"country": "Atlantis"})),
        ("get_revenue", json!({"country": "Utopia"})),
        ("get_revenue", json!({"country": "", "months": 0, "x": 1})),
        ("list_feedback", json!({})),
        ("delete_record", json!({"kind": "planet", "id": -1})),
        ("bulk", json!({"bytes": 100_000})),
    ] {
        let old = fixture.send(&call(1, tool, arguments.clone())).json();
        let mut new = fixture.send(&modern(1, "tools/call", json!({"name": tool, "arguments": arguments}))).json();
        // What the newer revision alone asks for.
        let result = new["result"].as_object_mut().unwrap();
        assert_eq!(result.remove("resultType"), Some(json!("complete")));
        if let Some(meta) = result.get_mut("_meta").and_then(Value::as_object_mut) {
            meta.remove("io.modelcontextprotocol/serverInfo");
        }
        result.retain(|key, value| key != "_meta" || *value != json!({}));
        assert_eq!(old, new, "{tool} {arguments}");
    }
}

#[test]
fn texts_of_others_are_cleaned_and_marked() {
    let fixture = Fixture::start("");
    let result = fixture.ask(&call(1, "list_feedback", json!({})))["result"].clone();
    assert_eq!(result["structuredContent"], json!({"result": [{"id": 1, "text": "nice track"}]}));
    assert_eq!(result["_meta"]["dev.mcp-runtime/untrusted"], json!(["/structuredContent/result/0/text"]));
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
}

#[test]
fn progress_goes_to_whoever_asked_for_it() {
    let fixture = Fixture::start("");
    let mut message = modern(1, "tools/call", json!({"name": "progress", "arguments": {}}));
    assert_eq!(fixture.send(&message).json()["result"]["content"][0]["text"], "done");
    message["params"]["_meta"]["progressToken"] = "p1".into();
    let response = fixture.send(&message);
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    let data = response.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
    assert_eq!(events[0]["method"], "notifications/progress", "{events:?}");
    assert_eq!(events[0]["params"]["message"], "half way", "cleaned");
    assert_eq!(events[0]["params"]["progressToken"], "p1");
    assert_eq!(events.last().unwrap()["result"]["content"][0]["text"], "done");
    assert_eq!(fixture.audit().wait_for(2)["outcome"], "OK");
}
