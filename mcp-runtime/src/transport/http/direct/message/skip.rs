//! Values that mean nothing here, read as strictly as those that do: no key twice, no number without a value.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::{Key, elsewhere};
use crate::json::read::MAX_NODES;

/// So many keys are compared one by one; with more, a table pays.
const FEW: usize = 16;

/// The keys of an object that have been met.
#[derive(Default)]
pub(super) struct Keys<'a> {
    /// A client has one or two that mean nothing here.
    few: SmallVec<[Cow<'a, str>; 4]>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty()
    }

    /// Notes a key; an error if it stands there twice.
    pub(super) fn add<E: de::Error>(&mut self, key: Cow<'a, str>) -> Result<(), E> {
        let is_new = if self.few.contains(&key) {
            false
        } else if self.few.len() < FEW {
            self.few.push(key);
            true
        } else {
            self.many.insert(key)
        };
        if is_new { Ok(()) } else { elsewhere() }
    }
}

/// Reads a value and keeps nothing of it.
#[derive(Default)]
pub(super) struct Skip {
    nodes: usize,
}

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Value(&mut self.nodes))
    }
}

struct Value<'n>(&'n mut usize);

impl Value<'_> {
    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        *self.0 += 1;
        if *self.0 > MAX_NODES { elsewhere() } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        if number.is_finite() { Ok(()) } else { elsewhere() }
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        while access.next_element_seed(Value(&mut *self.0))?.is_some() {
            self.count()?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            self.count()?;
            keys.add(key)?;
            map.next_value_seed(Value(&mut *self.0))?;
        }
        Ok(())
    }
}
