//! The schema of a tool's arguments: one thing, published and enforced.

use std::sync::OnceLock;

use jsonschema::json::SerdeJson;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

pub(crate) use super::narrow::bound_numbers;

use super::shape::{Kinds, Schemas};
use super::violation::{MAX_VIOLATIONS, Violation, escape};
use super::{explain, is_flattened, narrow, work};
use crate::json::{Document, Validator, compile};
use crate::spec::{ArgumentSpec, Bounds, Number, Rule, Size};

/// A tool's argument schema, compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// What is published.
    pub(crate) published: Map<String, Value>,
    /// What stands in for arguments that are left out.
    pub(crate) defaults: Vec<(&'static str, Value)>,
    /// Arguments of which nothing is coerced; `None` if nothing is of any.
    pub(super) coerced_but: Option<Vec<String>>,
    validator: Validator,
    /// The same schema, to say what is wrong: its errors show parts of a value, which documents would have to copy.
    explainer: OnceLock<Option<jsonschema::Validator<SerdeJson>>>,
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
                flattened.push((argument, schema));
                continue;
            }
            let mut property = match schema {
                Value::Object(map) => map,
                Value::Bool(false) => return Err(format!("no value fits the argument `{}`", argument.name)),
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
        let is_kept =
            |argument: &&ArgumentSpec| argument.rules.iter().any(|rule| matches!(rule, Rule::Header(_) | Rule::Strict));
        let mut kept: Vec<_> = arguments.iter().filter(is_kept).map(|argument| argument.name.to_owned()).collect();
        for (argument, schema) in flattened {
            let names = merge(argument.name, schema, &definitions, &mut properties, &mut required)?;
            if is_kept(&argument) {
                kept.extend(names);
            }
        }
        narrow::arguments(&mut properties, &mut definitions);
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
        for argument in arguments {
            check_rules(argument, Schemas(&published))?;
        }
        let validator = compile(&Value::Object(published.clone()))?;
        let explainer = OnceLock::new();
        let compiled = Self { published, defaults, coerced_but: Some(kept), validator, explainer };
        compiled.check_defaults()?;
        Ok(compiled)
    }

    /// Takes every argument as it comes.
    pub(crate) fn without_coercion(mut self) -> Self {
        self.coerced_but = None;
        self
    }

    /// Whether arguments meet the schema.
    pub(super) fn is_met(&self, arguments: &Document<'_>) -> bool {
        self.validator.is_valid(arguments.root())
    }

    /// Everything that is wrong with these arguments, in the order of their places.
    pub(crate) fn violations(&self, arguments: &Document<'_>) -> Vec<Violation> {
        let compiled = || compile(&Value::Object(self.published.clone())).ok();
        let Some(explainer) = self.explainer.get_or_init(compiled) else { return Vec::new() };
        let arguments = arguments.root().to_value();
        let endless = arguments.as_object().map_or_else(Vec::new, |map| work::endless(map, &self.published));
        if endless.is_empty() {
            return explain::violations(explainer.iter_errors(&arguments), &self.published);
        }
        let mut rest = arguments;
        let mut violations = Vec::new();
        for name in endless {
            rest.as_object_mut().and_then(|map| map.shift_remove(&name));
            let message = "is too large, or nested too deeply, to say what is wrong with it; send a simpler value";
            violations.push(Violation::new(format!("/{}", escape(&name)), "depth", message));
        }
        for violation in explain::violations(explainer.iter_errors(&rest), &self.published) {
            if violations.len() < MAX_VIOLATIONS && violations.iter().all(|other| other.pointer != violation.pointer) {
                violations.push(violation);
            }
        }
        violations
    }

    fn check_defaults(&self) -> Result<(), String> {
        if self.defaults.is_empty() {
            return Ok(());
        }
        // Alone, so that nothing hides what is wrong with them.
        let mut alone = self.published.clone();
        alone.shift_remove("required");
        let validator = compile::<SerdeJson>(&Value::Object(alone))?;
        let defaults = self.defaults.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let defaults = Value::Object(defaults.collect());
        match explain::violations(validator.iter_errors(&defaults), &self.published).first() {
            None => Ok(()),
            Some(violation) => {
                Err(format!("the default of `{}` breaks its own rules: {}", &violation.pointer[1..], violation.message))
            }
        }
    }
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
            Rule::Pii | Rule::Secret | Rule::Plain | Rule::Flatten | Rule::Strict => {}
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
fn check_rules(argument: &ArgumentSpec, document: Schemas<'_>) -> Result<(), String> {
    let Some(property) = document.0.get("properties").and_then(|all| all.get(argument.name)) else { return Ok(()) };
    let number = Kinds::INTEGER.or(Kinds::FRACTION);
    for rule in argument.rules {
        let (option, kinds) = match rule {
            Rule::Range(_) => ("range", number),
            Rule::Length(_) => ("length", Kinds::STRING),
            Rule::Pattern(_) => ("pattern", Kinds::STRING),
            Rule::Format(_) => ("format", Kinds::STRING),
            Rule::Items(_) => ("items", Kinds::ARRAY),
            Rule::Header(_) => ("header", Kinds::INTEGER.or(Kinds::STRING).or(Kinds::BOOLEAN)),
            _ => continue,
        };
        if !document.kinds(property).meet(kinds) {
            let words = kinds.words();
            return Err(format!("`{option}` on the argument `{}` needs a type that is {words}", argument.name));
        }
        if let Rule::Range(_) = rule
            && is_empty(property)
        {
            return Err(format!("`range` on the argument `{}` leaves no value of its type", argument.name));
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

/// Whether the bounds of a number cross.
fn is_empty(property: &Value) -> bool {
    let bound = |keyword: &str| property.get(keyword).and_then(Value::as_f64);
    let crosses =
        |maximum: &str| bound("minimum").zip(bound(maximum)).is_some_and(|(minimum, maximum)| minimum > maximum);
    crosses("maximum") || crosses("exclusiveMaximum")
}

/// `flatten`: the properties of a struct beside the other arguments. Gives their names.
fn merge(
    name: &str,
    schema: Value,
    definitions: &Map<String, Value>,
    properties: &mut Map<String, Value>,
    required: &mut Vec<Value>,
) -> Result<Vec<String>, String> {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"));
    let schema = target.and_then(|target| definitions.get(target)).cloned().unwrap_or(schema);
    let Some(Value::Object(own)) = schema.get("properties") else {
        return Err(format!("`flatten` on the argument `{name}` needs a struct with named fields"));
    };
    let more = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"].iter().any(|key| schema.get(key).is_some());
    let is_open = schema.get("additionalProperties").is_some_and(|rest| *rest != Value::Bool(false));
    if more || is_open {
        return Err(format!(
            "`flatten` on the argument `{name}` needs a struct of plain fields: a flattened enum or map among them has no \
             place beside the other arguments; leave `flatten` out"
        ));
    }
    for (property, schema) in own {
        if properties.insert(property.clone(), schema.clone()).is_some() {
            return Err(format!("`flatten` on the argument `{name}` brings a second argument named `{property}`"));
        }
    }
    if let Some(Value::Array(own)) = schema.get("required") {
        required.extend(own.iter().cloned());
    }
    Ok(own.keys().cloned().collect())
}
