//! Documents that are written: the text and what stands in it at once.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Number;

use super::{Document, Entry, Extent, Names, Span, TooLong, span};

/// A document in the making. Whoever writes opens and closes lists and objects in their order.
#[derive(Default)]
pub(crate) struct Writer(Document<'static>);

/// An object that is being written.
pub(crate) struct Object {
    at: usize,
    names: Names,
}

/// A list that is being written.
pub(crate) struct List {
    at: usize,
    length: usize,
}

/// Why something cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The text would be longer than a document can be.
    TooLong,
    /// The object has a member of this name already.
    Twice,
}

impl From<TooLong> for Refused {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

impl Document<'static> {
    /// An object of one member, this value.
    pub(crate) fn within(self, name: &str) -> Result<Self, TooLong> {
        let mut outer = Writer::with_capacity(self.text.len() + name.len() + 5);
        let refused = |_| TooLong;
        let mut object = outer.open_object();
        outer.name(&mut object, name).map_err(refused)?;
        let Writer(mut outer) = outer;
        let (text, aside, entries) = (outer.text.len(), outer.aside.len(), outer.entries.len());
        outer.text.to_mut().push_str(&self.text);
        outer.aside.push_str(&self.aside);
        let by = |at: u32, by: usize| u32::try_from(by).ok().and_then(|by| at.checked_add(by)).ok_or(TooLong);
        let moved = |span: Span, far: usize| Ok(Span { start: by(span.start, far)?, end: by(span.end, far)? });
        for entry in self.entries {
            outer.entries.push(match entry {
                Entry::Here(span) => Entry::Here(moved(span, text)?),
                Entry::Aside(span) => Entry::Aside(moved(span, aside)?),
                Entry::List(extent) => Entry::List(Extent { end: by(extent.end, entries)?, ..extent }),
                Entry::Object(extent) => Entry::Object(Extent { end: by(extent.end, entries)?, ..extent }),
                other => other,
            });
        }
        let mut outer = Writer(outer);
        outer.close_object(&object).map_err(refused)?;
        Ok(outer.finish())
    }
}

impl Writer {
    /// With room for so much text.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let text = Cow::Owned(String::with_capacity(bytes));
        Self(Document { text, aside: String::new(), entries: Vec::with_capacity(32) })
    }

    /// What was written.
    pub(crate) fn finish(self) -> Document<'static> {
        self.0
    }

    /// How long the text is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.text.len()
    }

    fn raw(&mut self, json: &str) {
        self.0.text.to_mut().push_str(json);
    }

    pub(crate) fn null(&mut self) {
        self.raw("null");
        self.0.entries.push(Entry::Null);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
        self.0.entries.push(Entry::Bool(value));
    }

    pub(crate) fn number(&mut self, number: Number) {
        let mut buffer = itoa::Buffer::new();
        match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => self.raw(buffer.format(number)),
            (None, Some(number)) => self.raw(buffer.format(number)),
            // Writing to a String does not fail.
            (None, None) => drop(write!(self.0.text.to_mut(), "{number}")),
        }
        self.0.entries.push(Entry::Number(number));
    }

    /// A string, or a name: the text of it.
    pub(crate) fn string(&mut self, text: &str) -> Result<(), Refused> {
        self.raw("\"");
        let start = self.len();
        if is_plain(text) {
            self.raw(text);
            let span = span(start, self.len())?;
            self.0.entries.push(Entry::Here(span));
        } else {
            escape(text, self.0.text.to_mut());
            self.0.string(text)?;
        }
        self.raw("\"");
        Ok(())
    }

    pub(crate) fn open_list(&mut self) -> List {
        self.raw("[");
        List { at: self.0.open(), length: 0 }
    }

    /// Before an item.
    pub(crate) fn item(&mut self, list: &mut List) {
        if list.length > 0 {
            self.raw(",");
        }
        list.length += 1;
    }

    pub(crate) fn close_list(&mut self, list: &List) -> Result<(), Refused> {
        self.raw("]");
        Ok(self.0.close_list(list.at, list.length)?)
    }

    pub(crate) fn open_object(&mut self) -> Object {
        self.raw("{");
        let at = self.0.open();
        Object { at, names: Names::of(at) }
    }

    /// A name, before its value.
    pub(crate) fn name(&mut self, object: &mut Object, name: &str) -> Result<(), Refused> {
        if object.names.length > 0 {
            self.raw(",");
        }
        self.string(name)?;
        self.raw(":");
        if object.names.add(&self.0) { Ok(()) } else { Err(Refused::Twice) }
    }

    pub(crate) fn close_object(&mut self, object: &Object) -> Result<(), Refused> {
        self.raw("}");
        if !object.names.are_distinct(&self.0) {
            return Err(Refused::Twice);
        }
        Ok(self.0.close_object(object.at, object.names.length as usize)?)
    }
}

/// Whether a text stands in JSON as it is: what has to be escaped is in RFC 8259, section 7.
pub(crate) fn is_plain(text: &str) -> bool {
    /// Longer texts are looked at many bytes at a time.
    const SHORT: usize = 24;
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if text.len() < SHORT {
        return !text.bytes().any(needs_escape);
    }
    !text.bytes().fold(false, |any, byte| any | needs_escape(byte))
}

/// Appends a text with its escapes.
fn escape(text: &str, to: &mut String) {
    let escaped = serde_json::to_string(text).unwrap_or_default();
    // Without the quotes around it.
    to.push_str(escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default());
}
