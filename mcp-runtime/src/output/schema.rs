//! The schema that a tool's answer has to meet.

use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::arguments::schema::bound_numbers;
use crate::arguments::work;
use crate::json::{Document, TooLong, Validator, compile};
use crate::spec::OutputSpec;

/// A tool's output schema, compiled.
#[derive(Debug)]
pub(crate) struct OutputSchema {
    /// What is published: an object, whatever the tool returns.
    pub(crate) published: Map<String, Value>,
    /// The tool returns something that is no object, which is sent as `{"result": …}`.
    pub(crate) wrapped: bool,
    validator: Validator,
    /// The same for a value, of which errors need no copies. Compiled once something is wrong, which most never need.
    listing: OnceLock<Result<jsonschema::Validator, String>>,
}

impl OutputSchema {
    /// The schema of a tool that has one.
    ///
    /// # Errors
    /// A schema that does not compile.
    pub(crate) fn compile(spec: &OutputSpec) -> Result<Option<Self>, String> {
        let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let Some(schema) = (spec.schema)(&mut generator) else { return Ok(None) };
        let mut definitions = generator.take_definitions(true);
        let mut root = Value::Object(inlined(schema.to_value(), &definitions));
        bound_numbers(&mut root);
        definitions.values_mut().for_each(bound_numbers);
        drop_unused(&root, &mut definitions);
        let wrapped = root.get("type").and_then(Value::as_str) != Some("object");
        let published = if wrapped {
            // Clients of 2025 take objects only; one form for all revisions keeps clients simple.
            json!({"type": "object", "properties": {"result": root}, "required": ["result"], "additionalProperties": false})
        } else {
            root
        };
        let Value::Object(mut published) = published else { return Err("the schema is no object".to_owned()) };
        if !definitions.is_empty() {
            published.insert("$defs".to_owned(), Value::Object(definitions));
        }
        let validator = compile(&Value::Object(published.clone()))?;
        Ok(Some(Self { published, wrapped, validator, listing: OnceLock::new() }))
    }

    /// The value as it is sent.
    pub(crate) fn wrap(&self, value: Document<'static>) -> Result<Document<'static>, TooLong> {
        if self.wrapped { value.within("result") } else { Ok(value) }
    }

    /// What is wrong with a value, for the log; `None` if it meets the schema. Paths and keywords, no values.
    pub(crate) fn problem(&self, value: &Document<'_>) -> Option<String> {
        if self.validator.is_valid(value.root()) {
            return None;
        }
        let value = value.root().to_value();
        if work::is_endless(&value, &self.published, &self.published) {
            return Some("the value is too large, or nested too deeply, to say what is wrong with it".to_owned());
        }
        let listing = self.listing.get_or_init(|| compile(&Value::Object(self.published.clone())));
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) => return Some(error.clone()),
        };
        let listed: Vec<_> = listing
            .iter_errors(&value)
            .take(5)
            .map(|error| format!("{} breaks {}", error.instance_path(), error.schema_path()))
            .collect();
        Some(listed.join("; "))
    }
}

/// Takes out definitions that nothing refers to any more.
fn drop_unused(root: &Value, definitions: &mut Map<String, Value>) {
    loop {
        let used = |name: &str| {
            let reference = Value::from(format!("#/$defs/{name}"));
            std::iter::once(root)
                .chain(definitions.iter().filter(|(other, _)| *other != name).map(|(_, schema)| schema))
                .any(|schema| refers_to(schema, &reference))
        };
        // Other names stand escaped in a reference, so their use is not plain to see.
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let Some(unused) = definitions.keys().find(|name| plain(name) && !used(name)).cloned() else { return };
        definitions.remove(&unused);
    }
}

fn refers_to(schema: &Value, reference: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            map.get("$ref") == Some(reference) || map.values().any(|schema| refers_to(schema, reference))
        }
        Value::Array(schemas) => schemas.iter().any(|schema| refers_to(schema, reference)),
        _ => false,
    }
}

/// The schema itself where the root is but a reference: clients look for `type` at the root.
fn inlined(schema: Value, definitions: &Map<String, Value>) -> Map<String, Value> {
    let Value::Object(mut map) = schema else {
        // `true`: anything goes.
        return Map::new();
    };
    let target = map
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix("#/$defs/"))
        .and_then(|name| definitions.get(name));
    if let Some(Value::Object(target)) = target {
        map.remove("$ref");
        for (key, value) in target {
            map.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    map
}
