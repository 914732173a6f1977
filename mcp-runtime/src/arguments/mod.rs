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
mod violation;
mod words;
pub(crate) mod work;
mod zero;

pub use violation::{CheckError, MAX_VIOLATIONS, Violation};
pub(crate) use violation::{escape, shown};

pub use crate::json::Malformed;
use crate::json::{Document, Members};
use crate::spec::{ArgumentSpec, Rule};
use decode::Sent;
use schema::Compiled;

/// Checks arguments against the schema of their tool, and writes in the defaults. Where they break it, strings that stand
/// for what the schema asks for are [coerced](coerce), and all is checked once more. Gives the names of the arguments in
/// which that was done.
///
/// # Errors
/// What is wrong.
pub(crate) fn check(sent: &mut Document<'_>, schema: &Compiled) -> Result<Vec<String>, Vec<Violation>> {
    for (name, default) in &schema.defaults {
        if sent.members().get(name).is_none() {
            sent.insert(name, default);
        }
    }
    zero::settle_zeros(sent, &schema.published);
    if schema.is_met(sent) {
        return Ok(Vec::new());
    }
    let Some(kept) = &schema.coerced_but else { return Err(schema.violations(sent)) };
    let mut members = sent.members().to_map();
    let coerced = coerce::coerce(&mut members, &schema.published, |name| kept.iter().any(|kept| kept == name));
    if !coerced.is_empty() {
        *sent = Document::of(&members.into());
        zero::settle_zeros(sent, &schema.published);
        if schema.is_met(sent) {
            return Ok(coerced);
        }
    }
    // What is still wrong is told of the coerced arguments: a string that stands for a number out of range is out of
    // range, and whoever can send nothing but strings can mend that.
    Err(schema.violations(sent))
}

/// Finds the arguments of a function's parameters, which mostly come in the order of those.
#[derive(Debug)]
pub(crate) struct ByParameter<'d> {
    document: &'d Document<'d>,
    arguments: &'static [ArgumentSpec],
    /// Behind the one that was found last.
    next: Members<'d>,
}

impl<'d> ByParameter<'d> {
    pub(crate) fn new(document: &'d Document<'d>, arguments: &'static [ArgumentSpec]) -> Self {
        Self { document, arguments, next: document.members() }
    }

    pub(crate) fn arguments(&self) -> &'static [ArgumentSpec] {
        self.arguments
    }

    /// What was sent for a parameter. A flattened one gets the members that no other parameter names.
    pub(crate) fn get(&mut self, index: usize) -> Sent<'d> {
        let Some(argument) = self.arguments.get(index) else { return Sent::nothing() };
        if is_flattened(argument) {
            return Sent::others(self.document, self.arguments);
        }
        let mut ahead = self.next.clone();
        if let Some((_, value)) = ahead.find(|(name, _)| *name == argument.name) {
            self.next = ahead;
            return Sent::value(value);
        }
        self.document.members().get(argument.name).map_or(Sent::nothing(), Sent::value)
    }
}

pub(crate) fn is_flattened(argument: &ArgumentSpec) -> bool {
    argument.rules.iter().any(|rule| matches!(rule, Rule::Flatten))
}

#[cfg(test)]
mod tests;
