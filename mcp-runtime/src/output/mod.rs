//! What leaves a tool: sanitised, bounded, and true to its schema.
//!
//! Every string that a model can see (texts, structured content, its keys, error messages, links and what describes them)
//! is sanitised by the level that its type declares, at any depth:
//!
//! | | code points, escapes | links that load by themselves, role tokens, leaked secrets | told to the client |
//! | --- | --- | --- | --- |
//! | [`Trusted`], [`Text::trusted`] | cleaned | kept | |
//! | everything else | cleaned | defused, broken, masked | |
//! | [`Untrusted`], [`Text::untrusted`] | cleaned | defused, broken, masked | JSON pointers in `_meta`, mark in the output schema |
//!
//! * **Code points and escapes**: see [`hygiene`].
//! * **Links that load by themselves** lose their address, `link removed` stands in its place: images of Markdown, inline
//!   and by reference, and the elements and attributes of HTML and CSS that load something. A link that somebody has to
//!   follow stays, and so does a bare address.
//! * **Role tokens** are broken by a visible `·` behind their first character: `<|im_start|>` and its like, `[INST]`,
//!   `<<SYS>>`, `<start_of_turn>`, elements such as `</tool_output>` and `<system>`.
//! * **Leaked secrets** become `[masked: …]`: keys of this server, of AWS, GitHub, Slack and Stripe, JWTs, private keys in
//!   PEM, card numbers by their check digit. Digits that pass for a card by chance are masked too: one in fifty or so of
//!   16-digit numbers. A tool whose answers hold such numbers says so in the configuration (`unmasked`).
//!
//! What holds afterwards: none of these classes is left in a string, nothing that loads by itself has an address outside
//! of `[links] allowed`, and sanitising once more changes nothing. HTML that is cut into several strings, and put together
//! again by whoever shows them, is out of reach, and so is what stands encoded in base64. Clean text comes out as it went in. What a text *says* is not judged: instructions in plain
//! words pass, and the answer to those is what the caller may do.
//!
//! Each string is taken on its own, but for images and definitions of Markdown, which find each other across the strings
//! of an answer. The answer is checked against its schema after that: a string that no longer meets it is not sent.

mod content;
mod edits;
pub mod hygiene;
mod level;
mod links;
mod roles;
mod schema;
mod secrets;
mod serialize;
#[cfg(test)]
mod tests;
mod trust;

use std::borrow::Cow;

use rmcp::model::ContentBlock;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::error::{Failure, ToolError, code};
use crate::json::Document;
use crate::spec::CodeSpec;

pub use level::OutputBounds;
pub(crate) use level::{Counts, plain};
use level::{Level, Sanitised, Surroundings, sanitise};
pub use links::Links;
pub(crate) use schema::OutputSchema;
pub(crate) use secrets::mask_secrets;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use serialize::to_visible_value;
pub(crate) use serialize::{Problem, to_clean, to_clean_value};
pub use trust::{Trusted, Untrusted};

/// What a tool can return.
///
/// [`Json`] is structured content with an output schema; `String`, `&str` and [`Text`] are text; `()` says that it is
/// done; [`ContentBlock`]s are passed on. Each plain, or in a `Result` whose error is a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a tool",
    label = "not a result that a client understands",
    note = "return `Json<T>` for data, `String` or `Text` for text, `()` for nothing, rmcp's `ContentBlock` for the rest",
    note = "or any of these in a `Result` whose error derives `ToolError`"
)]
pub trait ToolResult {
    /// The codes of the tool's own errors.
    const CODES: &'static [CodeSpec] = &[];

    /// The schema of the structured content, if there is any.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        let _ = generator;
        None
    }

    /// The cleaned answer.
    ///
    /// # Errors
    /// The tool's own error; [`code::OUTPUT_TOO_LARGE`]; [`code::OUTPUT_INVALID`] for what is no JSON.
    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>>;
}

/// A cleaned answer, before the gate has checked it against the tool's output schema.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Content blocks; empty where the structured content speaks for itself.
    pub(crate) content: Vec<ContentBlock>,
    /// Structured content.
    pub(crate) structured: Option<Document<'static>>,
    /// Where strings of others stand, as JSON pointers into the structured content.
    pub(crate) untrusted: Vec<String>,
    /// How much was changed.
    pub(crate) counts: Counts,
}

/// Structured content: sent as `structuredContent`, described by an output schema, and as JSON text beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// What [`Json`] can hold: everything that is `Serialize` and `JsonSchema`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as JSON",
    label = "what `Json` holds has no JSON Schema, or cannot be encoded as JSON",
    note = "derive both on the type: `#[derive(serde::Serialize, schemars::JsonSchema)]`"
)]
pub trait Structured: Serialize + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> Structured for T {}

impl<T: Structured> ToolResult for Json<T> {
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }

    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        let clean = to_clean(&self.0, bounds).map_err(|problem| problem.failure(bounds))?;
        Ok(Answer {
            content: Vec::new(),
            structured: Some(clean.value),
            untrusted: clean.untrusted,
            counts: clean.counts,
        })
    }
}

/// Text for the model. A plain `String` is one, too; [`Text`] says where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Ours,
    Unsaid,
    Others,
}

impl Text {
    /// Text of which nothing is said: the same as a plain `String`.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: Source::Unsaid }
    }

    /// Text that this server's authors wrote, as [`Trusted`].
    pub fn trusted(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: Source::Ours }
    }

    /// Text that somebody else wrote, as [`Untrusted`]; the client is told so.
    pub fn untrusted(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: Source::Others }
    }
}

impl ToolResult for Text {
    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        let level = if self.source == Source::Ours { Level::Trusted } else { Level::Plain };
        let mut answer = text_answer(self.text, level, bounds)?;
        if self.source == Source::Others {
            answer.untrusted.push("/content/0/text".to_owned());
        }
        Ok(answer)
    }
}

impl ToolResult for String {
    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        text_answer(self, Level::Plain, bounds)
    }
}

impl ToolResult for &str {
    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        text_answer(self.to_owned(), Level::Plain, bounds)
    }
}

impl ToolResult for () {
    fn answer(self, _: &OutputBounds) -> Result<Answer, Box<Failure>> {
        // A model takes an empty list of content for a failure.
        Ok(Answer { content: vec![ContentBlock::text("done")], ..Answer::default() })
    }
}

impl ToolResult for ContentBlock {
    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        vec![self].answer(bounds)
    }
}

impl ToolResult for Vec<ContentBlock> {
    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        let clean = content::sanitise(self, bounds).map_err(|problem| problem.failure(bounds))?;
        Ok(Answer { content: clean.value, counts: clean.counts, ..Answer::default() })
    }
}

impl<R: ToolResult, E: ToolError> ToolResult for Result<R, E> {
    const CODES: &'static [CodeSpec] = E::CODES;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        R::schema(generator)
    }

    fn answer(self, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
        match self {
            Ok(value) => value.answer(bounds),
            Err(error) => Err(Failure::of_tool(&error)),
        }
    }
}

fn text_answer(text: String, level: Level, bounds: &OutputBounds) -> Result<Answer, Box<Failure>> {
    if text.len() as u64 > bounds.max_bytes {
        return Err(Problem::TooLarge.failure(bounds));
    }
    let (changed, counts) = match sanitise(&text, level, bounds, &mut Surroundings::default()) {
        Sanitised { text: Cow::Owned(changed), counts } => (Some(changed), counts),
        Sanitised { text: Cow::Borrowed(_), counts } => (None, counts),
    };
    let text = changed.unwrap_or(text);
    Ok(Answer { content: vec![ContentBlock::text(text)], counts, ..Answer::default() })
}

impl Problem {
    fn failure(self, bounds: &OutputBounds) -> Box<Failure> {
        Box::new(match self {
            Self::TooLarge => too_large(bounds.max_bytes),
            Self::Invalid(cause) => {
                Failure::logged(code::OUTPUT_INVALID, "the tool gave an answer that breaks its own schema", cause)
            }
        })
    }
}

/// An answer above its bound: never cut in silence.
pub(crate) fn too_large(max_bytes: u64) -> Failure {
    let message = format!("the answer is larger than the {max_bytes} bytes that this tool may send; ask for less");
    Failure::new(code::OUTPUT_TOO_LARGE, message)
}
