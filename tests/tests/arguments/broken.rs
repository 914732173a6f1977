//! Forty broken calls, and what an agent makes of the answer that knows nothing but the answer.
//!
//! The agent here is a dozen lines of pattern matching: it takes what a violation says (a name, a bound, a type, a
//! value, that something is missing) and changes its call in that place. Only where a value of the caller's own is
//! missing does it look up what the caller wanted to say. A call counts as mended if the next try is accepted and says
//! what was meant.

use std::collections::BTreeMap;

use mcp_runtime::testing::Client;
use mcp_runtime::{Json, server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::violations;

/// How many of the forty are mended in one try.
const MENDED: usize = 40;

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    InProgress,
    Shipped,
    Cancelled,
}

/// What comes first.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Address {
    street: String,
    city: String,
    #[schemars(length(equal = 2))]
    country_code: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Payment {
    Card {
        last_four: String,
    },
    Transfer {
        #[schemars(range(min = 1, max = 30))]
        due_days: u8,
    },
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Target {
    Everyone,
    Customer { id: u32 },
    Segment(String),
}

struct Orders;

#[server(name = "orders", unlimited)]
impl Orders {
    /// Finds orders.
    #[tool(any_caller, rate = inherit)]
    #[allow(clippy::too_many_arguments)]
    async fn find(
        &self,
        customer_id: u32,
        #[arg(range(1..=50), default = 10)] limit: u32,
        status: Option<Status>,
        order: Option<Order>,
        #[arg(range(0.0..=1.0))] min_share: Option<f64>,
        #[arg(items(1..=3))] tags: Option<Vec<String>>,
        #[arg(format = "date")] since: Option<String>,
        include_closed: Option<bool>,
    ) -> Json<Value> {
        Json(json!({
            "customer_id": customer_id, "limit": limit, "status": status, "order": order, "min_share": min_share,
            "tags": tags, "since": since, "include_closed": include_closed,
        }))
    }

    /// Places an order.
    #[tool(any_caller, rate = inherit)]
    async fn place(
        &self,
        #[arg(plain)] address: Address,
        payment: Payment,
        quantities: BTreeMap<String, u8>,
        note: Option<String>,
    ) -> Json<Value> {
        Json(json!({ "address": address, "payment": payment, "quantities": quantities, "note": note }))
    }

    /// Sends a message.
    #[tool(any_caller, rate = inherit)]
    async fn notify(
        &self,
        #[arg(length(1..=20))] text: String,
        target: Target,
        copies: Option<Vec<u8>>,
    ) -> Json<Value> {
        Json(json!({ "text": text, "target": target, "copies": copies }))
    }
}

/// Tool, what is sent, and what was meant.
fn calls() -> Vec<(&'static str, Value, Value)> {
    let find = |broken, meant| ("find", broken, meant);
    let address = json!({"street": "1 Main St", "city": "Oslo"});
    let card = json!({"type": "card", "last_four": "1234"});
    let place = |broken: Value, meant: Value| {
        let whole = |part: Value| {
            let mut call = json!({"address": address, "payment": card, "quantities": {}});
            call.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            call
        };
        ("place", whole(broken), whole(meant))
    };
    let notify = |target: Value, meant: Value| {
        ("notify", json!({"text": "Hi", "target": target}), json!({"text": "Hi", "target": meant}))
    };
    vec![
        // Names.
        find(json!({"customerId": 7}), json!({"customer_id": 7})),
        find(json!({"custmer_id": 7}), json!({"customer_id": 7})),
        find(json!({"customer": 7}), json!({"customer_id": 7})),
        find(json!({"client": 7}), json!({"customer_id": 7})),
        find(json!({"customer_id": 7, "Limit": 5}), json!({"customer_id": 7, "limit": 5})),
        find(json!({"customer_id": 7, "max_limit": 5}), json!({"customer_id": 7, "limit": 5})),
        find(json!({"customer_id": 7, "includeClosed": true}), json!({"customer_id": 7, "include_closed": true})),
        find(json!({"customerID": 7, "tag": ["a"]}), json!({"customer_id": 7, "tags": ["a"]})),
        place(
            json!({"address": {"Street": "1 Main St", "city": "Oslo"}}),
            json!({"address": {"street": "1 Main St", "city": "Oslo"}}),
        ),
        place(
            json!({"address": {"street": "1 Main St", "city": "Oslo", "countryCode": "NO"}}),
            json!({"address": {"street": "1 Main St", "city": "Oslo", "country_code": "NO"}}),
        ),
        place(
            json!({"payment": {"type": "card", "lastFour": "1234"}}),
            json!({"payment": {"type": "card", "last_four": "1234"}}),
        ),
        // What is missing.
        find(json!({}), json!({"customer_id": 7})),
        find(json!({"limit": 5}), json!({"customer_id": 7, "limit": 5})),
        place(json!({"address": {"city": "Oslo"}}), json!({"address": address})),
        place(json!({"payment": {"type": "transfer"}}), json!({"payment": {"type": "transfer", "due_days": 9}})),
        place(json!({"payment": {"last_four": "1234"}}), json!({"payment": card})),
        // Out of bounds.
        find(json!({"customer_id": 7, "limit": 1000}), json!({"customer_id": 7, "limit": 50})),
        find(json!({"customer_id": 7, "limit": 0}), json!({"customer_id": 7, "limit": 1})),
        find(json!({"customer_id": 7, "limit": "1000"}), json!({"customer_id": 7, "limit": 50})),
        find(json!({"customer_id": 7, "min_share": 1.5}), json!({"customer_id": 7, "min_share": 1.0})),
        find(
            json!({"customer_id": 7, "tags": ["a", "b", "c", "d", "e"]}),
            json!({"customer_id": 7, "tags": ["a", "b", "c"]}),
        ),
        place(
            json!({"payment": {"type": "transfer", "due_days": 90}}),
            json!({"payment": {"type": "transfer", "due_days": 30}}),
        ),
        place(json!({"quantities": {"apple": 300}}), json!({"quantities": {"apple": 255}})),
        (
            "notify",
            json!({"text": "much longer than twenty letters", "target": "everyone"}),
            json!({"text": "much longer than twe", "target": "everyone"}),
        ),
        (
            "notify",
            json!({"text": "Hi", "target": "everyone", "copies": [1, 256]}),
            json!({"text": "Hi", "target": "everyone", "copies": [1, 255]}),
        ),
        // Values of a list.
        find(json!({"customer_id": 7, "status": "Shipped"}), json!({"customer_id": 7, "status": "shipped"})),
        find(json!({"customer_id": 7, "status": "in-progress"}), json!({"customer_id": 7, "status": "in_progress"})),
        find(json!({"customer_id": 7, "status": "canceled"}), json!({"customer_id": 7, "status": "cancelled"})),
        find(json!({"customer_id": 7, "order": "newest"}), json!({"customer_id": 7, "order": "newest_first"})),
        find(json!({"customer_id": 7, "order": "oldestFirst"}), json!({"customer_id": 7, "order": "oldest_first"})),
        place(json!({"payment": {"type": "Card", "last_four": "1234"}}), json!({"payment": card})),
        notify(json!("Everyone"), json!("everyone")),
        notify(json!({"customers": {"id": 7}}), json!({"customer": {"id": 7}})),
        // Types.
        find(json!({"customer_id": 7, "tags": "urgent"}), json!({"customer_id": 7, "tags": ["urgent"]})),
        find(json!({"customer_id": 7.5}), json!({"customer_id": 7})),
        find(json!({"customer_id": [7]}), json!({"customer_id": 7})),
        find(json!({"customer_id": 7, "include_closed": 1}), json!({"customer_id": 7, "include_closed": true})),
        find(json!({"customer_id": 7, "limit": null}), json!({"customer_id": 7, "limit": 10})),
        place(json!({"note": 17}), json!({"note": "17"})),
        // Several at once.
        find(
            json!({"customerId": 7, "limit": 99, "status": "SHIPPED", "order": "oldest", "xyzzy": 1}),
            json!({"customer_id": 7, "limit": 50, "status": "shipped", "order": "oldest_first"}),
        ),
    ]
}

#[tokio::test]
async fn an_agent_mends_its_call_in_one_try() {
    let client = Client::new(Orders).unwrap();
    let calls = calls();
    assert_eq!(calls.len(), 40);
    let mut mended = 0;
    for (tool, broken, meant) in calls {
        let found = violations(&client, tool, broken.clone()).await;
        let next = mend(broken.clone(), &meant, &found);
        let expected =
            client.call(tool, meant.clone()).await.unwrap_or_else(|error| panic!("{meant}: {}", error.json()));
        match client.call(tool, next.clone()).await {
            Ok(answer) if answer.json() == expected.json() => mended += 1,
            Ok(_) => println!("{broken}\n  became {next}\n  by {found:?}"),
            Err(error) => {
                println!("{broken}\n  became {next}\n  by {found:?}\n  and then {}", error.json()["violations"]);
            }
        }
    }
    println!("{mended} of 40 calls are mended in one try");
    assert_eq!(mended, MENDED);
}

/// Changes the call in the places that the violations name.
fn mend(mut call: Value, meant: &Value, found: &[(String, String, String)]) -> Value {
    // Names first: what is missing may be there under another one.
    for (pointer, keyword, message) in found {
        if keyword == "additionalProperties" {
            let value = remove(&mut call, pointer);
            if let Some(name) = between(message, "did you mean `", "`") {
                let (parent, _) = pointer.rsplit_once('/').unwrap();
                insert(&mut call, &format!("{parent}/{name}"), value);
            }
        }
    }
    for (pointer, keyword, message) in found {
        let Some(value) = call.pointer_mut(pointer) else {
            if keyword == "required" {
                insert(&mut call, pointer, meant.pointer(pointer).cloned().unwrap_or_default());
            }
            continue;
        };
        let number = |before: &str| message.strip_prefix(before)?.split(' ').next()?.parse::<f64>().ok();
        if let Some(meant) = between(message, "did you mean \"", "\"") {
            *value = meant.into();
        } else if let Some(bound) = number("must be at least ").or(number("must be at most ")) {
            *value = whole(bound);
        } else if let Some(most) = number("must have at most ") {
            cut(value, most);
        } else if let Some(kind) = message.strip_prefix("must be ") {
            match turned(value, kind) {
                Some(turned) => *value = turned,
                None => drop(remove(&mut call, pointer)),
            }
        }
    }
    call
}

/// The nearest value of a type; `None` if there is none.
fn turned(value: &Value, kind: &str) -> Option<Value> {
    match (value, kind.split(" or ").next()?) {
        (Value::Array(values), _) if values.len() == 1 => values.first().cloned(),
        (Value::Null, _) => None,
        (value, "an array") => Some(json!([value])),
        (value, "a string") => Some(value.to_string().into()),
        (Value::Number(number), "an integer") => Some(whole(number.as_f64()?.trunc())),
        (Value::Number(number), "true") => Some((number.as_f64()? != 0.0).into()),
        _ => None,
    }
}

fn whole(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

fn cut(value: &mut Value, most: f64) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let most = most as usize;
    match value {
        Value::String(text) => *text = text.chars().take(most).collect(),
        Value::Array(values) => values.truncate(most),
        _ => {}
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(between, _)| between)
}

fn parent<'a>(call: &'a mut Value, pointer: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let (parent, name) = pointer.rsplit_once('/')?;
    Some((call.pointer_mut(parent)?.as_object_mut()?, name.to_owned()))
}

fn remove(call: &mut Value, pointer: &str) -> Value {
    parent(call, pointer).and_then(|(map, name)| map.remove(&name)).unwrap_or_default()
}

fn insert(call: &mut Value, pointer: &str, value: Value) {
    if let Some((map, name)) = parent(call, pointer) {
        map.insert(name, value);
    }
}

/// What each shape says, word for word.
#[tokio::test]
async fn the_form_that_was_meant_is_the_one_that_is_told_of() {
    let client = Client::new(Orders).unwrap();
    let order = |part: Value| {
        let mut call = json!({"address": {"street": "x", "city": "y"}, "payment": {"type": "card", "last_four": "1"}, "quantities": {}});
        call.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        call
    };
    for (tool, arguments, pointer, message) in [
        (
            "find",
            json!({"customer_id": 1, "status": "opne"}),
            "/status",
            r#"must be one of "open", "in_progress", "shipped", "cancelled"; did you mean "open"?"#,
        ),
        (
            "find",
            json!({"customer_id": 1, "order": "sideways"}),
            "/order",
            r#"must be one of "newest_first", "oldest_first""#,
        ),
        ("find", json!({"customer_id": 1, "order": 7}), "/order", "must be a string"),
        (
            "place",
            order(json!({"payment": {"type": "crad"}})),
            "/payment/type",
            r#"must be one of "card", "transfer"; did you mean "card"?"#,
        ),
        (
            "place",
            order(json!({"payment": {}})),
            "/payment/type",
            r#"is required, and must be one of "card", "transfer""#,
        ),
        (
            "place",
            order(json!({"payment": {"type": "transfer", "due_days": 0}})),
            "/payment/due_days",
            "must be at least 1",
        ),
        ("place", order(json!({"payment": 7})), "/payment", "must be an object"),
        (
            "place",
            order(json!({"address": {"street": "x", "city": "y", "planet": "z"}})),
            "/address/planet",
            "is not known here; the properties are street, city, country_code",
        ),
        ("notify", json!({"text": "x", "target": 7}), "/target", "must be a string or an object"),
        (
            "notify",
            json!({"text": "x", "target": {"custmer": {"id": 7}}}),
            "/target/custmer",
            "is not known here; did you mean `customer`?",
        ),
        (
            "notify",
            json!({"text": "x", "target": "nobody"}),
            "/target",
            r#"must be "everyone", or an object with one of the properties customer, segment"#,
        ),
        ("notify", json!({"text": "x", "target": {}}), "/target", "must have one of the properties customer, segment"),
        (
            "notify",
            json!({"text": "x", "target": {"customer": {"id": "y"}}}),
            "/target/customer/id",
            "must be an integer",
        ),
        ("notify", json!({"text": "x", "target": {"segment": 7}}), "/target/segment", "must be a string"),
    ] {
        let found = violations(&client, tool, arguments.clone()).await;
        let found: Vec<_> = found.iter().map(|(pointer, _, message)| (pointer.as_str(), message.as_str())).collect();
        assert_eq!(found, [(pointer, message)], "{arguments}");
    }
}
