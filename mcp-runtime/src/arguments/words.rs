//! What a schema expects, in words.

use jsonschema::JsonType;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::meant::closest;

/// How many values or names one text lists.
const MAX_LISTED: usize = 40;

/// What one keyword expects.
pub(super) fn expected(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(single) } => format!("must be {}", type_name(*single)),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(types) } => {
            // What can be left out comes last.
            let (null, others): (Vec<_>, Vec<_>) = types.iter().partition(|kind| matches!(kind, JsonType::Null));
            format!("must be {}", others.into_iter().chain(null).map(type_name).collect::<Vec<_>>().join(" or "))
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        ValidationErrorKind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {}", counted(*limit, "character")),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {}", counted(*limit, "character")),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {}", counted(*limit, "item")),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {}", counted(*limit, "item")),
        ValidationErrorKind::MinProperties { limit } => format!("must have at least {limit} properties"),
        ValidationErrorKind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        ValidationErrorKind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        ValidationErrorKind::Format { format } => match example(format) {
            Some(example) => format!("must be a valid {format}, such as {example}"),
            None => format!("must be a valid {format}"),
        },
        ValidationErrorKind::Constant { expected_value } => format!("must be {expected_value}"),
        ValidationErrorKind::Not { schema } if schema.get("const").is_some() => {
            format!("must not be {}", schema["const"])
        }
        // Ours, so its kind is not known to the validator.
        ValidationErrorKind::Custom { keyword, .. } if keyword == "uniqueItems" => {
            "must not hold an item twice".to_owned()
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            "matches more than one of the forms that the schema allows".to_owned()
        }
        other => format!("breaks `{}` of the schema", other.keyword()),
    }
}

/// The values of the schema's own, which are ours to show, and the one that the given text is closest to.
pub(super) fn one_of(options: &[&Value], given: &Value) -> String {
    one_of_or(options, &[], given)
}

/// As [`one_of`], where an object that is named by its one property would do as well.
pub(super) fn one_of_or(options: &[&Value], properties: &[&str], given: &Value) -> String {
    let listed = options.iter().take(MAX_LISTED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let rest = if options.len() > MAX_LISTED { ", …" } else { "" };
    let mut text =
        if let [_] = options { format!("must be {listed}") } else { format!("must be one of {listed}{rest}") };
    if !properties.is_empty() {
        text.push_str(", or an object with one of the properties ");
        text.push_str(&list(properties));
    }
    let close = given.as_str().and_then(|given| closest(given, options.iter().filter_map(|option| option.as_str())));
    match close {
        Some(close) if options.len() + properties.len() > 1 => format!("{text}; did you mean {}?", Value::from(close)),
        _ => text,
    }
}

/// Names as prose.
pub(super) fn list(names: &[&str]) -> String {
    let rest = if names.len() > MAX_LISTED { ", …" } else { "" };
    let names = names.get(..MAX_LISTED).unwrap_or(names);
    format!("{}{rest}", names.join(", "))
}

fn counted(count: u64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}

/// What a format looks like.
fn example(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2026-03-14",
        "date-time" => "2026-03-14T09:30:00Z",
        "time" => "09:30:00Z",
        "duration" => "P3DT4H",
        "email" => "someone@example.com",
        "hostname" => "www.example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" => "https://example.com/page",
        "uuid" => "0190a5f2-7c3b-7d4e-8f5a-6b7c8d9e0f1a",
        _ => return None,
    })
}
