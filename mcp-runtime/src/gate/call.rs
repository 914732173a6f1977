//! A call on its way in, and what becomes of it on its way out.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::{ClientCapabilities, ContentBlock, InputRequiredResult};
use serde_json::Value;

use crate::arguments::Malformed;
use crate::caller::Caller;
use crate::context::CallContext;
use crate::error::Failure;
use crate::json::Document;
use crate::limit::Quota;
use crate::output::Counts;
use crate::record::{Recording, Via};

/// A call on its way to a tool.
#[derive(Debug)]
pub struct Request<'a> {
    /// The tool's name, as the client gave it.
    pub tool: &'a str,
    /// The arguments as JSON text; `None` if the client gave none.
    pub arguments: Option<&'a str>,
    /// The arguments, where the transport has read them strictly already, and whether their text was small; then there is
    /// no text here.
    pub(crate) read: Option<(Document<'a>, bool)>,
    /// The client's id of the request, where the context does not have it.
    pub(crate) id: Option<&'a str>,
    /// Who calls.
    pub caller: &'a Arc<Caller>,
    /// Ids, cancellation, progress.
    pub context: CallContext,
    /// Which way it came.
    pub via: Via,
    /// The record that the transport has begun.
    pub(crate) recording: Option<Recording>,
}

impl<'a> Request<'a> {
    /// A call of a tool.
    pub fn new(
        tool: &'a str,
        arguments: Option<&'a str>,
        caller: &'a Arc<Caller>,
        context: CallContext,
        via: Via,
    ) -> Self {
        Self { tool, arguments, read: None, id: None, caller, context, via, recording: None }
    }
}

/// What the gate decided, and what is left of the caller's tightest limit.
#[derive(Debug)]
pub struct Decision {
    /// What came of the call.
    pub outcome: Outcome,
    /// For `RateLimit` headers.
    pub quota: Option<Quota>,
}

/// What came of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The tool answered, and the answer may be sent.
    Answered(Answered),
    /// The call failed, in a way that the model should read.
    Failed(Box<Failure>),
    /// There is no such tool: a protocol error.
    UnknownTool,
    /// The arguments are no JSON object, or hold a key twice: a protocol error.
    Malformed(Malformed),
    /// The client has to answer questions, and to call again (since revision 2026-07-28).
    InputRequired(Box<InputRequiredResult>),
    /// The tool needs what the client does not offer: a protocol error (since revision 2026-07-28).
    Unsupported(Box<ClientCapabilities>),
    /// The state that came with the answers is none that was given for this call: a protocol error.
    InvalidState,
}

/// An answer, sanitised, checked and bounded.
#[derive(Debug)]
pub struct Answered {
    pub(crate) body: Body,
    /// Where strings of others stand, as JSON pointers into the result.
    pub untrusted: Vec<String>,
    /// How large it is, in bytes of JSON.
    pub bytes: u64,
    pub(super) counts: Counts,
}

/// What an answer says. Either is written once, and sent as it was measured.
#[derive(Debug)]
pub(crate) enum Body {
    /// Content blocks, and the JSON of them.
    Blocks(Vec<ContentBlock>, String),
    /// Structured content, true to the published schema.
    Structured(Document<'static>),
}

impl Answered {
    /// Content blocks; structured content as its JSON text.
    pub fn content(&self) -> Cow<'_, [ContentBlock]> {
        match &self.body {
            Body::Blocks(blocks, _) => Cow::Borrowed(blocks),
            Body::Structured(document) => Cow::Owned(vec![ContentBlock::text(document.text())]),
        }
    }

    /// [`Answered::content`] without a copy.
    pub fn into_content(self) -> Vec<ContentBlock> {
        match self.body {
            Body::Blocks(blocks, _) => blocks,
            Body::Structured(document) => vec![ContentBlock::text(document.into_text())],
        }
    }

    /// Structured content, true to the published schema.
    pub fn structured(&self) -> Option<Value> {
        match &self.body {
            Body::Blocks(..) => None,
            Body::Structured(document) => Some(document.root().to_value()),
        }
    }

    /// The same as the JSON text that is sent.
    pub fn structured_text(&self) -> Option<&str> {
        match &self.body {
            Body::Blocks(..) => None,
            Body::Structured(document) => Some(document.text()),
        }
    }
}
