//! What reaches a tool: strict JSON, checked against the tool's schema, all violations at once.

pub(crate) mod decode;
pub(crate) mod schema;
pub(crate) mod strict;
mod violation;

use serde_json::{Map, Value};

pub use strict::Malformed;
pub(crate) use strict::object;
pub(crate) use violation::shown;
pub use violation::{MAX_VIOLATIONS, Violation};

use crate::spec::{ArgumentSpec, Rule};
use schema::Compiled;

/// A tool's arguments as they came, and what the schema says of them.
#[derive(Debug)]
pub(crate) struct Checked {
    /// What the client sent, for the record.
    pub(crate) sent: Map<String, Value>,
    /// What the tool gets: defaults written in; or what is wrong.
    pub(crate) values: Result<Map<String, Value>, Vec<Violation>>,
}

/// Checks arguments against the schema of their tool.
///
/// # Errors
/// Text that is no JSON object, or has a key twice: no arguments at all.
pub(crate) fn check(raw: &str, schema: &Compiled) -> Result<Checked, strict::Malformed> {
    let mut sent = strict::object(raw)?;
    let lenient = sent.iter_mut().filter(|(name, _)| !schema.strict.contains(&name.as_str()));
    lenient.for_each(|(_, value)| integral(value));
    let mut filled = sent.clone();
    for (name, default) in &schema.defaults {
        if !filled.contains_key(*name) {
            filled.insert((*name).to_owned(), default.clone());
        }
    }
    let value = Value::Object(filled);
    let violations = schema.violations(&value);
    let values = match value {
        Value::Object(map) if violations.is_empty() => Ok(map),
        _ => Err(violations),
    };
    Ok(Checked { sent, values })
}

/// `10.0` and `1e1` are integers to JSON Schema: they become what the decoder takes for one. Nothing is rounded: only
/// floats that are exactly an integer within ±2^53 change their form.
fn integral(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(integer) = exact_integer(number) {
                *value = Value::from(integer);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(integral),
        Value::Object(map) => map.values_mut().for_each(integral),
        _ => {}
    }
}

/// The largest integer up to which every integer has a float of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn exact_integer(number: &serde_json::Number) -> Option<i64> {
    let float = if number.is_f64() { number.as_f64()? } else { return None };
    let negative_zero = float == 0.0 && float.is_sign_negative();
    if float.fract() != 0.0 || float.abs() >= EXACT || negative_zero {
        return None;
    }
    // In range and without a fraction, so the conversion is exact.
    #[allow(clippy::cast_possible_truncation)]
    Some(float as i64)
}

/// Splits the arguments up by parameter, in the order of the function. A flattened parameter gets the properties that
/// no other parameter names.
pub(crate) fn by_parameter(mut values: Map<String, Value>, arguments: &[ArgumentSpec]) -> Vec<Option<Value>> {
    let mut split: Vec<_> = arguments
        .iter()
        .map(|argument| if is_flattened(argument) { None } else { values.remove(argument.name) })
        .collect();
    if let Some(index) = arguments.iter().position(is_flattened)
        && let Some(slot) = split.get_mut(index)
    {
        *slot = Some(Value::Object(values));
    }
    split
}

pub(crate) fn is_flattened(argument: &ArgumentSpec) -> bool {
    argument.rules.iter().any(|rule| matches!(rule, Rule::Flatten))
}
