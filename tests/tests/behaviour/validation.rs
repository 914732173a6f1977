//! What arguments have to be, and what a caller is told of those that are not.

use std::collections::BTreeMap;

use mcp_runtime::testing::Client;
use mcp_runtime::{Json, server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::refused;

type Maybe<T> = Option<T>;

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
struct Address {
    street: String,
    zip: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Customer,
    Track,
    Other { label: String },
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Page {
    offset: u32,
    #[serde(default)]
    limit: Option<u8>,
}

struct Checked;

#[server(name = "checked", rate = "100000/min")]
impl Checked {
    /// Revenue.
    #[tool(any_caller, rate = inherit)]
    async fn revenue(
        &self,
        #[arg(length(1..=40))] country: String,
        #[arg(range(1..=240), default = 12)] months: u32,
    ) -> Json<Value> {
        Json(json!([country, months]))
    }

    /// All sorts of things.
    #[tool(any_caller, rate = inherit)]
    #[allow(clippy::too_many_arguments)]
    async fn sorts(
        &self,
        maybe: Maybe<u8>,
        #[arg(rename = "orderId")] order_id: Option<u64>,
        #[arg(pattern = "^[A-Z]{2}$")] code: Option<String>,
        #[arg(format = "date")] day: Option<String>,
        #[arg(items(1..=3))] tags: Option<Vec<String>>,
        #[arg(range(..=0.5))] share: Option<f64>,
        kind: Option<Kind>,
        place: Option<Address>,
        #[arg(default = Kind::Track)] fallback: Kind,
        signed: Option<i64>,
        scores: Option<BTreeMap<String, u8>>,
        flag: Option<bool>,
    ) -> Json<Value> {
        Json(json!({
            "maybe": maybe, "order": order_id, "code": code, "day": day, "tags": tags, "share": share, "kind": kind,
            "place": place, "fallback": fallback, "signed": signed, "scores": scores, "flag": flag,
        }))
    }

    /// Numbers as they are written.
    #[tool(any_caller, rate = inherit)]
    async fn exactly(&self, #[arg(strict)] strict: Option<u32>, lenient: Option<u32>) -> Json<Value> {
        Json(json!([strict, lenient]))
    }

    /// A page.
    #[tool(any_caller, rate = inherit)]
    async fn paged(&self, query: String, #[arg(flatten)] page: Page) -> Json<Value> {
        Json(json!([query, page]))
    }

    /// Nothing to say.
    #[tool(any_caller, rate = inherit)]
    async fn none(&self) {}
}

fn client() -> Client {
    Client::new(Checked).unwrap()
}

async fn violations(tool: &str, arguments: Value) -> Vec<(String, String, String)> {
    let error = refused(&client(), tool, arguments).await;
    assert_eq!(error["code"], "INVALID_ARGUMENTS", "{error}");
    assert_eq!(error["retryable"], false);
    let text = |violation: &Value, key: &str| violation[key].as_str().unwrap().to_owned();
    let listed = error["violations"].as_array().unwrap();
    listed.iter().map(|v| (text(v, "pointer"), text(v, "keyword"), text(v, "message"))).collect()
}

#[tokio::test]
async fn all_violations_come_at_once() {
    let error = refused(&client(), "revenue", json!({"country": "", "months": 241, "xyzzy": 1})).await;
    assert_eq!(
        error,
        json!({
            "code": "INVALID_ARGUMENTS",
            "message": "3 arguments are wrong; nothing was done",
            "retryable": false,
            "violations": [
                {"pointer": "/country", "keyword": "minLength", "message": "must have at least 1 character"},
                {"pointer": "/months", "keyword": "maximum", "message": "must be at most 240"},
                {"pointer": "/xyzzy", "keyword": "additionalProperties",
                 "message": "is not known here; the arguments are country, months"},
            ],
        })
    );
}

#[tokio::test]
async fn each_rule_says_what_it_expects() {
    for (tool, arguments, pointer, keyword, message) in [
        ("revenue", json!({}), "/country", "required", "is required"),
        ("revenue", json!({"country": null}), "/country", "type", "must be a string"),
        ("revenue", json!({"country": "é".repeat(41)}), "/country", "maxLength", "must have at most 40 characters"),
        ("revenue", json!({"country": "x", "months": 0}), "/months", "minimum", "must be at least 1"),
        ("revenue", json!({"country": "x", "months": "seven"}), "/months", "type", "must be an integer"),
        ("revenue", json!({"country": "x", "months": 1.5}), "/months", "type", "must be an integer"),
        ("revenue", json!({"country": "x", "months": null}), "/months", "type", "must be an integer"),
        (
            "revenue",
            json!({"country": "x", "month": 1}),
            "/month",
            "additionalProperties",
            "is not known here; did you mean `months`?",
        ),
        (
            "revenue",
            json!({"country": "x", "Months": 1}),
            "/Months",
            "additionalProperties",
            "is not known here; did you mean `months`?",
        ),
        ("sorts", json!({"code": "Ab"}), "/code", "pattern", "must match the pattern ^[A-Z]{2}$"),
        ("sorts", json!({"day": "2026-02-30"}), "/day", "format", "must be a valid date, such as 2026-03-14"),
        ("sorts", json!({"tags": []}), "/tags", "minItems", "must have at least 1 item"),
        ("sorts", json!({"tags": ["a", "b", "c", "d"]}), "/tags", "maxItems", "must have at most 3 items"),
        ("sorts", json!({"share": 0.51}), "/share", "maximum", "must be at most 0.5"),
        ("sorts", json!({"maybe": 256}), "/maybe", "maximum", "must be at most 255"),
        ("sorts", json!({"maybe": -1}), "/maybe", "minimum", "must be at least 0"),
        (
            "sorts",
            json!({"signed": 9_223_372_036_854_775_808_u64}),
            "/signed",
            "maximum",
            "must be at most 9223372036854775807",
        ),
        ("sorts", json!({"place": {"zip": "1"}}), "/place/street", "required", "is required"),
        (
            "sorts",
            json!({"place": {"street": "x", "zap": 1}}),
            "/place/zap",
            "additionalProperties",
            "is not known here; did you mean `zip`?",
        ),
        ("sorts", json!({"scores": {"a/b~c": 300}}), "/scores/a~1b~0c", "maximum", "must be at most 255"),
        ("sorts", json!({"flag": "yes"}), "/flag", "type", "must be true or false or null"),
        ("paged", json!({"query": "x"}), "/offset", "required", "is required"),
        ("paged", json!({"query": "x", "offset": -1}), "/offset", "minimum", "must be at least 0"),
        (
            "paged",
            json!({"query": "x", "offset": 1, "page": {}}),
            "/page",
            "additionalProperties",
            "is not known here; the arguments are query, offset, limit",
        ),
        ("none", json!({"x": 1}), "/x", "additionalProperties", "is not known here"),
    ] {
        let found = violations(tool, arguments.clone()).await;
        let expected = (pointer.to_owned(), keyword.to_owned(), message.to_owned());
        assert_eq!(found, [expected], "{arguments}");
    }
}

#[tokio::test]
async fn an_enum_lists_its_variants() {
    let found = violations("sorts", json!({"kind": "Customer"})).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "/kind");
    let found = violations("sorts", json!({"kind": {"other": {"label": 7}}})).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.starts_with("/kind"), "{found:?}");
}

#[tokio::test]
async fn the_rejected_value_is_never_in_the_answer() {
    let secret = "s3cr3t-v4lue";
    for (tool, arguments) in [
        ("revenue", json!({"country": secret.repeat(9)})),
        ("revenue", json!({"country": [secret]})),
        ("revenue", json!({"country": "x", "months": secret})),
        ("revenue", json!({"country": "x", "unknown": secret})),
        ("sorts", json!({"code": secret})),
        ("sorts", json!({"day": secret})),
        ("sorts", json!({"kind": secret})),
        ("sorts", json!({"kind": {"other": {"label": [secret]}}})),
        ("sorts", json!({"kind": {"other": {"label": 1, "more": secret}}})),
        ("sorts", json!({"place": secret})),
        ("sorts", json!({"place": {"street": {"deep": secret}}})),
        ("sorts", json!({"tags": [secret, 1, {"a": secret}]})),
        ("sorts", json!({"scores": {"a": secret}})),
        ("sorts", json!({"maybe": secret})),
    ] {
        let error = refused(&client(), tool, arguments.clone()).await;
        assert_eq!(error["code"], "INVALID_ARGUMENTS", "{arguments}");
        assert!(!error.to_string().contains(secret), "{arguments}: {error}");
    }
}

#[tokio::test]
async fn names_of_unknown_arguments_are_cleaned_and_cut() {
    let mut arguments = json!({"country": "x"});
    arguments["ev\u{202e}il\u{1b}[31m\nline"] = 1.into();
    let found = violations("revenue", arguments).await;
    assert_eq!(found[0].0, "/evil line");
    let mut arguments = json!({"country": "x"});
    arguments["é".repeat(100)] = 1.into();
    let found = violations("revenue", arguments).await;
    assert_eq!(found[0].0, format!("/{}", "é".repeat(32)));
}

#[tokio::test]
async fn there_are_never_more_violations_than_twenty() {
    let mut arguments = json!({"country": "x"});
    for n in 0..500 {
        arguments[format!("unknown{n}")] = n.into();
    }
    assert_eq!(violations("revenue", arguments).await.len(), 20);
    assert_eq!(violations("sorts", json!({"tags": vec![1; 500]})).await.len(), 20);
}

#[tokio::test]
async fn good_arguments_reach_the_tool_as_they_are() {
    let all_null = json!({
        "maybe": null, "order": null, "code": null, "day": null, "tags": null, "share": null, "kind": null,
        "place": null, "fallback": "track", "signed": null, "scores": null, "flag": null,
    });
    let with = |changes: Value| {
        let mut expected = all_null.clone();
        for (key, value) in changes.as_object().unwrap() {
            expected[key] = value.clone();
        }
        expected
    };
    let hidden = "nul\0 crlf\r\n bidi\u{202e} tag\u{e0041} zwj\u{200d}";
    for (tool, arguments, result) in [
        ("revenue", json!({"country": "Germany"}), json!(["Germany", 12])),
        ("revenue", json!({"country": "é".repeat(40), "months": 240}), json!(["é".repeat(40), 240])),
        ("revenue", json!({"country": "x", "months": 10.0}), json!(["x", 10])),
        ("sorts", json!({}), all_null.clone()),
        ("sorts", json!({"maybe": 1e1}), with(json!({"maybe": 10}))),
        ("sorts", json!({"maybe": null}), all_null.clone()),
        ("sorts", json!({"orderId": u64::MAX}), with(json!({"order": u64::MAX}))),
        ("sorts", json!({"signed": i64::MIN}), with(json!({"signed": i64::MIN}))),
        ("sorts", json!({"code": "DE"}), with(json!({"code": "DE"}))),
        ("sorts", json!({"day": "2028-02-29"}), with(json!({"day": "2028-02-29"}))),
        ("sorts", json!({"share": -1}), with(json!({"share": -1.0}))),
        ("sorts", json!({"kind": "customer"}), with(json!({"kind": "customer"}))),
        ("sorts", json!({"kind": {"other": {"label": "x"}}}), with(json!({"kind": {"other": {"label": "x"}}}))),
        ("sorts", json!({"fallback": "customer"}), with(json!({"fallback": "customer"}))),
        ("sorts", json!({"place": {"street": "x"}}), with(json!({"place": {"street": "x", "zip": null}}))),
        ("sorts", json!({"scores": {"a": 1}}), with(json!({"scores": {"a": 1}}))),
        ("paged", json!({"query": "x", "offset": 5}), json!(["x", {"offset": 5, "limit": null}])),
        ("paged", json!({"query": "x", "offset": 5, "limit": 9}), json!(["x", {"offset": 5, "limit": 9}])),
    ] {
        let answer =
            client().call(tool, arguments.clone()).await.unwrap_or_else(|e| panic!("{arguments}: {}", e.json()));
        assert_eq!(answer.json()["result"], result, "{arguments}");
    }
    // What would be removed from an answer goes in unchanged.
    let error = violations("sorts", json!({"code": hidden})).await;
    assert_eq!(error[0].1, "pattern");
    assert_eq!(
        client().call("none", Value::Null).await.unwrap_err().to_string(),
        "the arguments cannot be used: the value is not an object"
    );
}

#[tokio::test]
async fn of_a_strict_argument_nothing_is_coerced() {
    // `10.0` is an integer to JSON Schema, so it is one to both.
    let answer = client().call("exactly", json!({"strict": 10.0, "lenient": "10"})).await.unwrap();
    assert_eq!(answer.json(), json!({"result": [10, 10]}));
    let found = violations("exactly", json!({"strict": "10"})).await;
    assert_eq!(found, [("/strict".to_owned(), "type".to_owned(), "must be an integer or null".to_owned())]);
}

#[tokio::test]
async fn an_integer_is_never_rounded() {
    for text in ["18446744073709551616", "1e30", "-0.5", "1.0000000000000002"] {
        let number: Value = serde_json::from_str(text).unwrap();
        let error = refused(&client(), "sorts", json!({"orderId": number})).await;
        assert_eq!(error["code"], "INVALID_ARGUMENTS", "{text}");
        assert_eq!(error["violations"][0]["pointer"], "/orderId", "{text}");
    }
}
