//! Reading a JSON Schema: what it admits, and what it says of the parts of a value.
//!
//! Everything here is asked where a wrong answer has to be the harmless one: [`Schemas::kinds`] names at least what the schema
//! admits, and what cannot be told is taken for "anything".

use serde_json::{Map, Value};

/// How deep references and forms are followed, so that those in a circle end.
const DEPTH: u32 = 10;

/// Kinds of JSON values, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    /// With a fraction.
    pub(super) const FRACTION: Self = Self(8);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const ALL: Self = Self(127);

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::INTEGER.or(Self::FRACTION),
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.as_f64().is_some_and(|float| float.fract() == 0.0) => Self::INTEGER,
            Value::Number(_) => Self::FRACTION,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the sets have a kind in common.
    pub(super) fn meet(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    /// The kinds in words: `an integer or null`.
    pub(super) fn words(self) -> String {
        let number = Self::INTEGER.or(Self::FRACTION);
        let mut words = Vec::new();
        if self.and(number) == number {
            words.push("a number");
        } else if self.meet(Self::INTEGER) {
            words.push("an integer");
        }
        for (kind, word) in [
            (Self::STRING, "a string"),
            (Self::BOOLEAN, "true or false"),
            (Self::ARRAY, "an array"),
            (Self::OBJECT, "an object"),
            (Self::NULL, "null"),
        ] {
            if self.meet(kind) {
                words.push(word);
            }
        }
        words.join(" or ")
    }
}

/// The document that references point into.
#[derive(Clone, Copy)]
pub(super) struct Schemas<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Schemas<'a> {
    /// The part of the document at a pointer.
    pub(super) fn at(self, pointer: &str) -> Option<&'a Value> {
        let (first, rest) = match pointer.strip_prefix('/')?.split_once('/') {
            Some((first, rest)) => (first, format!("/{rest}")),
            None => (pointer.strip_prefix('/')?, String::new()),
        };
        self.0.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(&rest)
    }

    /// The target of a schema's reference.
    pub(super) fn target(self, schema: &Map<String, Value>) -> Option<&'a Value> {
        self.at(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    /// The schema itself, or what it refers to in the end.
    pub(super) fn resolved(self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEPTH {
            match schema.as_object().and_then(|map| self.target(map)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// At least the kinds that a schema admits.
    pub(super) fn kinds(self, schema: &Value) -> Kinds {
        self.kinds_to(schema, DEPTH)
    }

    fn kinds_to(self, schema: &Value, depth: u32) -> Kinds {
        let map = match schema {
            Value::Bool(false) => return Kinds::NONE,
            Value::Object(map) if depth > 0 => map,
            _ => return Kinds::ALL,
        };
        let union = |schemas: &Value, each: &dyn Fn(&Value) -> Kinds| {
            let schemas = schemas.as_array().map_or(&[][..], Vec::as_slice);
            schemas.iter().map(each).fold(Kinds::NONE, Kinds::or)
        };
        let inner = |schema: &Value| self.kinds_to(schema, depth - 1);
        let mut kinds = Kinds::ALL;
        for (keyword, value) in map {
            kinds = kinds.and(match (keyword.as_str(), value) {
                ("type", Value::String(name)) => Kinds::named(name),
                ("type", names) => union(names, &|name| name.as_str().map_or(Kinds::ALL, Kinds::named)),
                ("const", value) => Kinds::of(value),
                ("enum", values) => union(values, &Kinds::of),
                ("anyOf" | "oneOf", schemas) => union(schemas, &inner),
                ("allOf", Value::Array(schemas)) => schemas.iter().map(inner).fold(Kinds::ALL, Kinds::and),
                ("$ref", _) => self.target(map).map_or(Kinds::ALL, inner),
                _ => Kinds::ALL,
            });
        }
        kinds
    }

    /// The schemas that hold for a property of a value, by those that hold for the value, each of them in some form of it;
    /// none if it cannot be there. `true` stands among them where a form is open. None stands there twice, so that there
    /// are never more than the document has, however deep the value is.
    pub(super) fn property(self, schemas: &[&'a Value], name: &str) -> Vec<&'a Value> {
        self.parts(schemas, Part::Property(name))
    }

    /// As [`Schemas::property`], of an item of an array.
    pub(super) fn item(self, schemas: &[&'a Value], index: usize) -> Vec<&'a Value> {
        self.parts(schemas, Part::Item(index))
    }

    fn parts(self, schemas: &[&'a Value], part: Part<'_>) -> Vec<&'a Value> {
        let mut found = Vec::new();
        for schema in schemas {
            self.collect(schema, part, false, DEPTH, &mut found);
        }
        let mut distinct: Vec<&Value> = Vec::with_capacity(found.len());
        for schema in found {
            if !distinct.iter().any(|other| std::ptr::eq(*other, schema)) {
                distinct.push(schema);
            }
        }
        distinct
    }

    fn collect(self, schema: &'a Value, part: Part<'_>, closed: bool, depth: u32, found: &mut Vec<&'a Value>) {
        static ANY: &Value = &Value::Bool(true);
        let map = match schema {
            Value::Bool(false) => return,
            Value::Object(map) if depth > 0 => map,
            _ => return found.push(ANY),
        };
        let (own, rest): (Option<&Value>, _) = match part {
            Part::Property(name) => {
                let own = map.get("properties").and_then(|properties| properties.get(name));
                if let Some(patterns) = map.get("patternProperties").and_then(Value::as_object) {
                    // Which of them match is not asked: each is one that may hold.
                    found.extend(patterns.values());
                }
                (own, ["additionalProperties", "unevaluatedProperties", "patternProperties"])
            }
            Part::Item(index) => {
                let own = map.get("prefixItems").and_then(|items| items.get(index));
                (own, ["items", "unevaluatedItems", "prefixItems"])
            }
        };
        let closed = closed || rest.iter().any(|keyword| map.contains_key(*keyword));
        let is_composed = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|keyword| map.contains_key(*keyword));
        match own.or_else(|| map.get(rest[0])) {
            Some(schema) if *schema != Value::Bool(false) => found.push(schema),
            Some(_) => {}
            None if closed || is_composed => {}
            // A form of another kind says nothing of parts.
            None if !self.kinds_to(schema, depth).meet(part.whole()) => {}
            None => found.push(ANY),
        }
        if let Some(target) = self.target(map) {
            self.collect(target, part, closed, depth - 1, found);
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for schema in map.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                self.collect(schema, part, closed, depth - 1, found);
            }
        }
    }

    /// The names of the properties that some form of an object has.
    pub(super) fn names(self, schema: &'a Value) -> Vec<&'a str> {
        let mut names = Vec::new();
        self.collect_names(schema, DEPTH, &mut names);
        names
    }

    fn collect_names(self, schema: &'a Value, depth: u32, names: &mut Vec<&'a str>) {
        let Some(map) = schema.as_object().filter(|_| depth > 0) else { return };
        for name in map.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let parts = ["allOf", "anyOf", "oneOf"].iter().filter_map(|keyword| map.get(*keyword)?.as_array()).flatten();
        for schema in parts.chain(self.target(map)) {
            self.collect_names(schema, depth - 1, names);
        }
    }
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Property(&'a str),
    Item(usize),
}

impl Part<'_> {
    fn whole(self) -> Kinds {
        match self {
            Self::Property(_) => Kinds::OBJECT,
            Self::Item(_) => Kinds::ARRAY,
        }
    }
}

/// Visits the schemas right below a schema, with the keywords that they stand under, and none of the values beside them.
pub(super) fn for_each_part(map: &mut Map<String, Value>, mut visit: impl FnMut(&str, &mut Value)) {
    for (keyword, value) in map {
        let keyword = keyword.as_str();
        match keyword {
            "additionalItems"
            | "additionalProperties"
            | "contains"
            | "else"
            | "if"
            | "items"
            | "not"
            | "propertyNames"
            | "then"
            | "unevaluatedItems"
            | "unevaluatedProperties" => visit(keyword, value),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                value.as_array_mut().into_iter().flatten().for_each(|part| visit(keyword, part));
            }
            "$defs" | "definitions" | "dependentSchemas" | "patternProperties" | "properties" => {
                value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(|part| visit(keyword, part));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Map<String, Value> {
        let Value::Object(map) = json!({
            "type": "object",
            "properties": {
                "count": {"type": ["integer", "null"]},
                "kind": {"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}]},
                "loop": {"$ref": "#/$defs/Loop"},
                "any": true,
            },
            "additionalProperties": false,
            "$defs": {
                "Kind": {"oneOf": [
                    {"type": "string", "enum": ["a", "b"]},
                    {"type": "object", "properties": {"c": {"type": "integer"}}, "additionalProperties": false},
                ]},
                "Loop": {"$ref": "#/$defs/Loop"},
            },
        }) else {
            unreachable!()
        };
        map
    }

    #[test]
    fn kinds_are_what_the_schema_admits() {
        let map = document();
        let document = Schemas(&map);
        let kinds = |name: &str| document.kinds(document.at(&format!("/properties/{name}")).unwrap());
        assert_eq!(kinds("count"), Kinds::INTEGER.or(Kinds::NULL));
        assert_eq!(kinds("kind"), Kinds::STRING.or(Kinds::OBJECT).or(Kinds::NULL));
        assert_eq!(kinds("any"), Kinds::ALL);
        assert_eq!(kinds("loop"), Kinds::ALL);
        assert_eq!(document.kinds(&json!({"type": "string", "const": 1})), Kinds::NONE);
    }

    #[test]
    fn parts_are_found_in_every_form() {
        let map = document();
        let document = Schemas(&map);
        let kind = document.at("/properties/kind").unwrap();
        assert_eq!(document.property(&[kind], "c"), [&json!({"type": "integer"})]);
        assert!(document.property(&[kind], "d").is_empty());
        assert_eq!(document.names(kind), ["c"]);
        let open = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        assert_eq!(document.property(&[&open], "b"), [&json!(true)]);
        let tuple = json!({"prefixItems": [{"type": "integer"}], "items": {"type": "boolean"}});
        assert_eq!(document.item(&[&tuple], 0), [&json!({"type": "integer"})]);
        assert_eq!(document.item(&[&tuple], 5), [&json!({"type": "boolean"})]);
    }
}
