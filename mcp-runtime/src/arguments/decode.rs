//! From a checked JSON value to the type of an argument.
//!
//! serde's own messages quote the value that did not fit; a deserializer of our own says where and what was expected,
//! and nothing of the value. A missing argument decodes from nothing, which only `Option` (by type, through any alias)
//! accepts.

use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde_json::{Map, Number, Value};

use super::escape;

/// What did not fit, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// JSON pointer below the argument.
    pub(crate) pointer: String,
    /// What was expected, or why the type said no.
    pub(crate) message: String,
}

impl Error {
    fn expected(expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        // Rust's names of numbers are no words of JSON's.
        let words = match expected.as_str() {
            "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
                "an integer in the range of its type, that its digits show exactly"
            }
            "f32" | "f64" => "a number",
            other => other,
        };
        Self { pointer: String::new(), message: format!("must be {words}") }
    }

    fn below(mut self, segment: &dyn Display) -> Self {
        self.pointer.insert_str(0, &escape(&segment.to_string()));
        self.pointer.insert(0, '/');
        self
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, self.message)
    }
}
impl std::error::Error for Error {}

impl de::Error for Error {
    /// A text made by the type's own code may quote the value: it is not passed on.
    fn custom<T: Display>(_: T) -> Self {
        Self { pointer: String::new(), message: "is not a value that this argument takes".to_owned() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self { pointer: String::new(), message: format!("must be one of {}", expected.join(", ")) }
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        let message = match expected {
            [] => "takes no fields".to_owned(),
            expected => format!("has a field other than {}", expected.join(", ")),
        };
        Self { pointer: String::new(), message }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { pointer: format!("/{}", escape(field)), message: "is required".to_owned() }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { pointer: format!("/{}", escape(field)), message: "stands twice".to_owned() }
    }
}

/// Decodes an argument; `None` is one that was left out.
pub(crate) fn decode<T: DeserializeOwned>(value: Option<Value>) -> Result<T, Error> {
    match value {
        Some(value) => T::deserialize(Decoder(value)),
        None => T::deserialize(Missing),
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

struct Decoder(Value);

impl Decoder {
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

impl<'de> Deserializer<'de> for Decoder {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => Self::number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(values) => {
                let mut list = List { values: values.into_iter(), index: 0 };
                let value = visitor.visit_seq(&mut list)?;
                if list.values.len() == 0 { Ok(value) } else { Err(Error::expected(&"a shorter array")) }
            }
            Value::Object(map) => visitor.visit_map(Object { entries: map.into_iter(), value: None }),
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
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant { variant, value: None }),
            Value::Object(map) => {
                let mut entries = map.into_iter();
                match (entries.next(), entries.next()) {
                    (Some((variant, value)), None) => visitor.visit_enum(Variant { variant, value: Some(value) }),
                    _ => Err(Error::expected(&"an object with one property, the variant")),
                }
            }
            _ => Err(Error::expected(&"a variant: a string, or an object with one property")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct List {
    values: std::vec::IntoIter<Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for List {
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

struct Object {
    entries: <Map<String, Value> as IntoIterator>::IntoIter,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Object {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        let decoded = seed.deserialize(Key(&key)).map_err(|error| error.below(&super::violation::shown(&key)));
        self.value = Some((key, value));
        decoded.map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let (key, value) = self.value.take().ok_or_else(|| Error::expected(&"a value behind its key"))?;
        seed.deserialize(Decoder(value)).map_err(|error| error.below(&super::violation::shown(&key)))
    }
}

/// A key of an object: a text, and a number or a boolean where a map is keyed by those.
struct Key<'a>(&'a str);

macro_rules! keys_that_are_parsed {
    ($($method:ident $visit:ident $ty:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse::<$ty>() {
                Ok(key) => visitor.$visit(key),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    keys_that_are_parsed!(
        deserialize_bool visit_bool bool, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_i128 visit_i128 i128, deserialize_u128 visit_u128 u128
    );

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let deserializer: StrDeserializer<'_, Error> = self.0.into_deserializer();
        deserializer.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant {
    variant: String,
    value: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), Error> {
        let variant = seed.deserialize(Key(&self.variant))?;
        Ok((variant, Content(self.value)))
    }
}

struct Content(Option<Value>);

impl Content {
    fn value(self) -> Result<Value, Error> {
        self.0.ok_or_else(|| Error::expected(&"an object with the variant's content"))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Error::expected(&"a variant without content")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Decoder(self.value()?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        match self.value()? {
            value @ Value::Array(_) => Decoder(value).deserialize_any(visitor),
            _ => Err(Error::expected(&"an array")),
        }
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        match self.value()? {
            value @ Value::Object(_) => Decoder(value).deserialize_any(visitor),
            _ => Err(Error::expected(&"an object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

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
        assert_eq!(decode::<Maybe>(None), Ok(None));
        assert_eq!(decode::<u32>(None).unwrap_err().message, "is required");
        assert!(decode::<Value>(None).is_err());
        assert!(decode::<String>(None).is_err());
    }

    #[test]
    fn every_shape_decodes_as_serde_json_does() {
        let value = json!({
            "shapes": ["unit", {"new": 7}, {"tuple": [1, "x"]}, {"struct": {"a": true}}],
            "by_id": {"17": "seventeen"},
        });
        assert_eq!(decode::<Nested>(Some(value.clone())).unwrap(), serde_json::from_value(value).unwrap());
    }

    #[test]
    fn an_error_says_where_and_nothing_of_the_value() {
        let value = json!({"shapes": ["unit", {"new": "s3cret"}], "by_id": {}});
        let error = decode::<Nested>(Some(value)).unwrap_err();
        assert_eq!(error.pointer, "/shapes/1");
        assert_eq!(error.message, "must be an integer in the range of its type, that its digits show exactly");
        for value in [json!("s3cret"), json!({"s3cret": 1}), json!(["s3cret"])] {
            let error = decode::<Shape>(Some(value)).unwrap_err();
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
        assert_eq!(decode::<Slash>(Some(json!({}))).unwrap_err().pointer, "/a~1b");
        assert_eq!(decode::<Slash>(Some(json!({"a/b": "x"}))).unwrap_err().pointer, "/a~1b");
    }

    #[test]
    fn a_list_is_taken_whole() {
        assert!(decode::<(u8, u8)>(Some(json!([1, 2, 3]))).is_err());
        assert_eq!(decode::<(u8, u8)>(Some(json!([1, 2]))), Ok((1, 2)));
    }
}
