//! Who wrote a text, by type.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) const UNTRUSTED: &str = "$mcp_runtime::Untrusted";

/// The keyword that marks untrusted strings in an output schema.
pub(super) const UNTRUSTED_MARK: &str = "x-untrusted";

/// A value whose strings somebody outside wrote: a user's comment, a web page, a mail.
///
/// It is cleaned like every string, and the client is told where it stands: as JSON pointers in the result's
/// `_meta["dev.mcp-runtime/untrusted"]`, and by a mark in the output schema. Wrapping is the declaration; the value
/// inside is as usable as before.
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

/// A value whose strings this server's authors wrote. It is cleaned of invisible characters like every string; what is
/// done to links in the strings of others is not done to it.
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
        impl<T> DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }
        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }
        impl<T: fmt::Display> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                T::deserialize(deserializer).map(Self)
            }
        }
    };
}
transparent!(Untrusted);
transparent!(Trusted);

impl<T: Serialize> Serialize for Untrusted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(UNTRUSTED, &self.0)
    }
}

impl<T: Serialize> Serialize for Trusted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
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
