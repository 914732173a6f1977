//! JSON as RFC 8259 hopes for it: a key stands once, numbers keep their value, nesting and size are bounded.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::number;

/// How many keys and array items one text may hold in all.
pub(crate) const MAX_NODES: usize = 100_000;

/// Text that stands for no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No JSON.
    #[error("the text is not valid JSON")]
    Syntax,
    /// A key of an object stands twice.
    #[error("a key stands twice in an object")]
    DuplicateKey,
    /// More keys and items than one text may hold.
    #[error("the value has too many parts")]
    TooLarge,
    /// JSON, and no object.
    #[error("the value is not an object")]
    NotAnObject,
}

/// Parses an object.
///
/// # Errors
/// Anything else, without quoting it.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, Malformed> {
    match value(text)? {
        Value::Object(map) => Ok(map),
        _ => Err(Malformed::NotAnObject),
    }
}

/// Parses a value.
///
/// # Errors
/// Text that is no JSON, a key that stands twice, or too many parts.
pub(crate) fn value(text: &str) -> Result<Value, Malformed> {
    let mut problem = Malformed::Syntax;
    let (mut nodes, mut floats, mut room) = (0, false, 16);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let strict = Strict { problem: &mut problem, nodes: &mut nodes, floats: &mut floats, room: &mut room };
    let parsed = strict.deserialize(&mut deserializer);
    match parsed.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(mut value) => {
            if floats {
                number::exact(&mut value, text);
            }
            Ok(value)
        }
        Err(_) => Err(problem),
    }
}

/// Whether a text is a value.
///
/// # Errors
/// As [`value`].
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) fn check(text: &str) -> Result<(), Malformed> {
    value(text).map(drop)
}

struct Strict<'a> {
    problem: &'a mut Malformed,
    nodes: &'a mut usize,
    /// A float without a fraction was met: the text has to say what it is.
    floats: &'a mut bool,
    /// For how many keys the next object makes room at once: the outermost, of which there is one, for those of a call.
    room: &'a mut usize,
}

impl Strict<'_> {
    fn again(&mut self) -> Strict<'_> {
        Strict {
            problem: &mut *self.problem,
            nodes: &mut *self.nodes,
            floats: &mut *self.floats,
            room: &mut *self.room,
        }
    }

    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        *self.nodes += 1;
        if *self.nodes > MAX_NODES { self.fail(Malformed::TooLarge) } else { Ok(()) }
    }

    fn fail<T, E: de::Error>(&mut self, problem: Malformed) -> Result<T, E> {
        *self.problem = problem;
        Err(E::custom(problem))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(mut self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => {
                *self.floats |= value.fract() == 0.0;
                Ok(Value::Number(number))
            }
            None => self.fail(Malformed::Syntax),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(self.again())? {
            self.count()?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::with_capacity(std::mem::take(self.room));
        while let Some(key) = access.next_key::<String>()? {
            self.count()?;
            match map.entry(key) {
                Entry::Occupied(_) => return self.fail(Malformed::DuplicateKey),
                Entry::Vacant(entry) => entry.insert(access.next_value_seed(self.again())?),
            };
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_once_at_every_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"[{"a":1,"a":2}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(value(text), Err(Malformed::DuplicateKey), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in
            ["", "{", "{}{}", "{\"a\":1e400}", "{\"a\":NaN}", "\u{feff}{}", "{\"a\":\"\\ud800\"}", deep.as_str()]
        {
            assert_eq!(value(text), Err(Malformed::Syntax), "{text}");
        }
        assert_eq!(object("[1]"), Err(Malformed::NotAnObject));
        assert_eq!(object("null"), Err(Malformed::NotAnObject));
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let text = format!("[{}1]", "1,".repeat(MAX_NODES));
        assert_eq!(value(&text), Err(Malformed::TooLarge));
    }

    #[test]
    fn integers_keep_their_value() {
        let map = object(r#"{"max":18446744073709551615,"min":-9223372036854775808,"odd":9007199254740993}"#).unwrap();
        assert_eq!(map["max"], u64::MAX);
        assert_eq!(map["min"], i64::MIN);
        assert_eq!(map["odd"], 9_007_199_254_740_993_u64);
    }
}
