//! What is wrong with an argument, in words that an agent can mend its call by. The rejected value is never in there.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde::Serialize;
use serde_json::Value;

use crate::output::hygiene;

/// How many violations one answer lists.
pub const MAX_VIOLATIONS: usize = 20;

/// The longest piece of a name of the client's that is repeated to it, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// One thing that is wrong with the arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where, as a JSON pointer (RFC 6901) into the arguments.
    pub pointer: String,
    /// Which rule is broken: a keyword of JSON Schema, `decode` for what only the type knows, or `burst` for a cost that
    /// no limit ever admits.
    pub keyword: String,
    /// What was expected.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(pointer: impl Into<String>, keyword: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), keyword: keyword.to_owned(), message: message.into() }
    }
}

/// The violations behind one error of the validator.
pub(super) fn of_error(error: &ValidationError<'_>, known: &[String], violations: &mut Vec<Violation>) {
    let at = pointer(error.instance_path().as_str());
    let keyword = error.kind().keyword();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = if at.is_empty() { known } else { &[] };
            // Of a hundred thousand unknown names, twenty say enough.
            for name in unexpected.iter().take((MAX_VIOLATIONS + 1).saturating_sub(violations.len())) {
                violations.push(unknown(&at, name, known));
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            violations.push(Violation::new(format!("{at}/{}", escape(name)), keyword, "is required"));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            match likely_branch(context, error.instance_path().as_str()) {
                Some(errors) => errors.iter().for_each(|error| of_error(error, known, violations)),
                None => {
                    violations.push(Violation::new(at, keyword, "matches none of the forms that the schema allows"));
                }
            }
        }
        kind => violations.push(Violation::new(at, keyword, expected(kind))),
    }
}

/// The one branch that the client seems to have meant: of an optional struct, the struct; of several forms, the one
/// whose own type is right. `None` where that is not plain.
fn likely_branch<'a, 'b>(context: &'a [Vec<ValidationError<'b>>], here: &str) -> Option<&'a [ValidationError<'b>]> {
    let wrong_type = |error: &ValidationError<'_>| {
        error.instance_path().as_str() == here
            && matches!(
                error.kind(),
                ValidationErrorKind::Type { .. }
                    | ValidationErrorKind::Constant { .. }
                    | ValidationErrorKind::Enum { .. }
            )
    };
    let mut likely = context.iter().filter(|errors| !errors.iter().any(wrong_type));
    match (likely.next(), likely.next()) {
        (Some(errors), None) => Some(errors),
        (None, None) => {
            // All are of another type: of `T | null`, say what T is.
            let mut not_null = context.iter().filter(|errors| !errors.iter().any(is_null_type));
            match (not_null.next(), not_null.next()) {
                (Some(errors), None) => Some(errors),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_null_type(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Null) })
}

pub(super) fn unknown(at: &str, name: &str, known: &[String]) -> Violation {
    let shown = shown(name);
    let pointer = format!("{at}/{}", escape(&shown));
    let message = match (closest(name, known), known) {
        (Some(close), _) => format!("is not known here; did you mean `{close}`?"),
        (None, []) => "is not known here".to_owned(),
        (None, known) => format!("is not known here; the arguments are {}", known.join(", ")),
    };
    Violation::new(pointer, "additionalProperties", message)
}

fn expected(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(single) } => format!("must be {}", type_name(*single)),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(types) } => {
            format!("must be {}", types.iter().map(type_name).collect::<Vec<_>>().join(" or "))
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
        ValidationErrorKind::Format { format } => format!("must be a valid {format}"),
        ValidationErrorKind::Constant { expected_value } => format!("must be {expected_value}"),
        ValidationErrorKind::Enum { options } => format!("must be one of {}", listed(options)),
        ValidationErrorKind::UniqueItems => "must not hold an item twice".to_owned(),
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            "matches more than one of the forms that the schema allows".to_owned()
        }
        other => format!("breaks `{}` of the schema", other.keyword()),
    }
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

/// The schema's own values: ours to show.
fn listed(options: &Value) -> String {
    match options.as_array() {
        Some(options) => options.iter().take(40).map(Value::to_string).collect::<Vec<_>>().join(", "),
        None => options.to_string(),
    }
}

/// A pointer whose segments came from the client, cleaned and cut.
fn pointer(raw: &str) -> String {
    raw.split('/').map(shown).collect::<Vec<_>>().join("/")
}

/// A name of the client's, fit to be shown: cleaned, and cut at a character.
pub(crate) fn shown(name: &str) -> String {
    let cut = name.floor_char_boundary(MAX_NAME_BYTES);
    hygiene::clean(&name[..cut]).text.replace(['\n', '\t', '\u{2028}', '\u{2029}'], " ")
}

/// RFC 6901, section 3.
fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// The known name that a misspelt one is closest to, if it is close.
fn closest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
    known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.as_str())
}

/// Edit distance, case and separators apart.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
