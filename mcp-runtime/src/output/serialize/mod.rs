//! A serializer to [`Value`] that sanitises every string by the level that its type declares, every key by that of its
//! object, counts bytes, and notes where untrusted values stand.

mod compound;

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};
use serde_json::{Map, Number, Value};

use self::compound::{List, Object};
use super::level::{Counts, Level, OutputBounds, Surroundings, sanitise};
use super::links::Labels;
use super::trust::{TRUSTED, UNTRUSTED};

/// How deep an answer may nest.
const MAX_DEPTH: u16 = 128;

/// `serde_json`'s names for values that are JSON text already.
const RAW_VALUE: &str = "$serde_json::private::RawValue";
const RAW_NUMBER: &str = "$serde_json::private::Number";

/// A sanitised value.
#[derive(Debug)]
pub(crate) struct Clean<T> {
    pub(crate) value: T,
    /// Where untrusted values stand in it, as JSON pointers.
    pub(crate) untrusted: Vec<String>,
    pub(crate) counts: Counts,
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

/// Serialises a value, sanitised. Stops as soon as more than the bound came in: what is built never outgrows it by more
/// than a constant factor.
pub(crate) fn to_clean_value<T: Serialize + ?Sized>(value: &T, bounds: &OutputBounds) -> Result<Clean<Value>, Problem> {
    let (clean, labels) = serialize_at(value, Level::Plain, bounds, Labels::shared())?;
    // An image in one string and its address in another: again, with no such address in any.
    if labels.meet() { Ok(serialize_at(value, Level::Plain, bounds, Labels::strict())?.0) } else { Ok(clean) }
}

/// Serialises a value whose strings have been sanitised by their own levels already: no code point that hides something
/// gets past, whoever wrote it.
pub(crate) fn to_visible_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, Problem> {
    let bounds = OutputBounds::new(u64::MAX);
    Ok(serialize_at(value, Level::Trusted, &bounds, Labels::default())?.0.value)
}

fn serialize_at<T: Serialize + ?Sized>(
    value: &T,
    level: Level,
    bounds: &OutputBounds,
    labels: Labels,
) -> Result<(Clean<Value>, Labels), Problem> {
    let around = Surroundings { labels, aws_secret: false };
    let mut state = State {
        path: String::new(),
        untrusted: Vec::new(),
        counts: Counts::default(),
        bytes: 0,
        bounds,
        level,
        around,
    };
    let value = value.serialize(Cleaner { state: &mut state, depth: 0 })?;
    let State { untrusted, counts, around, .. } = state;
    Ok((Clean { value, untrusted, counts }, around.labels))
}

struct State<'b> {
    path: String,
    untrusted: Vec<String>,
    counts: Counts,
    bytes: u64,
    bounds: &'b OutputBounds,
    /// Of what is serialised at the moment.
    level: Level,
    around: Surroundings,
}

/// A step of a JSON pointer.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Index(usize),
    Name(&'a str),
}

impl State<'_> {
    /// Counts what a value takes in JSON at the least.
    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.bounds.max_bytes { Err(Problem::TooLarge) } else { Ok(()) }
    }

    fn text(&mut self, text: &str) -> Result<String, Problem> {
        self.count(text.len() + 2)?;
        let sanitised = sanitise(text, self.level, self.bounds, &mut self.around);
        self.counts.add(sanitised.counts);
        Ok(sanitised.text.into_owned())
    }

    /// Serialises what a type declares to be of this level. Of several, the innermost holds.
    fn at<T>(&mut self, level: Level, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.level, level);
        let result = run(self);
        self.level = outer;
        result
    }

    fn below<T>(&mut self, segment: Segment<'_>, run: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        match segment {
            // Writing to a String cannot fail.
            Segment::Index(index) => drop(fmt::Write::write_fmt(&mut self.path, format_args!("/{index}"))),
            Segment::Name(name) => {
                self.path.push('/');
                if name.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
                    self.escaped(name);
                } else {
                    self.path.push_str(name);
                }
            }
        }
        let result = run(self);
        self.path.truncate(length);
        result
    }

    /// RFC 6901, section 3.
    fn escaped(&mut self, name: &str) {
        for c in name.chars() {
            match c {
                '~' => self.path.push_str("~0"),
                '/' => self.path.push_str("~1"),
                c => self.path.push(c),
            }
        }
    }

    /// JSON text that a value hands over as it is: taken apart, and cleaned like the rest.
    fn raw(&mut self, text: &str, depth: u16) -> Result<Value, Problem> {
        let value: Value = serde_json::from_str(text).map_err(|error| Problem::Invalid(error.to_string()))?;
        value.serialize(Cleaner { state: self, depth })
    }
}

struct Cleaner<'a, 'b> {
    state: &'a mut State<'b>,
    depth: u16,
}

impl<'a, 'b> Cleaner<'a, 'b> {
    fn number(self, number: impl Into<Number>) -> Result<Value, Problem> {
        self.state.count(1)?;
        Ok(Value::Number(number.into()))
    }

    fn list(self, length: Option<usize>) -> Result<List<'a, 'b>, Problem> {
        let depth = self.deeper()?;
        self.state.count(2)?;
        Ok(List { state: self.state, depth, values: Vec::with_capacity(length.unwrap_or(0).min(1024)), variant: None })
    }

    fn object(self, length: Option<usize>) -> Result<Object<'a, 'b>, Problem> {
        let depth = self.deeper()?;
        self.state.count(2)?;
        let map = Map::with_capacity(length.unwrap_or(0).min(64));
        Ok(Object { state: self.state, depth, map, key: None, variant: None, raw: false })
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

impl<'a, 'b> ser::Serializer for Cleaner<'a, 'b> {
    type Ok = Value;
    type Error = Problem;
    type SerializeSeq = List<'a, 'b>;
    type SerializeTuple = List<'a, 'b>;
    type SerializeTupleStruct = List<'a, 'b>;
    type SerializeTupleVariant = List<'a, 'b>;
    type SerializeMap = Object<'a, 'b>;
    type SerializeStruct = Object<'a, 'b>;
    type SerializeStructVariant = Object<'a, 'b>;

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
        let Self { state, depth } = self;
        let level = match name {
            UNTRUSTED => {
                // A list of places is output, too.
                state.count(state.path.len() + 3)?;
                state.untrusted.push(state.path.clone());
                Level::Plain
            }
            TRUSTED => Level::Trusted,
            _ => state.level,
        };
        state.at(level, |state| value.serialize(Cleaner { state, depth }))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Problem> {
        let mut object = self.object(Some(1))?;
        object.put(variant, value)?;
        object.finish()
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List<'a, 'b>, Problem> {
        self.list(length)
    }

    fn serialize_tuple(self, length: usize) -> Result<List<'a, 'b>, Problem> {
        self.list(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<List<'a, 'b>, Problem> {
        self.list(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<List<'a, 'b>, Problem> {
        let variant = self.state.text(variant)?;
        let mut list = self.list(Some(length))?;
        list.variant = Some(variant);
        Ok(list)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Object<'a, 'b>, Problem> {
        self.object(length)
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Object<'a, 'b>, Problem> {
        let mut object = self.object(Some(length))?;
        object.raw = name == RAW_VALUE || name == RAW_NUMBER;
        Ok(object)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Object<'a, 'b>, Problem> {
        let variant = self.state.text(variant)?;
        let mut object = self.object(Some(length))?;
        object.variant = Some(variant);
        Ok(object)
    }
}
