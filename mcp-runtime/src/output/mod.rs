//! What leaves a tool: cleaned, bounded, and true to its schema.

pub mod hygiene;
mod schema;
mod serialize;
mod trust;

use std::borrow::Cow;

use rmcp::model::ContentBlock;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Failure, ToolError, code};
use crate::spec::CodeSpec;

pub(crate) use schema::OutputSchema;
pub(crate) use serialize::{Problem, to_clean_value};
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
    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>>;
}

/// How large an answer may get.
#[derive(Clone, Copy, Debug)]
pub struct OutputBounds {
    /// In bytes of JSON.
    pub max_bytes: u64,
}

/// A cleaned answer, before the gate has checked it against the tool's output schema.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Content blocks; empty where the structured content speaks for itself.
    pub(crate) content: Vec<ContentBlock>,
    /// Structured content.
    pub(crate) structured: Option<Value>,
    /// Where strings of others stand, as JSON pointers into the structured content.
    pub(crate) untrusted: Vec<String>,
    /// How many code points were removed.
    pub(crate) removed: usize,
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

    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        let clean = to_clean_value(&self.0, bounds.max_bytes).map_err(|problem| problem.failure(bounds))?;
        Ok(Answer {
            content: Vec::new(),
            structured: Some(clean.value),
            untrusted: clean.untrusted,
            removed: clean.removed,
        })
    }
}

/// Text for the model. A plain `String` is one, too; [`Text`] says where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    untrusted: bool,
}

impl Text {
    /// Text of this server's own.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), untrusted: false }
    }

    /// Text that somebody else wrote; the client is told so.
    pub fn untrusted(text: impl Into<String>) -> Self {
        Self { text: text.into(), untrusted: true }
    }
}

impl ToolResult for Text {
    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        let mut answer = text_answer(self.text, bounds)?;
        if self.untrusted {
            answer.untrusted.push("/content/0/text".to_owned());
        }
        Ok(answer)
    }
}

impl ToolResult for String {
    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        text_answer(self, bounds)
    }
}

impl ToolResult for &str {
    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        text_answer(self.to_owned(), bounds)
    }
}

impl ToolResult for () {
    fn answer(self, _: OutputBounds) -> Result<Answer, Box<Failure>> {
        // A model takes an empty list of content for a failure.
        Ok(Answer { content: vec![ContentBlock::text("done")], ..Answer::default() })
    }
}

impl ToolResult for ContentBlock {
    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        vec![self].answer(bounds)
    }
}

impl ToolResult for Vec<ContentBlock> {
    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        let clean = to_clean_value(&self, bounds.max_bytes).map_err(|problem| problem.failure(bounds))?;
        let content = serde_json::from_value(clean.value)
            .map_err(|error| Problem::Invalid(format!("a content block is none: {error}")).failure(bounds))?;
        Ok(Answer { content, removed: clean.removed, ..Answer::default() })
    }
}

impl<R: ToolResult, E: ToolError> ToolResult for Result<R, E> {
    const CODES: &'static [CodeSpec] = E::CODES;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        R::schema(generator)
    }

    fn answer(self, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
        match self {
            Ok(value) => value.answer(bounds),
            Err(error) => Err(Failure::of_tool(&error)),
        }
    }
}

fn text_answer(text: String, bounds: OutputBounds) -> Result<Answer, Box<Failure>> {
    if text.len() as u64 > bounds.max_bytes {
        return Err(Problem::TooLarge.failure(bounds));
    }
    let cleaned = hygiene::clean(&text);
    let removed = cleaned.removed;
    let text = match cleaned.text {
        Cow::Borrowed(_) => text,
        Cow::Owned(text) => text,
    };
    Ok(Answer { content: vec![ContentBlock::text(text)], removed, ..Answer::default() })
}

impl Problem {
    fn failure(self, bounds: OutputBounds) -> Box<Failure> {
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
