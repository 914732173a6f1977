//! JSON as RFC 8259 hopes for it: a name stands once, numbers keep their value, nesting and size are bounded.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
#[cfg(any(test, feature = "jwt"))]
use serde_json::Map;
use serde_json::{Number, Value};

use super::{Document, Entry, Kind, Names, TooLong, number, span};

/// How many names and items of lists one text may hold in all.
pub(crate) const MAX_NODES: usize = 100_000;

/// Text that stands for no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No JSON.
    #[error("the text is not valid JSON")]
    Syntax,
    /// A key of an object stands twice.
    #[error("a key stands twice in an object")]
    DuplicateKey,
    /// More keys and items than one text may hold.
    #[error("the value has too many parts")]
    TooLarge,
    /// JSON, and no object.
    #[error("the value is not an object")]
    NotAnObject,
}

/// Reads a value.
///
/// # Errors
/// Text that is no JSON, a name that stands twice, or too many parts.
pub(crate) fn document(text: &str) -> Result<Document<'_>, Malformed> {
    document_of(text, &mut { MAX_NODES })
}

/// As [`document`], of one of several texts that may have so many parts together as are `left`.
fn document_of<'a>(text: &'a str, left: &mut usize) -> Result<Document<'a>, Malformed> {
    let mut read = Reading::of(text);
    read.nodes = MAX_NODES - (*left).min(MAX_NODES);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = read.value().deserialize(&mut deserializer);
    match parsed.and_then(|()| deserializer.end()) {
        Ok(()) => {
            *left = MAX_NODES - read.nodes;
            Ok(read.exactly(text))
        }
        Err(_) => Err(read.problem),
    }
}

/// Reads an object.
///
/// # Errors
/// Anything else, without quoting it.
pub(crate) fn object(text: &str) -> Result<Document<'_>, Malformed> {
    let document = document(text)?;
    if matches!(document.root().kind(), Kind::Object(_)) { Ok(document) } else { Err(Malformed::NotAnObject) }
}

/// Reads a value that is kept.
///
/// # Errors
/// As [`document`].
pub(crate) fn value(text: &str) -> Result<Value, Malformed> {
    document(text).map(|document| document.root().to_value())
}

/// Reads an object that is kept.
///
/// # Errors
/// As [`object`].
#[cfg(any(test, feature = "jwt"))]
pub(crate) fn map(text: &str) -> Result<Map<String, Value>, Malformed> {
    object(text).map(|document| document.members().to_map())
}

/// Whether a text is a value; its parts are taken from those that several texts have `left` together.
///
/// # Errors
/// As [`document`].
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) fn check(text: &str, left: &mut usize) -> Result<(), Malformed> {
    document_of(text, left).map(drop)
}

/// A document in the making. Its value may be a part of the text that a deserializer reads.
pub(crate) struct Reading<'a> {
    document: Document<'a>,
    /// Why it is none, if it is none.
    problem: Malformed,
    nodes: usize,
    /// A float without a fraction was met: the text has to say what it is.
    has_whole_float: bool,
}

impl<'a> Reading<'a> {
    /// Of a text, or of a part of it.
    pub(crate) fn of(text: &'a str) -> Self {
        let document = Document { text: text.into(), aside: String::new(), entries: Vec::with_capacity(32) };
        Self { document, problem: Malformed::Syntax, nodes: 0, has_whole_float: false }
    }

    /// What a deserializer of that text is asked for.
    pub(crate) fn value(&mut self) -> Part<'_, 'a> {
        Part(self)
    }

    /// The document, if its numbers are exact without another look at the text.
    pub(crate) fn exact(self) -> Option<Document<'a>> {
        (!self.has_whole_float).then_some(self.document)
    }

    /// The document; `text` is its own.
    fn exactly(mut self, text: &str) -> Document<'a> {
        if self.has_whole_float {
            number::exact(&mut self.document, text);
        }
        self.document
    }

    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { self.fail(Malformed::TooLarge) } else { Ok(()) }
    }

    fn fail<T, E: de::Error>(&mut self, problem: Malformed) -> Result<T, E> {
        self.problem = problem;
        Err(E::custom(problem))
    }

    fn within<T, E: de::Error>(&mut self, result: Result<T, TooLong>) -> Result<T, E> {
        result.or_else(|TooLong| self.fail(Malformed::TooLarge))
    }

    fn push(&mut self, entry: Entry) {
        self.document.entries.push(entry);
    }

    /// A string that stands in the text as it is. Where it stands is told by its address.
    fn here<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        let start = text.as_ptr().addr().wrapping_sub(self.document.text.as_ptr().addr());
        let is_here = start.checked_add(text.len()).is_some_and(|end| end <= self.document.text.len());
        if !is_here {
            return self.aside(text);
        }
        let span = self.within(span(start, start + text.len()))?;
        self.push(Entry::Here(span));
        Ok(())
    }

    fn aside<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        let written = self.document.string(text);
        self.within(written)
    }
}

/// A value, or a name, that is still to be read.
pub(crate) struct Part<'r, 'a>(&'r mut Reading<'a>);

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.push(Entry::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push(Entry::Number(value.into()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push(Entry::Number(value.into()));
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        match Number::from_f64(value) {
            Some(number) => {
                self.0.has_whole_float |= value.fract() == 0.0;
                self.0.push(Entry::Number(number));
                Ok(())
            }
            None => self.0.fail(Malformed::Syntax),
        }
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<(), E> {
        self.0.here(text)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.aside(text)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push(Entry::Null);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let reading = self.0;
        let at = reading.document.open();
        let mut length = 0;
        while access.next_element_seed(Part(&mut *reading))?.is_some() {
            reading.count()?;
            length += 1;
        }
        let closed = reading.document.close_list(at, length);
        reading.within(closed)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let reading = self.0;
        let at = reading.document.open();
        let mut names = Names::of(at);
        let mut length = 0;
        while access.next_key_seed(Part(&mut *reading))?.is_some() {
            reading.count()?;
            if !names.add(&reading.document) {
                return reading.fail(Malformed::DuplicateKey);
            }
            access.next_value_seed(Part(&mut *reading))?;
            length += 1;
        }
        if !names.are_distinct(&reading.document) {
            return reading.fail(Malformed::DuplicateKey);
        }
        let closed = reading.document.close_object(at, length);
        reading.within(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_once_at_every_depth() {
        let many = (0..40).map(|key| format!("\"k{key}\":0,")).collect::<Vec<_>>().concat();
        let late = format!("{{{many}\"k3\":1}}");
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"[{"a":1,"a":2}]"#, r#"{"a":1,"\u0061":2}"#, late.as_str()]
        {
            assert_eq!(value(text), Err(Malformed::DuplicateKey), "{text}");
        }
        assert_eq!(map(&format!("{{{many}\"k\":1}}")).unwrap().len(), 41);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in
            ["", "{", "{}{}", "{\"a\":1e400}", "{\"a\":NaN}", "\u{feff}{}", "{\"a\":\"\\ud800\"}", deep.as_str()]
        {
            assert_eq!(value(text), Err(Malformed::Syntax), "{text}");
        }
        assert_eq!(map("[1]"), Err(Malformed::NotAnObject));
        assert_eq!(map("null"), Err(Malformed::NotAnObject));
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let text = format!("[{}1]", "1,".repeat(MAX_NODES));
        assert_eq!(value(&text), Err(Malformed::TooLarge));
    }

    #[test]
    fn integers_keep_their_value() {
        let map = map(r#"{"max":18446744073709551615,"min":-9223372036854775808,"odd":9007199254740993}"#).unwrap();
        assert_eq!(map["max"], u64::MAX);
        assert_eq!(map["min"], i64::MIN);
        assert_eq!(map["odd"], 9_007_199_254_740_993_u64);
    }
}
