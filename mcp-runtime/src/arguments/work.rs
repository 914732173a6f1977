//! How much it takes to say what is wrong.
//!
//! Whether a value meets a schema is told in a time that grows with the value: of several forms, all but one fail at once.
//! To list what is wrong, each form is gone through to the end; in a type that holds itself in several forms under one
//! name (a tagged enum with `next: Box<Self>` in three variants) that triples with every level of the value. So the work
//! is counted before it is done.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::shape::Schemas;

/// How many steps one argument is worth.
const MAX_STEPS: u64 = 20_000;

/// How many the largest is worth: every step may leave an error, and a thousand of those take a megabyte and some
/// milliseconds.
const MOST_STEPS: u64 = 60_000;

/// The arguments that take too long to explain.
pub(super) fn endless(arguments: &Map<String, Value>, published: &Map<String, Value>) -> Vec<String> {
    let Some(properties) = published.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let schema = |name: &str| properties.get(name).and_then(Value::as_object);
    let endless = arguments
        .iter()
        .filter(|(name, value)| schema(name).is_some_and(|schema| is_endless(value, schema, published)));
    endless.map(|(name, _)| name.clone()).collect()
}

/// Whether it takes too long to list what is wrong with a value of a schema of this document.
pub(crate) fn is_endless(value: &Value, schema: &Map<String, Value>, document: &Map<String, Value>) -> bool {
    let mut count = Count { document: Schemas(document), known: HashMap::new() };
    // A wide value of a few forms takes its size a few times.
    let most = MAX_STEPS.saturating_add(3 * size(value)).min(MOST_STEPS);
    count.steps_in(value, schema) > most
}

fn size(value: &Value) -> u64 {
    match value {
        Value::Array(values) => 1 + values.iter().map(size).sum::<u64>(),
        Value::Object(map) => 1 + map.values().map(size).sum::<u64>(),
        _ => 1,
    }
}

struct Count<'a> {
    document: Schemas<'a>,
    /// What is known of a value and a schema, by their addresses.
    known: HashMap<(*const Value, *const Map<String, Value>), u64>,
}

impl<'a> Count<'a> {
    /// How often a part of the value meets a part of the schema.
    fn steps(&mut self, value: &Value, schema: &'a Value) -> u64 {
        schema.as_object().map_or(1, |map| self.steps_in(value, map))
    }

    fn steps_in(&mut self, value: &Value, map: &'a Map<String, Value>) -> u64 {
        let key = (std::ptr::from_ref(value), std::ptr::from_ref(map));
        if let Some(steps) = self.known.get(&key) {
            return *steps;
        }
        // What refers to itself without a step into the value goes on nowhere.
        self.known.insert(key, 1);
        let mut steps = 1_u64;
        let forms = ["allOf", "anyOf", "oneOf"].iter().filter_map(|keyword| map.get(*keyword)?.as_array()).flatten();
        for schema in forms.chain(self.document.target(map)) {
            steps = steps.saturating_add(self.steps(value, schema));
        }
        match value {
            Value::Object(members) => {
                let own = map.get("properties").and_then(Value::as_object);
                let others = map.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values);
                let others: Vec<_> = others.chain(map.get("additionalProperties")).collect();
                for (name, value) in members {
                    match own.and_then(|own| own.get(name)) {
                        Some(schema) => steps = steps.saturating_add(self.steps(value, schema)),
                        None => {
                            for schema in &others {
                                steps = steps.saturating_add(self.steps(value, schema));
                            }
                        }
                    }
                }
            }
            Value::Array(items) => {
                let first = map.get("prefixItems").and_then(Value::as_array);
                for (index, value) in items.iter().enumerate() {
                    let schema = first.and_then(|first| first.get(index)).or_else(|| map.get("items"));
                    steps = schema.map_or(steps, |schema| steps.saturating_add(self.steps(value, schema)));
                }
            }
            _ => {}
        }
        self.known.insert(key, steps);
        steps
    }
}
