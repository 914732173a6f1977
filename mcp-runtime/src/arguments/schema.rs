//! The schema of a tool's arguments: one thing, published and enforced.

use jsonschema::{PatternOptions, Validator};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::is_flattened;
use super::violation::{self, MAX_VIOLATIONS, Violation};
use crate::spec::{ArgumentSpec, Bounds, Number, Rule, Size};

/// A tool's argument schema, compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// What is published.
    pub(crate) published: Map<String, Value>,
    /// What stands in for arguments that are left out.
    pub(crate) defaults: Vec<(&'static str, Value)>,
    /// Arguments whose numbers are taken as they are written.
    pub(crate) strict: Vec<&'static str>,
    validator: Validator,
    /// A validator of each argument, for schemas that refer to themselves.
    each: Option<Vec<(String, Validator)>>,
    names: Vec<String>,
}

impl Compiled {
    /// Builds and compiles the schema of a tool's arguments.
    ///
    /// # Errors
    /// In words for the tool's author: a rule that does not fit its type, a pattern that does not compile, a default
    /// that breaks its own rules.
    pub(crate) fn new(arguments: &'static [ArgumentSpec]) -> Result<Self, String> {
        let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let mut properties = Map::new();
        let mut required = Vec::new();
        let mut defaults = Vec::new();
        let mut flattened = Vec::new();
        for argument in arguments {
            let schema = (argument.schema)(&mut generator).to_value();
            if is_flattened(argument) {
                flattened.push((argument.name, schema));
                continue;
            }
            let mut property = match schema {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            if !argument.description.is_empty() {
                property.insert("description".to_owned(), argument.description.into());
            }
            let default = apply(argument, &mut property)?;
            if default.is_none() && !(argument.optional)() {
                required.push(Value::from(argument.name));
            }
            defaults.extend(default.map(|default| (argument.name, default)));
            if properties.insert(argument.name.to_owned(), Value::Object(property)).is_some() {
                return Err(format!("two arguments are named `{}`", argument.name));
            }
        }
        let mut definitions = generator.take_definitions(true);
        for (name, schema) in flattened {
            merge(name, schema, &definitions, &mut properties, &mut required)?;
        }
        properties.values_mut().for_each(bound_integers);
        definitions.values_mut().for_each(bound_integers);
        for argument in arguments {
            check_rules(argument, &properties, &definitions)?;
        }
        let names = properties.keys().cloned().collect();
        let mut published = Map::new();
        published.insert("type".to_owned(), "object".into());
        published.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            published.insert("required".to_owned(), Value::Array(required));
        }
        published.insert("additionalProperties".to_owned(), false.into());
        if !definitions.is_empty() {
            published.insert("$defs".to_owned(), Value::Object(definitions));
        }
        let validator = compile(&Value::Object(published.clone()))?;
        let is_strict = |argument: &&ArgumentSpec| argument.rules.iter().any(|rule| matches!(rule, Rule::Strict));
        let strict = arguments.iter().filter(is_strict).map(|argument| argument.name).collect();
        let each = is_recursive(&published).then(|| each_argument(&published)).transpose()?;
        let compiled = Self { published, defaults, strict, validator, each, names };
        compiled.check_defaults()?;
        Ok(compiled)
    }

    /// Everything that is wrong with these arguments, at most [`MAX_VIOLATIONS`], in the order of their places.
    pub(crate) fn violations(&self, arguments: &Value) -> Vec<Violation> {
        if self.validator.is_valid(arguments) {
            return Vec::new();
        }
        if let Some(each) = &self.each {
            return self.coarse(each, arguments);
        }
        let mut violations = Vec::new();
        for error in self.validator.iter_errors(arguments) {
            violation::of_error(&error, &self.names, &mut violations);
            if violations.len() > MAX_VIOLATIONS {
                break;
            }
        }
        violations.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        violations.dedup();
        violations.truncate(MAX_VIOLATIONS);
        violations
    }

    /// What is wrong, by argument alone. Of a schema that refers to itself the validator collects the errors of every
    /// branch at every depth, which a short text makes into hours and gigabytes.
    fn coarse(&self, each: &[(String, Validator)], arguments: &Value) -> Vec<Violation> {
        let Value::Object(arguments) = arguments else { return Vec::new() };
        let required = self.published.get("required").and_then(Value::as_array);
        let missing =
            required.into_iter().flatten().filter_map(Value::as_str).filter(|name| !arguments.contains_key(*name));
        let missing = missing.map(|name| Violation::new(format!("/{name}"), "required", "is required"));
        let unknown = arguments
            .keys()
            .filter(|name| !self.names.contains(name))
            .map(|name| violation::unknown("", name, &self.names));
        let broken =
            each.iter().filter(|(name, validator)| arguments.get(name).is_some_and(|value| !validator.is_valid(value)));
        let broken = broken.map(|(name, _)| {
            Violation::new(
                format!("/{name}"),
                "schema",
                "does not have the form that the schema of this argument describes",
            )
        });
        let mut violations: Vec<_> = missing.chain(broken).chain(unknown.take(MAX_VIOLATIONS)).collect();
        violations.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        violations.truncate(MAX_VIOLATIONS);
        violations
    }

    fn check_defaults(&self) -> Result<(), String> {
        let defaults: Map<_, _> =
            self.defaults.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let broken = self.violations(&Value::Object(defaults));
        let wrong = broken.iter().find(|violation| violation.keyword != "required");
        match wrong {
            None => Ok(()),
            Some(violation) => {
                Err(format!("the default of `{}` breaks its own rules: {}", &violation.pointer[1..], violation.message))
            }
        }
    }
}

/// Whether a definition of the schema refers to itself, through others or not.
pub(crate) fn is_recursive(schema: &Map<String, Value>) -> bool {
    let Some(Value::Object(definitions)) = schema.get("$defs") else { return false };
    definitions.keys().any(|start| {
        let mut seen: Vec<&str> = Vec::new();
        let mut open: Vec<&str> = references(&definitions[start]);
        while let Some(name) = open.pop() {
            // A name that is escaped in its reference is not found: it may be any.
            if name == start || !definitions.contains_key(name) {
                return true;
            }
            if !seen.contains(&name) {
                seen.push(name);
                open.extend(definitions.get(name).into_iter().flat_map(references));
            }
        }
        false
    })
}

/// The definitions that a schema refers to.
fn references(schema: &Value) -> Vec<&str> {
    match schema {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix("#/$defs/"));
            own.into_iter().chain(map.values().flat_map(references)).collect()
        }
        Value::Array(schemas) => schemas.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// A validator of each argument.
fn each_argument(schema: &Map<String, Value>) -> Result<Vec<(String, Validator)>, String> {
    let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(Vec::new()) };
    let compiled = properties.iter().map(|(name, property)| {
        let mut alone = property.as_object().cloned().unwrap_or_default();
        alone.insert("$defs".to_owned(), schema.get("$defs").cloned().unwrap_or_default());
        Ok((name.clone(), compile(&Value::Object(alone))?))
    });
    compiled.collect()
}

/// Compiles a schema: 2020-12, references inside of it only, formats asserted, patterns in linear time.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| format!("the schema does not compile: {error}"))
}

/// Writes the rules of an argument into its schema; gives the default, if there is one.
fn apply(argument: &ArgumentSpec, property: &mut Map<String, Value>) -> Result<Option<Value>, String> {
    let mut default = None;
    for rule in argument.rules {
        match rule {
            Rule::Range(bounds) => range(bounds, property)?,
            Rule::Length(size) => bound(size, ["minLength", "maxLength"], property),
            Rule::Items(size) => bound(size, ["minItems", "maxItems"], property),
            Rule::Pattern(pattern) => drop(property.insert("pattern".to_owned(), (*pattern).into())),
            Rule::Format(format) => drop(property.insert("format".to_owned(), (*format).into())),
            Rule::Header(header) => drop(property.insert("x-mcp-header".to_owned(), (*header).into())),
            Rule::Default(value) => {
                let value = value();
                property.insert("default".to_owned(), value.clone());
                default = Some(value);
            }
            Rule::Pii | Rule::Secret | Rule::Flatten | Rule::Strict => {}
        }
    }
    Ok(default)
}

fn range(bounds: &Bounds, property: &mut Map<String, Value>) -> Result<(), String> {
    let upper = if bounds.exclusive { "exclusiveMaximum" } else { "maximum" };
    for (keyword, limit) in [("minimum", bounds.minimum), (upper, bounds.maximum)] {
        if let Some(limit) = limit {
            property.insert(keyword.to_owned(), number(limit)?);
        }
    }
    Ok(())
}

fn number(number: Number) -> Result<Value, String> {
    let json = match number {
        Number::Integer(integer) => serde_json::Number::from_i128(integer),
        Number::Float(float) => serde_json::Number::from_f64(float),
    };
    json.map(Value::Number).ok_or_else(|| "a bound of a range does not fit into 64 bits".to_owned())
}

fn bound(size: &Size, keywords: [&str; 2], property: &mut Map<String, Value>) {
    for (keyword, limit) in keywords.into_iter().zip([size.min, size.max]) {
        if let Some(limit) = limit {
            property.insert(keyword.to_owned(), limit.into());
        }
    }
}

/// A rule that does not apply to its type would be an option without effect.
fn check_rules(
    argument: &ArgumentSpec,
    properties: &Map<String, Value>,
    definitions: &Map<String, Value>,
) -> Result<(), String> {
    let Some(property) = properties.get(argument.name) else { return Ok(()) };
    for rule in argument.rules {
        let (option, types): (_, &[&str]) = match rule {
            Rule::Range(_) => ("range", &["integer", "number"]),
            Rule::Length(_) => ("length", &["string"]),
            Rule::Pattern(_) => ("pattern", &["string"]),
            Rule::Format(_) => ("format", &["string"]),
            Rule::Items(_) => ("items", &["array"]),
            Rule::Header(_) => ("header", &["integer", "string", "boolean"]),
            _ => continue,
        };
        if !admits(property, definitions, types) {
            return Err(format!(
                "`{option}` on the argument `{}` needs a type that is {}",
                argument.name,
                types.join(" or ")
            ));
        }
        if let Rule::Format(format) = rule
            && !jsonschema::draft202012::options().is_known_format(jsonschema::Draft::Draft202012, format)
        {
            return Err(format!(
                "`format = \"{format}\"` on the argument `{}` is no format of JSON Schema 2020-12",
                argument.name
            ));
        }
    }
    Ok(())
}

/// Whether a schema admits one of these types, as far as it says.
fn admits(schema: &Value, definitions: &Map<String, Value>, types: &[&str]) -> bool {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/")) {
        return definitions.get(target).is_some_and(|target| admits(target, definitions, types));
    }
    match schema.get("type") {
        Some(Value::String(kind)) => types.contains(&kind.as_str()),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| types.contains(&kind)),
        _ => ["anyOf", "oneOf"]
            .iter()
            .find_map(|keyword| schema.get(keyword)?.as_array())
            .is_none_or(|forms| forms.iter().any(|form| admits(form, definitions, types))),
    }
}

/// `flatten`: the properties of a struct beside the other arguments.
fn merge(
    name: &str,
    schema: Value,
    definitions: &Map<String, Value>,
    properties: &mut Map<String, Value>,
    required: &mut Vec<Value>,
) -> Result<(), String> {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
    let schema = target.and_then(|target| definitions.get(target)).cloned().unwrap_or(schema);
    let Some(Value::Object(own)) = schema.get("properties") else {
        return Err(format!("`flatten` on the argument `{name}` needs a struct with named fields"));
    };
    for (property, schema) in own {
        if properties.insert(property.clone(), schema.clone()).is_some() {
            return Err(format!("`flatten` on the argument `{name}` brings a second argument named `{property}`"));
        }
    }
    if let Some(Value::Array(own)) = schema.get("required") {
        required.extend(own.iter().cloned());
    }
    Ok(())
}

/// Gives integers the bounds of their Rust type, which schemars leaves to the `format`.
pub(crate) fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some((minimum, maximum)) = map.get("format").and_then(Value::as_str).and_then(integer_bounds) {
                map.remove("format");
                map.entry("minimum").or_insert(minimum);
                if !map.contains_key("exclusiveMaximum") {
                    map.entry("maximum").or_insert(maximum);
                }
            } else if matches!(
                map.get("format").and_then(Value::as_str),
                Some("float" | "double" | "int128" | "uint128")
            ) {
                map.remove("format");
            }
            for (key, value) in map {
                // Values of the user's, not schemas.
                if !matches!(key.as_str(), "default" | "const" | "enum" | "examples") {
                    bound_integers(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

fn integer_bounds(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "int8" => (json!(i8::MIN), json!(i8::MAX)),
        "int16" => (json!(i16::MIN), json!(i16::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        "int64" => (json!(i64::MIN), json!(i64::MAX)),
        "int" => (json!(isize::MIN), json!(isize::MAX)),
        "uint8" => (json!(0), json!(u8::MAX)),
        "uint16" => (json!(0), json!(u16::MAX)),
        "uint32" => (json!(0), json!(u32::MAX)),
        "uint64" => (json!(0), json!(u64::MAX)),
        "uint" => (json!(0), json!(usize::MAX)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::__private::arg;

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "type")]
    #[allow(dead_code)]
    enum Filter {
        And { children: Vec<Filter> },
        Or { children: Vec<Filter> },
        Leaf { value: u32 },
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_checked_in_bounded_time() {
        const ARGUMENTS: &[ArgumentSpec] =
            &[arg::<Filter>().spec("filter", "", &[]), arg::<u32>().spec("limit", "", &[])];
        let schema = Compiled::new(ARGUMENTS).unwrap();
        let mut filter = json!({ "type": "Leaf", "value": "wrong" });
        for _ in 0..40 {
            filter = json!({ "type": "And", "children": [filter] });
        }
        let started = Instant::now();
        let violations = schema.violations(&json!({ "filter": filter, "limt": 1 }));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        let places: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(places, ["/filter", "/limit", "/limt"]);
        let right = json!({ "filter": { "type": "Or", "children": [{ "type": "Leaf", "value": 1 }] }, "limit": 1 });
        assert!(schema.violations(&right).is_empty());
    }
}
