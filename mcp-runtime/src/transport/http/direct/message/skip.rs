//! Values that mean nothing here, read as strictly as those that do: no key twice, no number without a value.

use std::borrow::Cow;
use std::cell::Cell;
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

    /// Notes a key that means nothing; an error if it stands there twice, or is one of too many.
    pub(super) fn add_to_few<E: de::Error>(&mut self, key: Cow<'a, str>) -> Result<(), E> {
        if self.few.len() == FEW { elsewhere() } else { self.add(key) }
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

/// Reads values and keeps nothing of them, of so many parts together as a message may have.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    parts: Cell<usize>,
}

impl Skipped {
    pub(super) fn value(&self) -> Value<'_> {
        Value(self)
    }

    fn count<E: de::Error>(&self) -> Result<(), E> {
        self.parts.set(self.parts.get() + 1);
        if self.parts.get() > MAX_NODES { elsewhere() } else { Ok(()) }
    }
}

/// A value that is still to be read.
pub(super) struct Value<'s>(&'s Skipped);

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

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_element_seed(self.0.value())?.is_some() {
            self.0.count()?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            self.0.count()?;
            keys.add(key)?;
            map.next_value_seed(self.0.value())?;
        }
        Ok(())
    }
}
