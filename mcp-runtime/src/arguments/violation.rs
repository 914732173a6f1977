//! What is wrong with an argument, in words that an agent can mend its call by. The rejected value is never in there.

use serde::Serialize;

use crate::output::hygiene;

/// How many violations one answer lists.
pub const MAX_VIOLATIONS: usize = 20;

/// The longest piece of a name of the client's that is repeated to it, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The longest text of a check, in bytes.
const MAX_MESSAGE_BYTES: usize = 500;

/// One thing that is wrong with the arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where, as a JSON pointer (RFC 6901) into the arguments.
    pub pointer: String,
    /// Which rule is broken: a keyword of JSON Schema, `decode` for what only the type knows, `check` for a check of the
    /// tool's own, or `burst` for a cost that no limit ever admits.
    pub keyword: String,
    /// What was expected.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(pointer: impl Into<String>, keyword: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), keyword: keyword.to_owned(), message: message.into() }
    }
}

/// What a check of a tool's own says of arguments that it refuses.
///
/// A check gives `Result<(), E>` for any `E` that becomes one of these: a `String` or `&'static str`, or a `CheckError`
/// itself where the text is about a part of the argument. The model reads the text, so it should say what is expected
/// and, like every violation, repeat nothing of the value.
///
/// ```
/// use mcp_runtime::CheckError;
///
/// fn in_stock(items: &Vec<u32>) -> Result<(), CheckError> {
///     match items.iter().position(|item| *item > 900) {
///         Some(index) => Err(CheckError::new("is no longer sold").at(format!("/{index}"))),
///         None => Ok(()),
///     }
/// }
/// # assert!(in_stock(&vec![1, 2]).is_ok() && in_stock(&vec![1, 901]).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckError {
    pointer: String,
    message: String,
}

impl CheckError {
    /// Refuses, and says what was expected.
    pub fn new(message: impl Into<String>) -> Self {
        Self { pointer: String::new(), message: message.into() }
    }

    /// Where below the argument, as a JSON pointer (RFC 6901): `/0/street`. In a check over several arguments the pointer
    /// starts with the argument's name.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// The violation, below the argument at `place`.
    pub(crate) fn violation(&self, place: &str) -> Violation {
        let message = &self.message[..self.message.floor_char_boundary(MAX_MESSAGE_BYTES)];
        let message = hygiene::clean(message).text.into_owned();
        Violation::new(format!("{place}{}", pointer(&self.pointer)), "check", message)
    }
}

impl std::fmt::Display for CheckError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CheckError {}

impl<E: Into<String>> From<E> for CheckError {
    fn from(message: E) -> Self {
        Self::new(message)
    }
}

/// A pointer whose segments came from the client, cleaned and cut.
pub(super) fn pointer(raw: &str) -> String {
    raw.split('/').map(shown).collect::<Vec<_>>().join("/")
}

/// A name of the client's, fit to be shown: cleaned, and cut at a character.
pub(crate) fn shown(name: &str) -> String {
    let name = cut(name);
    // As most names are, and every name of ours.
    if name.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return name.to_owned();
    }
    hygiene::clean(name).text.replace(['\n', '\t', '\u{2028}', '\u{2029}'], " ")
}

/// A name of the client's, no longer than is looked at.
pub(super) fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

/// RFC 6901, section 3.
pub(crate) fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
