//! A compiled schema looks at a [`Document`] as it is: no value is built for it.

use std::borrow::Cow;

use jsonschema::json::{Array, Json, NodeIdentity, Object};
use jsonschema::{JsonType, PatternOptions};
use serde_json::{Number, Value};

use super::unique::unique_items;
use super::{Document, Entry, Items, Kind, Members, Node};

/// A schema for documents.
pub(crate) type Validator = jsonschema::Validator<Documents>;

/// Documents, as the representation of JSON that schemas are asked about.
#[derive(Debug)]
pub(crate) struct Documents;

impl Json for Documents {
    type Node<'a> = Node<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = Document<'static>;

    // A member is looked for from the first one on, so one pass never costs more than a look-up.
    const KEYS_PER_LOOKUP: usize = 1 << 20;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(buffer: &mut Document<'static>, string: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        buffer.aside.clear();
        buffer.entries.clear();
        // The name stands in a document, so it is not too long for one.
        let _ = buffer.string(string);
        f(buffer.root())
    }
}

impl<'a> jsonschema::json::Node<'a, Documents> for Node<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        match self.kind() {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Items<'a>> {
        match self.kind() {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.document.text_at(self.at).map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        match self.document.entry(self.at) {
            Entry::Number(number) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.document.entry(self.at) {
            Entry::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        (*self).is_null()
    }

    fn json_type(&self) -> JsonType {
        match self.document.entry(self.at) {
            Entry::Null => JsonType::Null,
            Entry::Bool(_) => JsonType::Boolean,
            Entry::Number(_) => JsonType::Number,
            Entry::Here(_) | Entry::Aside(_) => JsonType::String,
            Entry::List(_) => JsonType::Array,
            Entry::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        equal(*self, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned((*self).to_value())
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::tagged(std::ptr::from_ref(self.document).addr(), self.at))
    }
}

/// Equality as JSON Schema has it: numbers by what they are worth, members in any order. Nothing is copied.
fn equal(node: Node<'_>, expected: &Value) -> bool {
    match (node.kind(), expected) {
        (Kind::Null, Value::Null) => true,
        (Kind::Bool(value), Value::Bool(expected)) => value == *expected,
        (Kind::Number(number), Value::Number(expected)) => jsonschema::json::cmp::equal_numbers(&number, expected),
        (Kind::Text(text), Value::String(expected)) => text == expected,
        (Kind::List(items), Value::Array(expected)) => {
            ExactSizeIterator::len(&items) == expected.len()
                && items.zip(expected).all(|(item, expected)| equal(item, expected))
        }
        (Kind::Object(members), Value::Object(expected)) => {
            let is_there = |(name, expected): (&String, &Value)| {
                Members::get(&members, name).is_some_and(|value| equal(value, expected))
            };
            ExactSizeIterator::len(&members) == expected.len() && expected.iter().all(is_there)
        }
        _ => false,
    }
}

impl<'a> Object<'a, Documents> for Members<'a> {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        ExactSizeIterator::len(self)
    }

    fn get(&self, key: &Box<str>) -> Option<Node<'a>> {
        Members::get(self, key)
    }

    fn members(&self) -> Members<'a> {
        self.clone()
    }
}

impl<'a> Array<'a, Documents> for Items<'a> {
    type Node = Node<'a>;
    type ElementsIter = Items<'a>;

    fn len(&self) -> usize {
        ExactSizeIterator::len(self)
    }

    fn elements(&self) -> Items<'a> {
        self.clone()
    }
}

/// Compiles a schema: 2020-12, references inside of it only, formats asserted, patterns and `uniqueItems` in linear time.
pub(crate) fn compile<F: Json>(schema: &Value) -> Result<jsonschema::Validator<F>, String> {
    jsonschema::options_for::<F>()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .with_keyword("uniqueItems", unique_items::<F>)
        .build(schema)
        .map_err(|error| format!("the schema does not compile: {error}"))
}
