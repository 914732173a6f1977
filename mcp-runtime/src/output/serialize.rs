//! A serializer to [`Value`] that cleans every string and key, counts bytes, and notes where untrusted values stand.

use std::fmt::{self, Display};

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::{Map, Number, Value};

use super::hygiene;
use super::trust::UNTRUSTED;

/// How deep an answer may nest.
const MAX_DEPTH: u16 = 128;

/// `serde_json`'s names for values that are JSON text already.
const RAW_VALUE: &str = "$serde_json::private::RawValue";
const RAW_NUMBER: &str = "$serde_json::private::Number";

/// A cleaned value.
#[derive(Debug)]
pub(crate) struct CleanValue {
    pub(crate) value: Value,
    pub(crate) untrusted: Vec<String>,
    pub(crate) removed: usize,
}

/// Why a value cannot be sent.
#[derive(Debug)]
pub(crate) enum Problem {
    TooLarge,
    Invalid(String),
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("too large"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}
impl std::error::Error for Problem {}

impl ser::Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Self::Invalid(message.to_string())
    }
}

/// Serialises a value, cleaned. Stops as soon as more than `max_bytes` came in: what is built never outgrows them by
/// more than a constant factor.
pub(crate) fn to_clean_value<T: Serialize + ?Sized>(value: &T, max_bytes: u64) -> Result<CleanValue, Problem> {
    let mut state = State { path: String::new(), untrusted: Vec::new(), removed: 0, bytes: 0, max_bytes };
    let value = value.serialize(Cleaner { state: &mut state, depth: 0 })?;
    Ok(CleanValue { value, untrusted: state.untrusted, removed: state.removed })
}

struct State {
    path: String,
    untrusted: Vec<String>,
    removed: usize,
    bytes: u64,
    max_bytes: u64,
}

impl State {
    /// Counts what a value takes in JSON at the least.
    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.max_bytes { Err(Problem::TooLarge) } else { Ok(()) }
    }

    fn text(&mut self, text: &str) -> Result<String, Problem> {
        self.count(text.len() + 2)?;
        let cleaned = hygiene::clean(text);
        self.removed += cleaned.removed;
        Ok(cleaned.text.into_owned())
    }

    fn below<T>(&mut self, segment: &dyn Display, run: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push('/');
        let start = self.path.len();
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(&mut self.path, format_args!("{segment}"));
        if self.path[start..].contains(['~', '/']) {
            let escaped = self.path[start..].replace('~', "~0").replace('/', "~1");
            self.path.truncate(start);
            self.path.push_str(&escaped);
        }
        let result = run(self);
        self.path.truncate(length);
        result
    }

    /// JSON text that a value hands over as it is: taken apart, and cleaned like the rest.
    fn raw(&mut self, text: &str, depth: u16) -> Result<Value, Problem> {
        let value: Value = serde_json::from_str(text).map_err(|error| Problem::Invalid(error.to_string()))?;
        value.serialize(Cleaner { state: self, depth })
    }
}

struct Cleaner<'a> {
    state: &'a mut State,
    depth: u16,
}

impl<'a> Cleaner<'a> {
    fn number(self, number: impl Into<Number>) -> Result<Value, Problem> {
        self.state.count(1)?;
        Ok(Value::Number(number.into()))
    }

    fn list(self, length: Option<usize>) -> Result<List<'a>, Problem> {
        let depth = self.deeper()?;
        self.state.count(2)?;
        Ok(List { state: self.state, depth, values: Vec::with_capacity(length.unwrap_or(0).min(1024)), variant: None })
    }

    fn object(self) -> Result<Object<'a>, Problem> {
        let depth = self.deeper()?;
        self.state.count(2)?;
        Ok(Object { state: self.state, depth, map: Map::new(), key: None, variant: None, raw: false })
    }

    fn deeper(&self) -> Result<u16, Problem> {
        if self.depth >= MAX_DEPTH {
            return Err(Problem::Invalid(format!("the value nests deeper than {MAX_DEPTH} levels")));
        }
        Ok(self.depth + 1)
    }
}

macro_rules! numbers {
    ($($method:ident: $ty:ty),*) => {$(
        fn $method(self, value: $ty) -> Result<Value, Problem> {
            self.number(value)
        }
    )*};
}

impl<'a> ser::Serializer for Cleaner<'a> {
    type Ok = Value;
    type Error = Problem;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_bool(self, value: bool) -> Result<Value, Problem> {
        self.state.count(4)?;
        Ok(Value::Bool(value))
    }

    fn serialize_i128(self, value: i128) -> Result<Value, Problem> {
        self.state.count(1)?;
        let number = Number::from_i128(value);
        number.map(Value::Number).ok_or_else(|| Problem::Invalid("an integer does not fit into 64 bits".to_owned()))
    }

    fn serialize_u128(self, value: u128) -> Result<Value, Problem> {
        self.state.count(1)?;
        let number = Number::from_u128(value);
        number.map(Value::Number).ok_or_else(|| Problem::Invalid("an integer does not fit into 64 bits".to_owned()))
    }

    fn serialize_f32(self, value: f32) -> Result<Value, Problem> {
        self.serialize_f64(f64::from(value))
    }

    /// JSON has no infinity and no NaN: they become null, which the output schema of a number refuses.
    fn serialize_f64(self, value: f64) -> Result<Value, Problem> {
        self.state.count(1)?;
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn serialize_char(self, value: char) -> Result<Value, Problem> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Value, Problem> {
        self.state.text(value).map(Value::String)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, Problem> {
        self.state.count(value.len())?;
        Ok(value.iter().copied().map(Value::from).collect())
    }

    fn serialize_none(self) -> Result<Value, Problem> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Problem> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Problem> {
        self.state.count(4)?;
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Problem> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Problem> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Value, Problem> {
        if name == UNTRUSTED {
            // A list of places is output, too.
            self.state.count(self.state.path.len() + 3)?;
            self.state.untrusted.push(self.state.path.clone());
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Problem> {
        let mut object = self.object()?;
        object.put(variant, value)?;
        object.finish()
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List<'a>, Problem> {
        self.list(length)
    }

    fn serialize_tuple(self, length: usize) -> Result<List<'a>, Problem> {
        self.list(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<List<'a>, Problem> {
        self.list(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<List<'a>, Problem> {
        let mut list = self.list(Some(length))?;
        list.variant = Some(variant);
        Ok(list)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, Problem> {
        self.object()
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object<'a>, Problem> {
        let mut object = self.object()?;
        object.raw = name == RAW_VALUE || name == RAW_NUMBER;
        Ok(object)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, Problem> {
        let mut object = self.object()?;
        object.variant = Some(variant);
        Ok(object)
    }
}

struct List<'a> {
    state: &'a mut State,
    depth: u16,
    values: Vec<Value>,
    variant: Option<&'static str>,
}

impl List<'_> {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.state.count(1)?;
        let (index, depth, variant) = (self.values.len(), self.depth, self.variant);
        let inner = |state: &mut State| value.serialize(Cleaner { state, depth });
        let value = match variant {
            None => self.state.below(&index, inner)?,
            Some(variant) => self.state.below(&variant, |state| state.below(&index, inner))?,
        };
        self.values.push(value);
        Ok(())
    }

    fn finish(self) -> Value {
        match self.variant {
            None => Value::Array(self.values),
            Some(variant) => Map::from_iter([(variant.to_owned(), Value::Array(self.values))]).into(),
        }
    }
}

macro_rules! list {
    ($($trait:ident: $method:ident),*) => {$(
        impl $trait for List<'_> {
            type Ok = Value;
            type Error = Problem;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
                self.push(value)
            }
            fn end(self) -> Result<Value, Problem> {
                Ok(self.finish())
            }
        }
    )*};
}
list!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

struct Object<'a> {
    state: &'a mut State,
    depth: u16,
    map: Map<String, Value>,
    key: Option<String>,
    variant: Option<&'static str>,
    raw: bool,
}

impl Object<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Problem> {
        if self.raw {
            return self.put_raw(key, value);
        }
        let key = self.state.text(key)?;
        self.state.count(2)?;
        let (depth, variant) = (self.depth, self.variant);
        let inner = |state: &mut State| value.serialize(Cleaner { state, depth });
        let value = match variant {
            None => self.state.below(&key, inner)?,
            Some(variant) => self.state.below(&variant, |state| state.below(&key, inner))?,
        };
        match self.map.insert(key, value) {
            None => Ok(()),
            Some(_) => Err(Problem::Invalid("two keys of an object are the same once they are cleaned".to_owned())),
        }
    }

    fn put_raw<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Problem> {
        let text =
            value.serialize(serde_json::value::Serializer).map_err(|error| Problem::Invalid(error.to_string()))?;
        let text = text.as_str().ok_or_else(|| Problem::Invalid("raw JSON is no text".to_owned()))?;
        self.state.count(text.len())?;
        let value = self.state.raw(text, self.depth)?;
        self.map.insert(key.to_owned(), value);
        Ok(())
    }

    fn finish(self) -> Result<Value, Problem> {
        if self.raw {
            let value = self.map.into_iter().next().map(|(_, value)| value);
            return value.ok_or_else(|| Problem::Invalid("raw JSON without a text".to_owned()));
        }
        Ok(match self.variant {
            None => Value::Object(self.map),
            Some(variant) => Map::from_iter([(variant.to_owned(), Value::Object(self.map))]).into(),
        })
    }
}

impl SerializeMap for Object<'_> {
    type Ok = Value;
    type Error = Problem;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Problem> {
        self.key = Some(key_text(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        let key = self.key.take().ok_or_else(|| Problem::Invalid("a value without a key".to_owned()))?;
        self.put(&key, value)
    }

    fn end(self) -> Result<Value, Problem> {
        self.finish()
    }
}

/// A key as text. `serde_json` knows what may be one (texts, numbers, booleans) and how it is written.
fn key_text<K: Serialize + ?Sized>(key: &K) -> Result<String, Problem> {
    let invalid = |error: serde_json::Error| Problem::Invalid(error.to_string());
    let mut map = ser::Serializer::serialize_map(serde_json::value::Serializer, Some(1)).map_err(invalid)?;
    map.serialize_entry(key, &()).map_err(invalid)?;
    let key = match SerializeMap::end(map).map_err(invalid)? {
        Value::Object(map) => map.into_iter().next(),
        _ => None,
    };
    key.map(|(key, _)| key).ok_or_else(|| Problem::Invalid("a key that is no text".to_owned()))
}

macro_rules! object {
    ($($trait:ident),*) => {$(
        impl $trait for Object<'_> {
            type Ok = Value;
            type Error = Problem;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Problem> {
                self.put(key, value)
            }
            fn end(self) -> Result<Value, Problem> {
                self.finish()
            }
        }
    )*};
}
object!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::output::Untrusted;

    #[test]
    fn the_list_of_places_is_bounded_with_the_output() {
        let listed = BTreeMap::from([("k".repeat(2000), vec![Untrusted("x".to_owned()); 1000])]);
        assert!(matches!(to_clean_value(&listed, 100_000), Err(Problem::TooLarge)));
        let few = BTreeMap::from([("k", vec![Untrusted("a\u{202e}b".to_owned()); 2])]);
        let clean = to_clean_value(&few, 1000).unwrap();
        assert_eq!(clean.untrusted, ["/k/0", "/k/1"]);
        assert_eq!((clean.removed, clean.value["k"][0].as_str()), (2, Some("ab")));
    }
}
