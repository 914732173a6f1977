//! What clients are known to send wrong: numbers, booleans, arrays and objects as strings.
//!
//! Asked only after the arguments as they came were refused. A string becomes another value only where the schema admits
//! no string at all, so nothing that a tool could have meant as a text changes; by an exact grammar, so that there is one
//! spelling and no guess; and one level deep, so that a string inside of such an array stays one. What comes out is
//! checked again like everything else. Nothing becomes null, and `""` becomes nothing.

use serde_json::{Map, Value};

use super::shape::{Kinds, Schemas};
use crate::json::read;

/// The longest string that is read as an array or an object, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// How long all of them together are at the most, in bytes: what is read of them has fewer parts than that, whatever the
/// arguments had before.
const MAX_BYTES_IN_ALL: usize = 4 * MAX_BYTES;

/// How deep such an array or object is nested at the most.
const MAX_DEPTH: usize = 32;

/// Turns strings into what the schema asks for; gives the names of the arguments in which it did.
pub(super) fn coerce(
    arguments: &mut Map<String, Value>,
    published: &Map<String, Value>,
    is_kept: impl Fn(&str) -> bool,
) -> Vec<String> {
    let document = Schemas(published);
    let Some(properties) = published.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let mut coerced = Vec::new();
    let mut left = MAX_BYTES_IN_ALL;
    for (name, value) in arguments {
        if let Some(schema) = properties.get(name)
            && !is_kept(name)
            && visit(value, &[schema], document, &mut left)
        {
            coerced.push(name.clone());
        }
    }
    coerced
}

/// Whether anything in the value was turned. Arrays and objects may take so many bytes that are `left`.
fn visit<'a>(value: &mut Value, schemas: &[&'a Value], document: Schemas<'a>, left: &mut usize) -> bool {
    match value {
        Value::String(text) => {
            let admitted = schemas.iter().map(|schema| document.kinds(schema)).fold(Kinds::NONE, Kinds::or);
            match turned(text, admitted, left) {
                Some(turned) => {
                    *value = turned;
                    true
                }
                None => false,
            }
        }
        Value::Array(values) => values.iter_mut().enumerate().fold(false, |turned, (index, value)| {
            let schemas = document.item(schemas, index);
            visit(value, &schemas, document, left) | turned
        }),
        Value::Object(map) => map.iter_mut().fold(false, |turned, (name, value)| {
            let schemas = document.property(schemas, name);
            visit(value, &schemas, document, left) | turned
        }),
        _ => false,
    }
}

/// What a string stands for where these kinds are admitted.
fn turned(text: &str, admitted: Kinds, left: &mut usize) -> Option<Value> {
    if admitted.meet(Kinds::STRING) {
        return None;
    }
    match (text.as_bytes().first()?, text.as_bytes().last()?) {
        (b't' | b'f', _) if admitted.meet(Kinds::BOOLEAN) => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        (b'-' | b'0'..=b'9', _) => number(text, admitted),
        (b'[', b']') if admitted.meet(Kinds::ARRAY) => structure(text, left),
        (b'{', b'}') if admitted.meet(Kinds::OBJECT) => structure(text, left),
        _ => None,
    }
}

/// `-?(0|[1-9][0-9]*)`, and with `(\.[0-9]+)?` where fractions are admitted: no sign but the minus, no exponent, no -0, no
/// zeros in front, nothing around it. An integer has to fit into 64 bits.
fn number(text: &str, admitted: Kinds) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || whole.len() > 1 && whole.starts_with('0') || text == "-0" {
        return None;
    }
    match fraction {
        None if admitted.meet(Kinds::INTEGER) => {
            let signed = text.parse::<i64>().map(Value::from);
            signed.or_else(|_| text.parse::<u64>().map(Value::from)).ok()
        }
        Some(fraction) if are_digits(fraction) && admitted.meet(Kinds::FRACTION) => read::value(text).ok(),
        _ => None,
    }
}

fn structure(text: &str, left: &mut usize) -> Option<Value> {
    if text.len() > MAX_BYTES {
        return None;
    }
    *left = left.checked_sub(text.len())?;
    read::value(text).ok().filter(|value| depth(value) <= MAX_DEPTH)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alone(text: &str, admitted: Kinds) -> Option<Value> {
        let mut left = MAX_BYTES_IN_ALL;
        turned(text, admitted, &mut left)
    }

    #[test]
    fn each_kind_has_one_spelling() {
        let all = Kinds::BOOLEAN.or(Kinds::INTEGER).or(Kinds::FRACTION).or(Kinds::ARRAY).or(Kinds::OBJECT);
        for (text, expected) in [
            ("10", json!(10)),
            ("-7", json!(-7)),
            ("0", json!(0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("9007199254740993", json!(9_007_199_254_740_993_u64)),
            ("0.5", json!(0.5)),
            ("-12.25", json!(-12.25)),
            ("true", json!(true)),
            ("false", json!(false)),
            ("[1,\"2\"]", json!([1, "2"])),
            ("{\"a\": [true]}", json!({"a": [true]})),
        ] {
            assert_eq!(alone(text, all), Some(expected), "{text}");
        }
        for text in [
            "",
            " ",
            " 10",
            "10 ",
            "+10",
            "010",
            "-0",
            "-",
            "1e3",
            "1E3",
            "0x10",
            "1_000",
            "1,000",
            ".5",
            "5.",
            "1.2.3",
            "18446744073709551616",
            "-9223372036854775809",
            "NaN",
            "Infinity",
            "True",
            "TRUE",
            "yes",
            "1.5e3",
            "null",
            "[1",
            "1]",
            " [1]",
            "[1] ",
            "[1,]",
            "{}{}",
            "{\"a\":1,\"a\":2}",
            "[1e400]",
            "٣",
            "\u{feff}[1]",
        ] {
            assert_eq!(alone(text, all), None, "{text:?}");
        }
    }

    #[test]
    fn what_the_schema_does_not_ask_for_stays() {
        assert_eq!(alone("10", Kinds::INTEGER.or(Kinds::STRING)), None);
        assert_eq!(alone("10", Kinds::ALL), None);
        assert_eq!(alone("10", Kinds::BOOLEAN), None);
        assert_eq!(alone("1.5", Kinds::INTEGER), None);
        assert_eq!(alone("[1]", Kinds::OBJECT), None);
        assert_eq!(alone("null", Kinds::NULL), None);
        assert_eq!(alone("true", Kinds::INTEGER), None);
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(alone(&deep(MAX_DEPTH), Kinds::ARRAY).is_some());
        assert!(alone(&deep(MAX_DEPTH + 1), Kinds::ARRAY).is_none());
        assert!(alone(&deep(100_000), Kinds::ARRAY).is_none());
        let long = format!("[\"{}\"]", "x".repeat(MAX_BYTES));
        assert!(alone(&long, Kinds::ARRAY).is_none());

        let schema = json!({"properties": {"a": {"type": "array", "items": {"type": "array"}}}});
        let numbers = format!("[{}0]", "0,".repeat(MAX_BYTES / 2 - 2));
        let mut arguments = Map::from_iter([("a".to_owned(), Value::from(vec![numbers; 64]))]);
        assert_eq!(coerce(&mut arguments, schema.as_object().unwrap(), |_| false), ["a"]);
        let arrays = arguments["a"].as_array().unwrap().iter().filter(|item| item.is_array()).count();
        assert_eq!(arrays, MAX_BYTES_IN_ALL / MAX_BYTES, "what they have together is bounded");
    }
}
