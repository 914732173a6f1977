//! From checked arguments to the types of parameters.
//!
//! serde's own messages quote the value that did not fit; a deserializer of our own says where and what was expected,
//! and nothing of the value. A missing argument decodes from nothing, which only `Option` (by type, through any alias)
//! accepts.

mod error;
mod key;
mod variant;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

pub(crate) use error::Error;
use key::Key;
use variant::Variant;

use super::is_flattened;
use crate::json::{Document, Items, Kind, Members, Node};
use crate::spec::ArgumentSpec;

/// What was sent for a parameter.
#[derive(Clone, Copy)]
pub struct Sent<'d>(Place<'d>);

#[derive(Clone, Copy)]
enum Place<'d> {
    Nowhere,
    Value(Node<'d>),
    /// All that no parameter names.
    Others(&'d Document<'d>, &'static [ArgumentSpec]),
}

impl<'d> Sent<'d> {
    pub(crate) const fn nothing() -> Self {
        Self(Place::Nowhere)
    }

    pub(crate) const fn value(value: Node<'d>) -> Self {
        Self(Place::Value(value))
    }

    pub(super) const fn others(document: &'d Document<'d>, arguments: &'static [ArgumentSpec]) -> Self {
        Self(Place::Others(document, arguments))
    }
}

/// Decodes an argument.
pub(crate) fn decode<T: DeserializeOwned>(sent: Sent<'_>) -> Result<T, Error> {
    match sent.0 {
        Place::Nowhere => T::deserialize(Missing),
        Place::Value(node) => T::deserialize(Decoder(node)),
        Place::Others(document, arguments) => T::deserialize(Others(document.members(), arguments)),
    }
}

/// An argument that is not there: an `Option` is `None`, everything else is required.
struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error { pointer: String::new(), message: "is required".to_owned() })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The members that no parameter names, as an object.
struct Others<'d>(Members<'d>, &'static [ArgumentSpec]);

impl<'de> Deserializer<'de> for Others<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self(members, arguments) = self;
        let is_named = |name: &str| arguments.iter().any(|argument| argument.name == name && !is_flattened(argument));
        visitor.visit_map(Object { entries: members.filter(|(name, _)| !is_named(name)), value: None })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

pub(super) struct Decoder<'d>(Node<'d>);

impl Decoder<'_> {
    fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Error> {
        if let Some(number) = number.as_u64() {
            visitor.visit_u64(number)
        } else if let Some(number) = number.as_i64() {
            visitor.visit_i64(number)
        } else {
            visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
        }
    }
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Number(number) => Self::number(number, visitor),
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(values) => {
                let mut list = List { values, index: 0 };
                let value = visitor.visit_seq(&mut list)?;
                if list.values.len() == 0 { Ok(value) } else { Err(Error::expected(&"a shorter array")) }
            }
            Kind::Object(entries) => visitor.visit_map(Object { entries, value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0.kind() {
            Kind::Text(variant) => visitor.visit_enum(Variant { variant, value: None }),
            Kind::Object(mut entries) => match (entries.next(), entries.next()) {
                (Some((variant, value)), None) => visitor.visit_enum(Variant { variant, value: Some(value) }),
                _ => Err(Error::expected(&"an object with one property, the variant")),
            },
            _ => Err(Error::expected(&"a variant: a string, or an object with one property")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct List<'d> {
    values: Items<'d>,
    index: usize,
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.values.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Decoder(value)).map(Some).map_err(|error| error.below(&index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}

struct Object<'d, I> {
    entries: I,
    value: Option<(&'d str, Node<'d>)>,
}

impl<'de, I: Iterator<Item = (&'de str, Node<'de>)>> MapAccess<'de> for Object<'de, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some((key, value));
        seed.deserialize(Key(key)).map(Some).map_err(|error| error.below(&super::violation::shown(key)))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let (key, value) = self.value.take().ok_or_else(|| Error::expected(&"a value behind its key"))?;
        seed.deserialize(Decoder(value)).map_err(|error| error.below(&super::violation::shown(key)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[allow(clippy::needless_pass_by_value)]
    fn decoded<T: DeserializeOwned>(value: Option<Value>) -> Result<T, Error> {
        let document = value.as_ref().map(Document::of);
        decode(document.as_ref().map_or(Sent::nothing(), |document| Sent::value(document.root())))
    }

    type Maybe = Option<u32>;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Unit,
        New(u8),
        Tuple(u8, String),
        Struct { a: bool },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Nested {
        shapes: Vec<Shape>,
        by_id: BTreeMap<u32, String>,
        note: Option<String>,
    }

    #[test]
    fn only_options_decode_from_nothing() {
        assert_eq!(decoded::<Maybe>(None), Ok(None));
        assert_eq!(decoded::<u32>(None).unwrap_err().message, "is required");
        assert!(decoded::<Value>(None).is_err());
        assert!(decoded::<String>(None).is_err());
    }

    #[test]
    fn every_shape_decodes_as_serde_json_does() {
        let value = json!({
            "shapes": ["unit", {"new": 7}, {"tuple": [1, "x"]}, {"struct": {"a": true}}],
            "by_id": {"17": "seventeen"},
        });
        assert_eq!(decoded::<Nested>(Some(value.clone())).unwrap(), serde_json::from_value(value).unwrap());
    }

    #[test]
    fn an_error_says_where_and_nothing_of_the_value() {
        let value = json!({"shapes": ["unit", {"new": "s3cret"}], "by_id": {}});
        let error = decoded::<Nested>(Some(value)).unwrap_err();
        assert_eq!(error.pointer, "/shapes/1");
        assert_eq!(error.message, "must be an integer in the range of its type, that its digits show exactly");
        for value in [json!("s3cret"), json!({"s3cret": 1}), json!(["s3cret"])] {
            let error = decoded::<Shape>(Some(value)).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_pointer_is_escaped() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)]
        struct Slash {
            #[serde(rename = "a/b")]
            ab: u8,
        }
        assert_eq!(decoded::<Slash>(Some(json!({}))).unwrap_err().pointer, "/a~1b");
        assert_eq!(decoded::<Slash>(Some(json!({"a/b": "x"}))).unwrap_err().pointer, "/a~1b");
    }

    #[test]
    fn a_key_that_is_a_number_has_one_spelling() {
        type Numbered = BTreeMap<i32, u8>;
        assert_eq!(decoded::<Numbered>(Some(json!({"5": 1, "-7": 2}))), Ok([(5, 1), (-7, 2)].into()));
        for name in ["05", "+5", "-0", " 5", "5.0", ""] {
            assert!(decoded::<Numbered>(Some(json!({"5": 1, name: 2}))).is_err(), "{name}");
        }
    }

    #[test]
    fn a_list_is_taken_whole() {
        assert!(decoded::<(u8, u8)>(Some(json!([1, 2, 3]))).is_err());
        assert_eq!(decoded::<(u8, u8)>(Some(json!([1, 2]))), Ok((1, 2)));
    }
}
