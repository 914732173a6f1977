//! The arguments of a call, read once and not before somebody needs them.

use crate::arguments::Malformed;
use crate::json::{Document, read};

/// What is longer is not read for the sake of a refusal, in bytes.
const SMALL: usize = 16 * 1024;

/// The arguments as they came: text, or what the transport has read already.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) read: Option<Document<'a>>,
}

impl<'a> Sent<'a> {
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
        Ok(self.read.insert(read))
    }

    /// The arguments, if they are read already or that costs little.
    pub(super) fn small(&mut self) -> Option<&mut Document<'a>> {
        if self.read.is_none() && self.text.is_none_or(|text| text.len() > SMALL) {
            return None;
        }
        self.read().ok()
    }
}
