//! Documents that are written: the text and what stands in it at once.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde_json::Number;

use super::{Document, Entry, Names, Span, TooLong, span};

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

/// Where a name stands that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u32);

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
    pub(crate) fn within(mut self, name: &str) -> Result<Self, TooLong> {
        let mut outer = Writer::default();
        let mut object = outer.open_object();
        outer.name(&mut object, name).map_err(|_| TooLong)?;
        let Writer(outer) = outer;
        let text = self.text.to_mut();
        text.reserve(outer.text.len() + 1);
        text.insert_str(0, &outer.text);
        text.push('}');
        let (text, aside, entries) = (outer.text.len(), self.aside.len(), outer.entries.len());
        self.aside.push_str(&outer.aside);
        let further = |at: u32, by: usize| u32::try_from(by).ok().and_then(|by| at.checked_add(by)).ok_or(TooLong);
        for entry in &mut self.entries {
            match entry {
                Entry::Here(span) => *span = Span { start: further(span.start, text)?, end: further(span.end, text)? },
                Entry::List(extent) | Entry::Object(extent) => extent.end = further(extent.end, entries)?,
                _ => {}
            }
        }
        let name = outer.entries.into_iter().map(|entry| match entry {
            Entry::Aside(span) => {
                Ok(Entry::Aside(Span { start: further(span.start, aside)?, end: further(span.end, aside)? }))
            }
            entry => Ok(entry),
        });
        let name = name.collect::<Result<Vec<_>, _>>()?;
        self.entries.splice(0..0, name);
        self.close_object(0, 1)?;
        Ok(self)
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
        let json = self.0.text.to_mut();
        if is_plain(text) {
            // Something follows it.
            json.reserve(text.len() + 3);
            json.push('"');
            let start = json.len();
            json.push_str(text);
            let span = span(start, json.len())?;
            json.push('"');
            self.0.entries.push(Entry::Here(span));
        } else {
            // What is written to never fails.
            let _ = serde_json::to_writer(Text(json), text);
            self.0.string(text)?;
        }
        Ok(())
    }

    pub(crate) fn open_list(&mut self) -> List {
        self.raw("[");
        List { at: self.0.open(), length: 0 }
    }

    /// Before an item; gives its index.
    pub(crate) fn item(&mut self, list: &mut List) -> usize {
        if list.length > 0 {
            self.raw(",");
        }
        list.length += 1;
        list.length - 1
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
    pub(crate) fn name(&mut self, object: &mut Object, name: &str) -> Result<Name, Refused> {
        if object.names.length > 0 {
            self.raw(",");
        }
        self.string(name)?;
        self.raw(":");
        let last = u32::try_from(self.0.entries.len() - 1).map_err(|_| Refused::TooLong)?;
        if object.names.add(&self.0) { Ok(Name(last)) } else { Err(Refused::Twice) }
    }

    /// A name that was written.
    pub(crate) fn name_at(&self, name: Name) -> &str {
        self.0.text_at(name.0).unwrap_or_default()
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

/// Appends a string as it stands in JSON.
pub(crate) fn string(to: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        to.push(b'"');
        to.extend_from_slice(text.as_bytes());
        to.push(b'"');
    } else {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *to, text);
    }
}

/// Takes what `serde_json` writes, which are whole characters in every piece.
struct Text<'t>(&'t mut String);

impl io::Write for Text<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.push_str(str::from_utf8(piece).map_err(io::Error::other)?);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
