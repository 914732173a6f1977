//! What clients send as strings, and where a string stays one.

use std::collections::BTreeMap;

use mcp_runtime::config::Config;
use mcp_runtime::testing::Client;
use mcp_runtime::{Json, server};
use mcp_tests::audit::Audit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::violations;

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Filter {
    limit: Option<u8>,
    word: Option<String>,
    #[serde(default)]
    exact: bool,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Target {
    One { id: u32 },
    Named { name: String },
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
enum Either {
    Number(u32),
    Text(String),
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Page {
    offset: u32,
}

struct Loose;

#[server(name = "loose", unlimited)]
impl Loose {
    /// All sorts of things.
    #[tool(any_caller, rate = inherit)]
    #[allow(clippy::too_many_arguments)]
    async fn sorts(
        &self,
        #[arg(range(1..=240), default = 12)] months: u32,
        share: Option<f64>,
        flag: Option<bool>,
        ids: Option<Vec<u32>>,
        filter: Option<Filter>,
        scores: Option<BTreeMap<String, i64>>,
        target: Option<Target>,
        either: Option<Either>,
        pair: Option<(u8, String)>,
        any: Option<Value>,
        text: Option<String>,
    ) -> Json<Value> {
        Json(json!({
            "months": months, "share": share, "flag": flag, "ids": ids, "filter": filter, "scores": scores,
            "target": target, "either": either, "pair": pair, "any": any, "text": text,
        }))
    }

    /// As it comes.
    #[tool(any_caller, rate = inherit)]
    async fn kept(
        &self,
        #[arg(strict)] exact: Option<u32>,
        #[arg(header = "Region")] region: Option<u32>,
        loose: Option<u32>,
        #[arg(secret)] pin: Option<u32>,
    ) -> Json<Value> {
        Json(json!([exact, region, loose, pin]))
    }

    /// A page as it comes.
    #[tool(any_caller, rate = inherit)]
    async fn paged(&self, #[arg(flatten, strict)] page: Page) -> Json<u32> {
        Json(page.offset)
    }
}

fn client() -> Client {
    Client::new(Loose).unwrap()
}

#[tokio::test]
async fn a_string_is_taken_for_what_the_schema_asks_for() {
    for (argument, sent, expected) in [
        ("months", json!("24"), json!(24)),
        ("share", json!("0.25"), json!(0.25)),
        ("share", json!("-3"), json!(-3.0)),
        ("flag", json!("true"), json!(true)),
        ("flag", json!("false"), json!(false)),
        ("ids", json!("[1,2,3]"), json!([1, 2, 3])),
        ("ids", json!(["1", 2, "3"]), json!([1, 2, 3])),
        ("ids", json!("[]"), json!([])),
        ("filter", json!("{\"limit\":5,\"word\":\"7\"}"), json!({"limit": 5, "word": "7", "exact": false})),
        (
            "filter",
            json!({"limit": "5", "word": "7", "exact": "true"}),
            json!({"limit": 5, "word": "7", "exact": true}),
        ),
        ("scores", json!({"a": "9007199254740993"}), json!({"a": 9_007_199_254_740_993_i64})),
        ("target", json!({"kind": "one", "id": "17"}), json!({"kind": "one", "id": 17})),
        ("target", json!("{\"kind\":\"named\",\"name\":\"17\"}"), json!({"kind": "named", "name": "17"})),
        ("pair", json!(["3", "4"]), json!([3, "4"])),
    ] {
        let answer = client().call("sorts", json!({ argument: sent })).await;
        let answer = answer.unwrap_or_else(|error| panic!("{argument} {sent}: {}", error.json()));
        assert_eq!(answer.json()["result"][argument], expected, "{argument} {sent}");
    }
}

#[tokio::test]
async fn a_string_stays_one_where_one_may_stand() {
    for (argument, sent) in [
        ("text", json!("10")),
        ("text", json!("true")),
        ("text", json!("[1]")),
        ("either", json!("10")),
        ("any", json!("10")),
        ("any", json!(["1", {"a": "true"}])),
        ("filter", json!({"limit": null, "word": "5", "exact": false})),
        ("target", json!({"kind": "named", "name": "17"})),
    ] {
        // A second argument that is coerced makes no difference to the first.
        for months in [json!(5), json!("5")] {
            let answer = client().call("sorts", json!({ argument: sent, "months": months })).await.unwrap();
            assert_eq!(answer.json()["result"][argument], sent);
            assert_eq!(answer.json()["result"]["months"], 5);
        }
    }
}

#[tokio::test]
async fn a_guess_is_never_made() {
    for (argument, sent) in [
        ("months", json!("")),
        ("months", json!(" 7")),
        ("months", json!("+7")),
        ("months", json!("07")),
        ("months", json!("7.0")),
        ("months", json!("1e1")),
        ("months", json!("null")),
        ("months", json!(true)),
        ("share", json!("1e3")),
        ("share", json!("NaN")),
        ("flag", json!("True")),
        ("flag", json!("1")),
        ("flag", json!(1)),
        ("flag", json!("null")),
        ("ids", json!("1,2")),
        ("ids", json!("")),
        ("ids", json!(7)),
        // One level: a string inside of one that was read stays one.
        ("ids", json!("[\"1\"]")),
        ("filter", json!("{\"limit\":\"5\"}")),
        // As strict inside as outside.
        ("filter", json!("{\"limit\":5,\"limit\":6}")),
        ("ids", json!(format!("[{}1]", "1,".repeat(40_000)))),
    ] {
        let found = violations(&client(), "sorts", json!({ argument: sent })).await;
        assert!(found[0].0.starts_with(&format!("/{argument}")), "{sent}: {found:?}");
    }
}

#[tokio::test]
async fn what_was_taken_is_checked_again() {
    let found = violations(&client(), "sorts", json!({"months": "241", "filter": {"limit": "256"}})).await;
    assert_eq!(
        found.iter().map(|(pointer, _, message)| (pointer.as_str(), message.as_str())).collect::<Vec<_>>(),
        [("/filter/limit", "must be at most 255"), ("/months", "must be at most 240")]
    );
}

#[tokio::test]
async fn strict_arguments_and_mirrored_ones_are_taken_as_they_come() {
    let client = client();
    assert_eq!(client.call("kept", json!({"loose": "7"})).await.unwrap().json()["result"][2], 7);
    for argument in ["exact", "region"] {
        let found = violations(&client, "kept", json!({ argument: "7", "loose": "7" })).await;
        assert_eq!(found, [(format!("/{argument}"), "type".to_owned(), "must be an integer or null".to_owned())]);
    }
    assert_eq!(violations(&client, "paged", json!({"offset": "7"})).await[0].0, "/offset");
}

#[tokio::test]
async fn the_configuration_turns_it_off() {
    let config = Config::parse("[arguments]\ncoerce = false").unwrap();
    let client = Client::configured(Loose, config).unwrap();
    assert_eq!(violations(&client, "kept", json!({"loose": "7"})).await[0].0, "/loose");
    assert!(client.call("kept", json!({"loose": 7})).await.is_ok());
}

#[tokio::test]
async fn the_record_says_so() {
    let (client, audit) = Audit::client(Loose, "");
    client.call("kept", json!({"loose": "7", "pin": "1234"})).await.unwrap();
    client.call("kept", json!({"loose": 7})).await.unwrap();
    client.call("kept", json!({"loose": "7", "exact": "7"})).await.unwrap_err();
    let lines = audit.records();
    assert_eq!(lines[0]["coerced"], json!(["loose", "pin"]));
    assert_eq!(lines[0]["arguments"], json!({"loose": "7", "pin": "[secret]"}), "what was sent");
    assert!(lines[1].get("coerced").is_none(), "{}", lines[1]);
    assert!(lines[2].get("coerced").is_none(), "nothing was taken for anything: {}", lines[2]);
}
