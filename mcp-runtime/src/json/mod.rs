//! A JSON value as its text and a list of what stands in it.
//!
//! Every call reads one value and writes another. Neither is kept: arguments are checked, decoded and recorded, answers are
//! checked and sent as the text that they are. So a value is not built of tables and strings of its own, but noted down as
//! a flat list of [`Entry`]s beside its text: a name or a string is a span of that text, or of a second one for what the
//! text has escapes in. One value takes an allocation or two, and further ones as they grow.
//!
//! [`read`] makes a [`Document`] of a text, strictly; [`write`] makes one while it is written; [`validate`] lets a
//! compiled schema look at it.

mod names;
mod number;
pub(crate) mod read;
mod unique;
mod validate;
pub(crate) mod write;

use std::borrow::Cow;
use std::fmt;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use names::Names;
pub use read::Malformed;
#[cfg(test)]
pub(crate) use validate::Documents;
pub(crate) use validate::{Validator, compile};
pub(crate) use write::{is_plain, string};

/// Whether this build of `serde_json` keeps numbers as they are spelt: its feature `arbitrary_precision`, which any crate
/// of a program turns on for all of them.
pub(crate) fn keeps_spelling() -> bool {
    serde_json::from_str::<Number>("1e2").is_ok_and(|number| number.to_string() != "100.0")
}

/// A value.
#[derive(Clone, Default)]
pub(crate) struct Document<'a> {
    text: Cow<'a, str>,
    /// Strings that have escapes in the text, without them; and what came from somewhere else.
    aside: String,
    /// The value, every part of a list or object right behind it, a name before its value.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Null,
    Bool(bool),
    Number(Number),
    /// A part of the text.
    Here(Span),
    /// A part of the text beside it.
    Aside(Span),
    List(Extent),
    Object(Extent),
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Items, or names with their values.
    length: u32,
    /// The entry behind the last of them.
    end: u32,
}

/// What stands in it is nobody's business.
impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// A value of more than 4 GiB, which nobody may send or answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLong;

/// A part of a document.
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    at: u32,
}

/// What a node is.
#[derive(Clone)]
pub(crate) enum Kind<'d> {
    Null,
    Bool(bool),
    Number(&'d Number),
    Text(&'d str),
    List(Items<'d>),
    Object(Members<'d>),
}

impl Document<'_> {
    /// The whole value.
    pub(crate) fn root(&self) -> Node<'_> {
        Node { document: self, at: 0 }
    }

    /// The text, of a document that is one: what was written, or read as a whole.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text, of a document that was written.
    pub(crate) fn into_text(self) -> String {
        self.text.into_owned()
    }

    /// The members of an object; none of another value.
    pub(crate) fn members(&self) -> Members<'_> {
        match self.root().kind() {
            Kind::Object(members) => members,
            _ => Members(Parts { document: self, at: 0, left: 0 }),
        }
    }

    /// An object without members.
    pub(crate) fn empty_object() -> Self {
        Self::of(&Value::Object(Map::new()))
    }

    /// A value that is there already.
    pub(crate) fn of(value: &Value) -> Self {
        let mut document = Self::default();
        // It was read within the bounds that hold here.
        let _ = document.append(value);
        document
    }

    /// Puts one more member behind those of an object.
    pub(crate) fn insert(&mut self, name: &str, value: &Value) {
        if let Some(Entry::Object(_)) = self.entries.first()
            && self.string(name).and_then(|()| self.append(value)).is_ok()
        {
            let end = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            if let Some(Entry::Object(extent)) = self.entries.first_mut() {
                *extent = Extent { length: extent.length + 1, end };
            }
        }
    }

    /// The numbers, in the order of the text.
    pub(crate) fn numbers_mut(&mut self) -> impl Iterator<Item = &mut Number> {
        self.entries.iter_mut().filter_map(|entry| match entry {
            Entry::Number(number) => Some(number),
            _ => None,
        })
    }

    fn append(&mut self, value: &Value) -> Result<(), TooLong> {
        match value {
            Value::Null => self.entries.push(Entry::Null),
            Value::Bool(value) => self.entries.push(Entry::Bool(*value)),
            Value::Number(number) => self.entries.push(Entry::Number(number.clone())),
            Value::String(text) => self.string(text)?,
            Value::Array(values) => {
                let at = self.open();
                values.iter().try_for_each(|value| self.append(value))?;
                self.close_list(at, values.len())?;
            }
            Value::Object(map) => {
                let at = self.open();
                map.iter().try_for_each(|(name, value)| self.string(name).and_then(|()| self.append(value)))?;
                self.close_object(at, map.len())?;
            }
        }
        Ok(())
    }

    /// A string that is no part of the text.
    fn string(&mut self, text: &str) -> Result<(), TooLong> {
        let start = self.aside.len();
        self.aside.push_str(text);
        let span = span(start, self.aside.len())?;
        self.entries.push(Entry::Aside(span));
        Ok(())
    }

    /// Begins a list or an object, which has to be closed; gives its place.
    fn open(&mut self) -> usize {
        self.entries.push(Entry::Null);
        self.entries.len() - 1
    }

    fn close_list(&mut self, at: usize, length: usize) -> Result<(), TooLong> {
        self.close(at, length, Entry::List)
    }

    fn close_object(&mut self, at: usize, length: usize) -> Result<(), TooLong> {
        self.close(at, length, Entry::Object)
    }

    fn close(&mut self, at: usize, length: usize, entry: fn(Extent) -> Entry) -> Result<(), TooLong> {
        let narrow = |number: usize| u32::try_from(number).map_err(|_| TooLong);
        let extent = Extent { length: narrow(length)?, end: narrow(self.entries.len())? };
        if let Some(opened) = self.entries.get_mut(at) {
            *opened = entry(extent);
        }
        Ok(())
    }

    fn entry(&self, at: u32) -> &Entry {
        self.entries.get(at as usize).unwrap_or(&Entry::Null)
    }

    fn text_at(&self, at: u32) -> Option<&str> {
        let (text, span) = match self.entry(at) {
            Entry::Here(span) => (&*self.text, span),
            Entry::Aside(span) => (self.aside.as_str(), span),
            _ => return None,
        };
        text.get(span.start as usize..span.end as usize)
    }

    /// The entry behind the one at this place and all its parts.
    fn behind(&self, at: u32) -> u32 {
        match self.entry(at) {
            Entry::List(extent) | Entry::Object(extent) => extent.end,
            _ => at + 1,
        }
    }
}

fn span(start: usize, end: usize) -> Result<Span, TooLong> {
    let narrow = |number: usize| u32::try_from(number).map_err(|_| TooLong);
    Ok(Span { start: narrow(start)?, end: narrow(end)? })
}

impl<'d> Node<'d> {
    /// What a string says; nothing of another value.
    pub(crate) fn text(self) -> &'d str {
        self.document.text_at(self.at).unwrap_or_default()
    }

    pub(crate) fn kind(self) -> Kind<'d> {
        let parts = |extent: &Extent| Parts { document: self.document, at: self.at + 1, left: extent.length };
        match self.document.entry(self.at) {
            Entry::Null => Kind::Null,
            Entry::Bool(value) => Kind::Bool(*value),
            Entry::Number(number) => Kind::Number(number),
            Entry::Here(_) | Entry::Aside(_) => Kind::Text(self.text()),
            Entry::List(extent) => Kind::List(Items(parts(extent))),
            Entry::Object(extent) => Kind::Object(Members(parts(extent))),
        }
    }

    /// A string as it stands in the text, with its quotes, where that is all there is to it: JSON has no other way to write
    /// one without escapes.
    pub(crate) fn plain_string(self) -> Option<&'d str> {
        match self.document.entry(self.at) {
            Entry::Here(span) => self.document.text.get(span.start.checked_sub(1)? as usize..span.end as usize + 1),
            _ => None,
        }
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.document.entry(self.at), Entry::Null)
    }

    /// The member of an object.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        match self.kind() {
            Kind::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// As a value that can be changed.
    pub(crate) fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::from(text),
            Kind::List(items) => Value::Array(items.map(Self::to_value).collect()),
            Kind::Object(members) => Value::Object(members.to_map()),
        }
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.kind() {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(value),
            Kind::Number(number) => number.serialize(serializer),
            Kind::Text(text) => serializer.serialize_str(text),
            Kind::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&item)?;
                }
                list.end()
            }
            Kind::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, &value)?;
                }
                map.end()
            }
        }
    }
}

/// What stands one behind the other in a list or an object.
#[derive(Clone, Copy, Debug)]
struct Parts<'d> {
    document: &'d Document<'d>,
    at: u32,
    left: u32,
}

impl<'d> Parts<'d> {
    fn next(&mut self) -> Option<Node<'d>> {
        self.left = self.left.checked_sub(1)?;
        let node = Node { document: self.document, at: self.at };
        self.at = self.document.behind(self.at);
        Some(node)
    }
}

/// The items of a list.
#[derive(Clone, Debug)]
pub(crate) struct Items<'d>(Parts<'d>);

impl<'d> Iterator for Items<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left as usize, Some(self.0.left as usize))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// The members of an object, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Members<'d>(Parts<'d>);

impl<'d> Members<'d> {
    /// The one of this name. It is looked for from the first one on: objects have a handful.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'d>> {
        self.clone().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// So many of them, from the first one on.
    pub(crate) fn first(mut self, count: usize) -> Self {
        self.0.left = self.0.left.min(u32::try_from(count).unwrap_or(u32::MAX));
        self
    }

    /// With the names as nodes.
    pub(crate) fn nodes(self) -> impl Iterator<Item = (Node<'d>, Node<'d>)> {
        let Parts { document, at, left } = self.0;
        let mut at = at;
        (0..left).map(move |_| {
            let (name, value) = (at, at + 1);
            at = document.behind(value);
            (Node { document, at: name }, Node { document, at: value })
        })
    }

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.clone().map(|(name, value)| (name.to_owned(), value.to_value())).collect()
    }
}

impl<'d> Iterator for Members<'d> {
    type Item = (&'d str, Node<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        let Parts { document, at, left } = &mut self.0;
        *left = left.checked_sub(1)?;
        let (name, value) = (*at, *at + 1);
        *at = document.behind(value);
        Some((document.text_at(name).unwrap_or_default(), Node { document, at: value }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left as usize, Some(self.0.left as usize))
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests;
