//! The arguments of a call, read once: by the transport, or when somebody needs them.

use crate::arguments::Malformed;
use crate::json::{Document, Members, read};

/// What is longer is not looked at for the sake of a refusal, in bytes of text.
pub(crate) const SMALL: usize = 16 * 1024;

/// The arguments as they came.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    text: Option<&'a str>,
    read: Option<Document<'a>>,
    is_small: bool,
    /// How many members came: defaults are written in behind them.
    members: Option<usize>,
}

impl<'a> Sent<'a> {
    /// As text, or read already, and then whether the text was small.
    pub(super) fn new(text: Option<&'a str>, read: Option<(Document<'a>, bool)>) -> Self {
        let (read, is_small) = match read {
            Some((read, is_small)) => (Some(read), is_small),
            None => (None, text.is_some_and(|text| text.len() <= SMALL)),
        };
        Self { text, read, is_small, members: None }
    }

    /// The arguments; an empty object if there are none.
    ///
    /// # Errors
    /// Text that is no object.
    pub(super) fn read(&mut self) -> Result<&mut Document<'a>, Malformed> {
        let read = match (self.read.take(), self.text) {
            (Some(read), _) => read,
            (None, Some(text)) => read::object(text)?,
            (None, None) => Document::empty_object(),
        };
        self.members.get_or_insert(read.members().len());
        Ok(self.read.insert(read))
    }

    /// The arguments, if they are few enough that a refusal may say something of them.
    pub(super) fn small(&mut self) -> Option<&mut Document<'a>> {
        if self.is_small { self.read().ok() } else { None }
    }

    /// What the caller sent, without the defaults.
    pub(super) fn members(&mut self) -> Option<Members<'_>> {
        self.read().ok()?;
        self.read.as_ref().map(|read| read.members().first(self.members.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_not_what_was_sent() {
        let mut sent = Sent::new(Some(r#"{"a":1}"#), None);
        sent.read().unwrap().insert("b", &json!("none"));
        let names: Vec<_> = sent.members().unwrap().map(|(name, _)| name).collect();
        assert_eq!(names, ["a"]);
        assert_eq!(sent.read().unwrap().members().len(), 2);
        let mut nothing = Sent::new(None, None);
        nothing.read().unwrap().insert("b", &json!("none"));
        assert_eq!(nothing.members().unwrap().len(), 0);
    }

    #[test]
    fn a_refusal_looks_at_no_more_than_it_should_whoever_read_it() {
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(SMALL));
        assert!(Sent::new(Some(&large), None).small().is_none());
        assert!(Sent::new(None, Some((read::object(&large).unwrap(), false))).small().is_none());
        assert!(Sent::new(Some("{}"), None).small().is_some());
        assert!(Sent::new(None, Some((Document::empty_object(), true))).small().is_some());
    }
}
