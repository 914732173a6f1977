//! Arguments as text, written once and bounded.

use std::borrow::Cow;
use std::io::Write as _;

use serde_json::Number;
use smallvec::SmallVec;

use super::{credential, patterns};
use crate::config::Redaction;
use crate::json::{Kind, Members, Node, string};
use crate::output::hygiene::is_hidden;

/// The longest text of an argument that a record holds, in bytes.
const MAX_TEXT: usize = 1024;

/// How much a record holds of all arguments together, in bytes of text, but for the last one and what marks a cut.
pub(super) const MAX_ALL: usize = 16 * 1024;

/// What stands for what there is no room for.
const CUT: &str = "[cut]";

/// Writes JSON in which nothing is hidden from who reads it, and no more than there is room for.
pub(super) struct Writer {
    text: Vec<u8>,
}

impl Writer {
    /// Into a buffer that is empty.
    pub(super) fn new(text: Vec<u8>) -> Self {
        Self { text }
    }

    /// The text; every piece of it was text.
    pub(super) fn finish(self) -> String {
        String::from_utf8(self.text).unwrap_or_else(|_| format!("\"{CUT}\""))
    }

    /// An object, each entry written by `entry`: the name, then the value. What there is no room for is left out.
    pub(super) fn object<'a>(
        &mut self,
        entries: impl Iterator<Item = (&'a str, Node<'a>)>,
        mut entry: impl FnMut(&mut Self, &'a str, Node<'a>),
    ) {
        self.text.push(b'{');
        for (index, (name, value)) in entries.enumerate() {
            if index > 0 {
                self.text.push(b',');
            }
            if self.is_full() {
                self.name(CUT);
                self.mark(CUT);
                break;
            }
            entry(self, name, value);
        }
        self.text.push(b'}');
    }

    /// The name of an entry.
    pub(super) fn name(&mut self, name: &str) {
        self.visible(name);
        self.text.push(b':');
    }

    /// A text of ours that stands for a value.
    pub(super) fn mark(&mut self, mark: &str) {
        string(&mut self.text, mark);
    }

    /// A value whose texts are cut, and which is left out where the text would outgrow its bound.
    pub(super) fn value(&mut self, value: Node<'_>, classes: &Redaction) {
        match value.kind() {
            _ if self.is_full() => self.mark(CUT),
            Kind::Text(text) => self.cut(text, classes),
            Kind::List(values) => {
                self.text.push(b'[');
                for (index, value) in values.enumerate() {
                    if index > 0 {
                        self.text.push(b',');
                    }
                    self.value(value, classes);
                    if self.is_full() {
                        break;
                    }
                }
                self.text.push(b']');
            }
            Kind::Object(members) => self.object(members, |writer, name, value| {
                writer.long_name(name, classes);
                writer.field(name, value, classes);
            }),
            // A card's number may come as a number.
            Kind::Number(number) if number.as_u64().is_some_and(|number| number > 9_999_999_999_999) => {
                match patterns::redact(&number.to_string(), classes) {
                    Cow::Borrowed(_) => canonical(value, &mut self.text),
                    Cow::Owned(mark) => self.mark(&mark),
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => canonical(value, &mut self.text),
        }
    }

    /// A value of which the author declared nothing but its name, which may say enough.
    pub(super) fn field(&mut self, name: &str, value: Node<'_>, classes: &Redaction) {
        if classes.credentials && !matches!(value.kind(), Kind::Null | Kind::Bool(_)) && credential::is_name(name) {
            self.mark(credential::PASSWORD);
        } else {
            self.value(value, classes);
        }
    }

    /// A name that the caller chose, cut as texts are.
    fn long_name(&mut self, name: &str, classes: &Redaction) {
        self.cut(name, classes);
        self.text.push(b':');
    }

    fn cut(&mut self, text: &str, classes: &Redaction) {
        // Redacted with what is behind the cut, which may be the rest of something.
        let seen = &text[..text.floor_char_boundary(2 * MAX_TEXT)];
        let redacted = patterns::redact(seen, classes);
        let cut = &redacted[..redacted.floor_char_boundary(MAX_TEXT)];
        if self.text.len() + cut.len() > MAX_ALL {
            self.mark(CUT);
        } else if cut.len() < redacted.len() || seen.len() < text.len() {
            self.visible(&format!("{cut}… ({} bytes)", text.len()));
        } else {
            self.visible(cut);
        }
    }

    fn is_full(&self) -> bool {
        self.text.len() >= MAX_ALL
    }

    /// A text in which what would be invisible is spelt out. Control characters of ASCII are left to JSON, which escapes
    /// them all but one.
    fn visible(&mut self, text: &str) {
        // Most are short, of printable ASCII, and need no escape.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            self.text.push(b'"');
            self.text.extend_from_slice(text.as_bytes());
            self.text.push(b'"');
            return;
        }
        let hidden = |c: char| c == '\u{7f}' || (!c.is_ascii() && is_hidden(c));
        if !text.chars().any(hidden) {
            return string(&mut self.text, text);
        }
        let mut shown = String::with_capacity(text.len() * 2);
        for c in text.chars() {
            if hidden(c) {
                shown.extend(c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
        string(&mut self.text, &shown);
    }
}

/// A value, the keys of its objects in order: equal values give equal texts (after RFC 8785, but for numbers, which stay
/// as they were written).
pub(super) fn canonical(value: Node<'_>, to: &mut Vec<u8>) {
    match value.kind() {
        Kind::Null => to.extend_from_slice(b"null"),
        Kind::Bool(true) => to.extend_from_slice(b"true"),
        Kind::Bool(false) => to.extend_from_slice(b"false"),
        Kind::Number(value) => number(to, value),
        Kind::Text(_) => text(value, to),
        Kind::List(values) => {
            to.push(b'[');
            for (index, value) in values.enumerate() {
                if index > 0 {
                    to.push(b',');
                }
                canonical(value, to);
            }
            to.push(b']');
        }
        Kind::Object(members) => canonical_object(members, to),
    }
}

/// As [`canonical`], for an object.
pub(super) fn canonical_object(members: Members<'_>, to: &mut Vec<u8>) {
    let mut sorted: SmallVec<[(&str, Node<'_>, Node<'_>); 16]> =
        members.nodes().map(|(name, value)| (name.text(), name, value)).collect();
    sorted.sort_unstable_by_key(|(text, ..)| *text);
    to.push(b'{');
    for (index, (_, name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        text(name, to);
        to.push(b':');
        canonical(value, to);
    }
    to.push(b'}');
}

/// A string, copied where it needs nothing else.
fn text(node: Node<'_>, to: &mut Vec<u8>) {
    match node.plain_string() {
        Some(plain) => to.extend_from_slice(plain.as_bytes()),
        None => string(to, node.text()),
    }
}

/// A number, as `serde_json` writes it.
fn number(to: &mut Vec<u8>, number: &Number) {
    let mut digits = itoa::Buffer::new();
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => to.extend_from_slice(digits.format(number).as_bytes()),
        (None, Some(number)) => to.extend_from_slice(digits.format(number).as_bytes()),
        // Writing to memory does not fail.
        (None, None) => drop(write!(to, "{number}")),
    }
}
