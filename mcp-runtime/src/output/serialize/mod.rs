//! A serializer to JSON that sanitises every string by the level that its type declares, every key by that of its object,
//! counts bytes, and notes where untrusted values stand. What is sent is written at once, without a value in between.

mod compound;
mod key;
mod path;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};
use serde_json::{Number, Value};

use self::compound::{List, Object, Within};
use self::path::Path;
use super::level::{Counts, Level, OutputBounds, Surroundings, sanitise};
use super::links::Labels;
use super::trust::{TRUSTED, UNTRUSTED};
use crate::json::Document;
use crate::json::write::{Refused, Writer};

/// How deep an answer may nest: so that the message around it still is no deeper than JSON's readers go, which is 127.
const MAX_DEPTH: u16 = 120;

/// Room for the text of a small answer.
const ROOM: usize = 256;

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

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLong => Self::TooLarge,
            Refused::Twice => Self::Invalid("two keys of an object are the same once they are cleaned".to_owned()),
        }
    }
}

impl ser::Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Self::Invalid(message.to_string())
    }
}

/// Serialises a value, sanitised. Stops as soon as more than the bound came in: what is written never outgrows it by more
/// than a constant factor.
pub(crate) fn to_clean<T: Serialize + ?Sized>(
    value: &T,
    bounds: &OutputBounds,
) -> Result<Clean<Document<'static>>, Problem> {
    let (clean, labels) = serialize_at(value, Level::Plain, bounds, Labels::shared())?;
    // An image in one string and its address in another: again, with no such address in any.
    if labels.meet() { Ok(serialize_at(value, Level::Plain, bounds, Labels::strict())?.0) } else { Ok(clean) }
}

/// The same, as a value that can be changed.
pub(crate) fn to_clean_value<T: Serialize + ?Sized>(value: &T, bounds: &OutputBounds) -> Result<Clean<Value>, Problem> {
    let Clean { value, untrusted, counts } = to_clean(value, bounds)?;
    Ok(Clean { value: value.root().to_value(), untrusted, counts })
}

/// Serialises a value whose strings have been sanitised by their own levels already: no code point that hides something
/// gets past, whoever wrote it.
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) fn to_visible_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, Problem> {
    let bounds = OutputBounds::new(u64::MAX);
    Ok(serialize_at(value, Level::Trusted, &bounds, Labels::default())?.0.value.root().to_value())
}

fn serialize_at<T: Serialize + ?Sized>(
    value: &T,
    level: Level,
    bounds: &OutputBounds,
    labels: Labels,
) -> Result<(Clean<Document<'static>>, Labels), Problem> {
    let mut state = State {
        writer: Writer::with_capacity(ROOM),
        unfinished: 0,
        untrusted: Vec::new(),
        counts: Counts::default(),
        bytes: 0,
        bounds,
        level,
        around: Surroundings { labels, aws_secret: false },
    };
    value.serialize(Cleaner { state: &mut state, path: &Path::Root, depth: 0 })?;
    let State { writer, untrusted, counts, around, unfinished, .. } = state;
    if unfinished > 0 {
        return Err(Problem::Invalid("a part of the value has failed, and its type goes on without it".to_owned()));
    }
    Ok((Clean { value: writer.finish(), untrusted, counts }, around.labels))
}

struct State<'b> {
    writer: Writer,
    /// How many parts have been begun, and not ended. A type may pass over the error of one, but half of it is written.
    unfinished: usize,
    untrusted: Vec<String>,
    counts: Counts,
    bytes: u64,
    bounds: &'b OutputBounds,
    /// Of what is serialised at the moment.
    level: Level,
    around: Surroundings,
}

impl State<'_> {
    /// Counts what a value takes in JSON at the least.
    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.bounds.max_bytes { Err(Problem::TooLarge) } else { Ok(()) }
    }

    /// Sanitises a text, and has it written.
    fn text<T>(
        &mut self,
        text: &str,
        write: impl FnOnce(&mut Writer, &str) -> Result<T, Refused>,
    ) -> Result<T, Problem> {
        self.count(text.len() + 2)?;
        let sanitised = sanitise(text, self.level, self.bounds, &mut self.around);
        self.counts.add(sanitised.counts);
        Ok(write(&mut self.writer, &sanitised.text)?)
    }
}

/// Writes one value.
struct Cleaner<'a, 'b> {
    state: &'a mut State<'b>,
    path: &'a Path<'a>,
    depth: u16,
}

impl<'a, 'b> Cleaner<'a, 'b> {
    fn number(self, number: Option<Number>) -> Result<(), Problem> {
        self.state.count(1)?;
        let number = number.ok_or_else(|| Problem::Invalid("an integer does not fit into 64 bits".to_owned()))?;
        self.state.writer.number(number);
        Ok(())
    }

    /// A list or an object one level deeper.
    fn within(self) -> Result<Within<'a, 'b>, Problem> {
        if self.depth >= MAX_DEPTH {
            return Err(Problem::Invalid(format!("the value nests deeper than {MAX_DEPTH} levels")));
        }
        Ok(Within::new(self.state, self.path, self.depth + 1))
    }

    /// JSON text that a value hands over as it is: taken apart, and cleaned like the rest.
    fn raw(self, text: &str) -> Result<(), Problem> {
        match serde_json::from_str(text).map_err(|error| Problem::Invalid(error.to_string()))? {
            // With numbers of any precision, one hands itself over as text again.
            Value::Number(number) => self.number(Some(number)),
            value => value.serialize(self),
        }
    }
}

macro_rules! numbers {
    ($($method:ident: $ty:ty),*) => {$(
        fn $method(self, value: $ty) -> Result<(), Problem> {
            self.number(Some(value.into()))
        }
    )*};
}

impl<'a, 'b> ser::Serializer for Cleaner<'a, 'b> {
    type Ok = ();
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

    fn serialize_bool(self, value: bool) -> Result<(), Problem> {
        self.state.count(4)?;
        self.state.writer.bool(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Problem> {
        self.number(Number::from_i128(value))
    }

    fn serialize_u128(self, value: u128) -> Result<(), Problem> {
        self.number(Number::from_u128(value))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Problem> {
        self.serialize_f64(f64::from(value))
    }

    /// JSON has no infinity and no NaN: they become null, which the output schema of a number refuses.
    fn serialize_f64(self, value: f64) -> Result<(), Problem> {
        match Number::from_f64(value) {
            Some(number) => self.number(Some(number)),
            None => {
                self.state.count(1)?;
                self.state.writer.null();
                Ok(())
            }
        }
    }

    fn serialize_char(self, value: char) -> Result<(), Problem> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Problem> {
        self.state.text(value, Writer::string)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Problem> {
        self.state.count(value.len())?;
        let writer = &mut self.state.writer;
        let mut list = writer.open_list();
        for byte in value {
            writer.item(&mut list);
            writer.number((*byte).into());
        }
        Ok(writer.close_list(&list)?)
    }

    fn serialize_none(self) -> Result<(), Problem> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Problem> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Problem> {
        self.state.count(4)?;
        self.state.writer.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Problem> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Problem> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Problem> {
        let Self { state, path, depth } = self;
        // Of several, the innermost holds.
        let level = match name {
            UNTRUSTED => {
                let pointer = path.pointer(&state.writer);
                // A list of places is output, too.
                state.count(pointer.len() + 3)?;
                state.untrusted.push(pointer);
                Level::Plain
            }
            TRUSTED => Level::Trusted,
            _ => state.level,
        };
        let outer = std::mem::replace(&mut state.level, level);
        let written = value.serialize(Cleaner { state: &mut *state, path, depth });
        // A type may pass over an error: what it writes then is not of this level.
        state.level = outer;
        written
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        let mut object = Object::open(self.within()?)?;
        object.put(variant, value)?;
        object.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a, 'b>, Problem> {
        List::open(self.within()?)
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a, 'b>, Problem> {
        List::open(self.within()?)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a, 'b>, Problem> {
        List::open(self.within()?)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a, 'b>, Problem> {
        let mut within = self.within()?;
        within.variant(variant)?;
        List::open(within)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a, 'b>, Problem> {
        Object::open(self.within()?)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object<'a, 'b>, Problem> {
        let within = self.within()?;
        if name == RAW_VALUE || name == RAW_NUMBER { Object::raw(within) } else { Object::open(within) }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a, 'b>, Problem> {
        let mut within = self.within()?;
        within.variant(variant)?;
        Object::open(within)
    }
}
