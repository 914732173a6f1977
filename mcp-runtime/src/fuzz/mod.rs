//! What fuzzers call: the places where bytes of strangers are read, each with what has to hold whatever they are.
//!
//! The targets are in `fuzz/fuzz_targets`, their seeds in `fuzz/corpus`; ordinary tests run the seeds and random input
//! through the same functions.

mod sanitiser;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::__private::{arg, length, range};
use crate::arguments::schema::Compiled;
use crate::arguments::{self, MAX_VIOLATIONS, decode};
use crate::json::{Document, read};
use crate::spec::{ArgumentSpec, Number, Rule};

#[cfg(test)]
pub(crate) use self::sanitiser::on_its_own;
pub use self::sanitiser::{ALLOWED, sanitise, sanitise_list, sanitiser};

/// A JSON-RPC message, as a transport gets it.
///
/// # Panics
/// If something does not hold.
#[cfg(any(feature = "http", feature = "stdio"))]
pub fn envelope(data: &[u8]) {
    use crate::transport::envelope;

    let body = bytes::Bytes::copy_from_slice(data);
    match envelope::read(&body) {
        Ok(read) => {
            let Ok(text) = std::str::from_utf8(data) else { panic!("a message is text") };
            // A key that stands twice in the arguments is left to the gate, and so is what comes behind it.
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                assert!(value.is_object(), "a message is an object");
                assert!(read.id.is_none() || value.get("id") == read.id.as_ref(), "the id is the message's own");
                if let Some(arguments) = &read.arguments {
                    let arguments = serde_json::from_str::<Value>(arguments.as_str()).ok();
                    assert_eq!(value.pointer("/params/arguments"), arguments.as_ref());
                }
            } else {
                let arguments = read.arguments.as_ref().map(|arguments| read::object(arguments.as_str()));
                assert!(matches!(arguments, Some(Err(_))), "a message is JSON");
            }
        }
        Err(rejection) => {
            let error = rejection.to_json();
            assert!(error["error"]["message"].as_str().is_some_and(|message| message.len() < 200), "{error}");
            assert_ne!(error.get("id"), Some(&Value::Null), "an id is never null");
        }
    }
}

/// The arguments of a call, for a tool that takes a value of every shape.
///
/// # Panics
/// If something does not hold.
pub fn arguments(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(mut sent) = read::object(text) else { return };
    match arguments::check(&mut sent, &SCHEMA) {
        Ok(_) => {
            assert!(SCHEMA.violations(&sent).is_empty(), "accepted although the schema refuses it: {text}");
            let values = sent.root().to_value();
            for (name, decodes) in DECODERS {
                // The text of such a float may be another number, and then it is refused.
                if let Some(value) = values.get(name).filter(|value| !has_whole_float(value)) {
                    assert!(decodes(value), "the type of {name} refuses what the schema takes: {value}");
                }
            }
        }
        Err(violations) => {
            assert!(!violations.is_empty() && violations.len() <= MAX_VIOLATIONS, "{violations:?}");
            for violation in violations {
                let length = violation.message.len();
                assert!((1..4096).contains(&length), "{violation:?}");
                assert!(!violation.message.contains("s3cr3t"), "the rejected value is in the answer: {violation:?}");
            }
        }
    }
}

fn has_whole_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() && number.as_f64().is_some_and(|float| float.fract() == 0.0),
        Value::Array(values) => values.iter().any(has_whole_float),
        Value::Object(map) => map.values().any(has_whole_float),
        _ => false,
    }
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Place {
    street: String,
    #[serde(default)]
    number: u16,
    next: Option<Box<Place>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Kind {
    One,
    Two(u8),
    Three { place: Place },
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(dead_code)]
enum Payment {
    Card { last: String },
    Transfer { days: u8 },
}

const ARGUMENTS: &[ArgumentSpec] = &[
    arg::<u32>().spec("months", "", &[range(Some(Number::Integer(1)), Some(Number::Integer(240)), false)]),
    arg::<Option<i64>>().spec("signed", "", &[]),
    arg::<Option<f32>>().spec("share", "", &[]),
    arg::<Option<bool>>().spec("flag", "", &[Rule::Strict]),
    arg::<Option<String>>().spec("text", "", &[length(1, 5), Rule::Pattern("^[a-z]*$")]),
    arg::<Option<String>>().spec("day", "", &[Rule::Format("date")]),
    arg::<Option<Vec<u8>>>().spec("list", "", &[]),
    arg::<Option<BTreeSet<u8>>>().spec("set", "", &[]),
    arg::<Option<BTreeMap<String, i32>>>().spec("map", "", &[]),
    arg::<Option<(u8, String)>>().spec("pair", "", &[]),
    arg::<Option<Place>>().spec("place", "", &[]),
    arg::<Option<Kind>>().spec("kind", "", &[]),
    arg::<Option<Payment>>().spec("payment", "", &[]),
    arg::<Option<Value>>().spec("any", "", &[]),
];

type Decodes = fn(&Value) -> bool;

const DECODERS: &[(&str, Decodes)] = &[
    ("months", decodes::<u32>),
    ("signed", decodes::<Option<i64>>),
    ("share", decodes::<Option<f32>>),
    ("flag", decodes::<Option<bool>>),
    ("text", decodes::<Option<String>>),
    ("list", decodes::<Option<Vec<u8>>>),
    ("set", decodes::<Option<BTreeSet<u8>>>),
    ("map", decodes::<Option<BTreeMap<String, i32>>>),
    ("pair", decodes::<Option<(u8, String)>>),
    ("place", decodes::<Option<Place>>),
    ("kind", decodes::<Option<Kind>>),
    ("payment", decodes::<Option<Payment>>),
    ("any", decodes::<Option<Value>>),
];

fn decodes<T: DeserializeOwned>(value: &Value) -> bool {
    decode::decode::<T>(decode::Sent::value(Document::of(value).root())).is_ok()
}

static SCHEMA: LazyLock<Compiled> =
    LazyLock::new(|| Compiled::new(ARGUMENTS).unwrap_or_else(|why| panic!("the schema does not compile: {why}")));

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// Every seed of a target, whole and cut at every byte.
    fn seeds(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let seed = std::fs::read(entry.unwrap().path()).unwrap();
            (0..=seed.len()).for_each(|end| run(&seed[..end]));
            count += 1;
        }
        assert!(count > 5, "{target} has {count} seeds");
    }

    /// JSON of every shape, written as clients may write it.
    fn json() -> impl Strategy<Value = String> {
        let numbers = prop_oneof![
            "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?",
            prop::sample::select(vec!["-0", "1e400", "9007199254740993.0", "18446744073709551616", "255.0"])
                .prop_map(str::to_owned),
        ];
        let texts = prop_oneof![
            "[a-z0-9 \\[\\]{}:,.é🦀-]{0,12}",
            prop::sample::select(vec![
                "s3cr3t",
                "10",
                "true",
                "[1,2]",
                "{\"street\":\"x\"}",
                "one",
                "card",
                "2024-02-29"
            ])
            .prop_map(str::to_owned),
        ]
        .prop_map(|text| Value::from(text).to_string());
        let words = prop::sample::select(vec!["null", "true", "false", "[]", "{}"]).prop_map(str::to_owned);
        prop_oneof![numbers, texts, words].prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec((name(), inner), 0..5).prop_map(|members| object(&members)),
            ]
        })
    }

    fn name() -> impl Strategy<Value = String> {
        let known = vec![
            "months", "signed", "share", "flag", "text", "day", "list", "set", "map", "pair", "place", "kind",
            "payment", "any", "street", "number", "next", "two", "three", "type", "last", "days", "Months", "a/b~c",
        ];
        prop_oneof![8 => prop::sample::select(known).prop_map(str::to_owned), 1 => "[a-zé/~\u{202e}]{0,8}"]
    }

    fn object(members: &[(String, String)]) -> String {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn seeds_hold() {
        seeds("arguments", arguments);
        seeds("sanitiser", sanitiser);
        #[cfg(any(feature = "http", feature = "stdio"))]
        seeds("envelope", envelope);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn arguments_hold(members in prop::collection::vec((name(), json()), 0..6)) {
            arguments(object(&members).as_bytes());
        }

        #[test]
        fn bytes_hold(data in prop::collection::vec(any::<u8>(), 0..200)) {
            arguments(&data);
            sanitiser(&data);
            #[cfg(any(feature = "http", feature = "stdio"))]
            envelope(&data);
        }

        #[test]
        #[cfg(any(feature = "http", feature = "stdio"))]
        fn envelopes_hold(
            id in json(),
            method in prop::sample::select(vec!["tools/call", "tools/list", "ping", "made/up", "notifications/cancelled"]),
            members in prop::collection::vec((name(), json()), 0..4),
        ) {
            let params = object(&[("name".to_owned(), "\"a\"".to_owned()), ("arguments".to_owned(), object(&members))]);
            let message = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
            envelope(message.as_bytes());
        }
    }
}
