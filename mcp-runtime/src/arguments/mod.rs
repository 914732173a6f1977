//! What reaches a tool: strict JSON, checked against the tool's schema, all violations at once.
//!
//! The schema that is published is the one that is enforced: JSON Schema 2020-12, references inside of it alone, formats
//! asserted, patterns in linear time, compiled once. schemars derives it from the types, with the attributes of serde,
//! schemars, garde and validator; it is then narrowed to what the types take:
//!
//! * Numbers have the bounds of their type, and wider ones are cut to it. Integers are exact: `10.0` is one, and
//!   `9007199254740993.0` is that number and no other. 128-bit integers are those of 64 bits, which every JSON reader has.
//! * Objects take the properties that they name. An `alias` is in no schema, so nothing comes in by it. A struct that
//!   should take more says so with a flattened map, or `#[schemars(extend("additionalProperties" = true))]`.
//! * What JSON Schema cannot say is left to the type, and refused like the rest: how wide an integer is that stands as a
//!   key of a map, what of a URI is a URL, which durations have a fixed length.
//!
//! # Strings for numbers
//!
//! Some clients send numbers, booleans, arrays and objects as strings. Where arguments break their schema, a string is
//! taken for what it stands for, if the schema admits no string in its place: `"10"`, `"-0.5"`, `"true"`, `"[1,2]"`, in
//! exactly that spelling; never `""`, `" 10"`, `"1e3"` or `"null"`, and no string inside of such an array. What comes of it
//! is checked again, and the record lists the arguments under `coerced`. `#[arg(strict)]` and `#[arg(header = …)]` keep an
//! argument as it comes, `[arguments] coerce = false` keeps all of them.

mod coerce;
pub(crate) mod decode;
mod explain;
mod meant;
mod narrow;
pub(crate) mod schema;
mod shape;
pub(crate) mod strict {
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) use crate::json::read::check;
    pub(crate) use crate::json::read::{MAX_NODES, Malformed, map as object, value};
}
mod violation;
mod words;
pub(crate) mod work;
mod zero;

use serde_json::{Map, Value};

pub use crate::json::Malformed;
pub(crate) use strict::object;
pub use violation::{CheckError, MAX_VIOLATIONS, Violation};
pub(crate) use violation::{escape, shown};

use crate::spec::{ArgumentSpec, Rule};
use schema::Compiled;

/// What the schema of a tool says of arguments.
#[derive(Debug)]
pub(crate) struct Checked {
    /// What the tool gets: defaults written in; or what is wrong.
    pub(crate) values: Result<Map<String, Value>, Vec<Violation>>,
    /// The arguments that were sent as strings and taken for what the schema asks for.
    pub(crate) coerced: Vec<String>,
}

/// Checks arguments against the schema of their tool. Where they break it, strings that stand for what the schema asks
/// for are [coerced](coerce), and all is checked once more.
///
/// # Errors
/// Text that is no JSON object, or has a key twice: no arguments at all.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn check(raw: &str, schema: &Compiled) -> Result<Checked, strict::Malformed> {
    strict::object(raw).map(|sent| check_object(sent, schema))
}

/// As [`check`], for arguments that were read strictly already.
pub(crate) fn check_object(mut filled: Map<String, Value>, schema: &Compiled) -> Checked {
    for (name, default) in &schema.defaults {
        if !filled.contains_key(*name) {
            filled.insert((*name).to_owned(), default.clone());
        }
    }
    zero::settle_zeros(&mut filled, &schema.published);
    let value = Value::Object(filled);
    let mut coerced = Vec::new();
    let values = schema.validated(value).or_else(|mut value| {
        if let (Value::Object(map), Some(kept)) = (&mut value, &schema.coerced_but) {
            coerced = coerce::coerce(map, &schema.published, |name| kept.iter().any(|kept| kept == name));
            zero::settle_zeros(map, &schema.published);
        }
        if coerced.is_empty() { Err(value) } else { schema.validated(value) }
    });
    // What is still wrong is told of the coerced arguments: a string that stands for a number out of range is out of
    // range, and whoever can send nothing but strings can mend that.
    let values = values.map_err(|value| schema.violations(&value));
    Checked { coerced: if values.is_ok() { coerced } else { Vec::new() }, values }
}

/// Splits the arguments up by parameter, in the order of the function. A flattened parameter gets the properties that
/// no other parameter names.
pub(crate) fn by_parameter(values: Map<String, Value>, arguments: &[ArgumentSpec]) -> Vec<Option<Value>> {
    let mut split: Vec<Option<Value>> = arguments.iter().map(|_| None).collect();
    let mut others = Map::new();
    for (name, value) in values {
        // A function has a handful of parameters, most of them met in their order: faster than to ask a table.
        let parameter = arguments.iter().position(|argument| argument.name == name && !is_flattened(argument));
        match parameter.and_then(|index| split.get_mut(index)) {
            Some(slot) => *slot = Some(value),
            None => drop(others.insert(name, value)),
        }
    }
    if let Some(index) = arguments.iter().position(is_flattened)
        && let Some(slot) = split.get_mut(index)
    {
        *slot = Some(Value::Object(others));
    }
    split
}

pub(crate) fn is_flattened(argument: &ArgumentSpec) -> bool {
    argument.rules.iter().any(|rule| matches!(rule, Rule::Flatten))
}

#[cfg(test)]
mod tests;
