//! Variants of enums: a string, or an object of one member.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::key::Key;
use super::{Decoder, Error};
use crate::json::{Kind, Node};

pub(super) struct Variant<'d> {
    pub(super) variant: &'d str,
    pub(super) value: Option<Node<'d>>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Error> {
        let variant = seed.deserialize(Key(self.variant))?;
        Ok((variant, Content(self.value)))
    }
}

pub(super) struct Content<'d>(Option<Node<'d>>);

impl<'d> Content<'d> {
    fn value(self) -> Result<Node<'d>, Error> {
        self.0.ok_or_else(|| Error::expected(&"an object with the variant's content"))
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.0.is_none_or(Node::is_null) { Ok(()) } else { Err(Error::expected(&"a variant without content")) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Decoder(self.value()?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        let value = self.value()?;
        match value.kind() {
            Kind::List(_) => Decoder(value).deserialize_any(visitor),
            _ => Err(Error::expected(&"an array")),
        }
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let value = self.value()?;
        match value.kind() {
            Kind::Object(_) => Decoder(value).deserialize_any(visitor),
            _ => Err(Error::expected(&"an object")),
        }
    }
}
