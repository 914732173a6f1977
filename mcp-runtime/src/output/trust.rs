//! Who wrote a text, by type.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) const UNTRUSTED: &str = "$mcp_runtime::Untrusted";
pub(super) const TRUSTED: &str = "$mcp_runtime::Trusted";

/// The keyword that marks untrusted strings in an output schema.
pub(super) const UNTRUSTED_MARK: &str = "x-untrusted";

/// A value whose strings somebody outside wrote: a user's comment, a web page, a mail.
///
/// It is sanitised like every string that is not [`Trusted`], and the client is told where it stands: as JSON pointers in
/// the result's `_meta["dev.mcp-runtime/untrusted"]`, and by a mark in the output schema. Wrapping is the declaration; the
/// value inside is as usable as before.
///
/// Within a [`Trusted`] value, an `Untrusted` one is untrusted, and the other way round: the innermost declaration holds
/// for what is done to a string. A pointer to an `Untrusted` value covers all that is below it.
///
/// serde hands the content of a flattened field, and of a newtype variant beside its tag (`#[serde(tag = "…")]`), on
/// without its type, so both hide the declaration: wrap the fields inside. A key of a map has no place that a pointer could
/// name: wrap the map.
///
/// ```
/// use mcp_runtime::Untrusted;
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Feedback {
///     id: u32,
///     text: Untrusted<String>,
/// }
/// let feedback = Feedback { id: 1, text: Untrusted("nice track".to_owned()) };
/// assert_eq!(feedback.text.len(), 10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Untrusted<T>(pub T);

/// A value whose strings this server's authors wrote. It is cleaned of code points that hide something, like every
/// string; links that load by themselves, role tokens and what looks like a credential stay in it.
///
/// Within an [`Untrusted`] value, a `Trusted` one is trusted: the innermost declaration holds.
///
/// Only `Trusted(…)` makes one: text that is read from somewhere is not ours, so there is no conversion, no `Deserialize`
/// (and so no argument of this type), and nothing to write into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trusted<T>(pub T);

macro_rules! transparent {
    ($name:ident) => {
        impl<T> Deref for $name<T> {
            type Target = T;
            fn deref(&self) -> &T {
                &self.0
            }
        }
        impl<T: fmt::Display> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
transparent!(Untrusted);
transparent!(Trusted);

impl<T> DerefMut for Untrusted<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Untrusted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Untrusted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

impl<T: Serialize> Serialize for Untrusted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(UNTRUSTED, &self.0)
    }
}

impl<T: Serialize> Serialize for Trusted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TRUSTED, &self.0)
    }
}

impl<T: JsonSchema> JsonSchema for Untrusted<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Untrusted_{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("mcp_runtime::Untrusted<{}>", T::schema_id()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        schema.insert(UNTRUSTED_MARK.to_owned(), true.into());
        schema
    }
}

impl<T: JsonSchema> JsonSchema for Trusted<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
