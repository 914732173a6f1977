//! Names of members that are values of the tool's: keys of maps.

use serde::ser::{self, Impossible, Serialize};

use super::Problem;
use super::compound::{Member, Object};

/// Writes a key as a name. What may be one (texts, numbers, booleans) and how it is written is as `serde_json` has it.
pub(super) struct Key<'o, 'a, 'b>(pub(super) &'o mut Object<'a, 'b>);

impl Key<'_, '_, '_> {
    fn float(self, value: f64, text: serde_json::Result<String>) -> Result<Member, Problem> {
        match text {
            Ok(text) if value.is_finite() => self.0.name(&text),
            _ => Err(Problem::Invalid("a key is a number that JSON does not have".to_owned())),
        }
    }
}

fn no_text<T>() -> Result<T, Problem> {
    Err(Problem::Invalid("a key that is no text".to_owned()))
}

macro_rules! integers {
    ($($method:ident: $ty:ty),*) => {$(
        fn $method(self, value: $ty) -> Result<Member, Problem> {
            self.0.name(itoa::Buffer::new().format(value))
        }
    )*};
}

macro_rules! no_texts {
    ($($method:ident($($ty:ty),*) -> $result:ty;)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<$result, Problem> {
            no_text()
        }
    )*};
}

impl ser::Serializer for Key<'_, '_, '_> {
    type Ok = Member;
    type Error = Problem;
    type SerializeSeq = Impossible<Member, Problem>;
    type SerializeTuple = Impossible<Member, Problem>;
    type SerializeTupleStruct = Impossible<Member, Problem>;
    type SerializeTupleVariant = Impossible<Member, Problem>;
    type SerializeMap = Impossible<Member, Problem>;
    type SerializeStruct = Impossible<Member, Problem>;
    type SerializeStructVariant = Impossible<Member, Problem>;

    integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );

    fn serialize_str(self, value: &str) -> Result<Member, Problem> {
        self.0.name(value)
    }

    fn serialize_char(self, value: char) -> Result<Member, Problem> {
        self.0.name(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_bool(self, value: bool) -> Result<Member, Problem> {
        self.0.name(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Result<Member, Problem> {
        self.float(value.into(), serde_json::to_string(&value))
    }

    fn serialize_f64(self, value: f64) -> Result<Member, Problem> {
        self.float(value, serde_json::to_string(&value))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Member, Problem> {
        self.0.name(variant)
    }

    /// A declaration of a level changes nothing: a name is of its object's.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Member, Problem> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Member, Problem> {
        no_text()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Member, Problem> {
        no_text()
    }

    no_texts! {
        serialize_bytes(&[u8]) -> Member;
        serialize_none() -> Member;
        serialize_unit() -> Member;
        serialize_unit_struct(&'static str) -> Member;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
