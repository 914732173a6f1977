//! Lists and objects in the making.

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::{Map, Value};

use super::{Cleaner, Problem, Segment, State};
use crate::output::secrets::is_aws_secret;

pub(super) struct List<'a, 'b> {
    pub(super) state: &'a mut State<'b>,
    pub(super) depth: u16,
    pub(super) values: Vec<Value>,
    pub(super) variant: Option<String>,
}

impl List<'_, '_> {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.state.count(1)?;
        let (index, depth) = (self.values.len(), self.depth);
        let inner = |state: &mut State<'_>| value.serialize(Cleaner { state, depth });
        let value = match &self.variant {
            None => self.state.below(Segment::Index(index), inner)?,
            Some(variant) => {
                self.state.below(Segment::Name(variant), |state| state.below(Segment::Index(index), inner))?
            }
        };
        self.values.push(value);
        Ok(())
    }

    pub(super) fn finish(self) -> Value {
        match self.variant {
            None => Value::Array(self.values),
            Some(variant) => Map::from_iter([(variant, Value::Array(self.values))]).into(),
        }
    }
}

macro_rules! list {
    ($($trait:ident: $method:ident),*) => {$(
        impl $trait for List<'_, '_> {
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

pub(super) struct Object<'a, 'b> {
    pub(super) state: &'a mut State<'b>,
    pub(super) depth: u16,
    pub(super) map: Map<String, Value>,
    pub(super) key: Option<String>,
    pub(super) variant: Option<String>,
    pub(super) raw: bool,
}

impl Object<'_, '_> {
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Problem> {
        if self.raw {
            return self.put_raw(key, value);
        }
        let key = self.state.text(key)?;
        // As it is read: what was hidden in it could make another name of it.
        let aws_secret = is_aws_secret(&key);
        self.state.count(2)?;
        let depth = self.depth;
        let inner = |state: &mut State<'_>| {
            let outer = std::mem::replace(&mut state.around.aws_secret, aws_secret);
            let value = value.serialize(Cleaner { state, depth });
            state.around.aws_secret = outer;
            value
        };
        let value = match &self.variant {
            None => self.state.below(Segment::Name(&key), inner)?,
            Some(variant) => {
                self.state.below(Segment::Name(variant), |state| state.below(Segment::Name(&key), inner))?
            }
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

    pub(super) fn finish(self) -> Result<Value, Problem> {
        if self.raw {
            let value = self.map.into_iter().next().map(|(_, value)| value);
            return value.ok_or_else(|| Problem::Invalid("raw JSON without a text".to_owned()));
        }
        Ok(match self.variant {
            None => Value::Object(self.map),
            Some(variant) => Map::from_iter([(variant, Value::Object(self.map))]).into(),
        })
    }
}

impl SerializeMap for Object<'_, '_> {
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
        impl $trait for Object<'_, '_> {
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
