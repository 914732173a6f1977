//! The gate's outcome as MCP's results and errors.

use bytes::Bytes;
use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, CallToolResponse, CallToolResult, CompleteResult, ContentBlock, CustomResult, GetPromptResponse,
    GetPromptResult, GetSkillResult, GetTaskResult, JsonObject, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListSkillsResult, ListToolsResult, MetaObject, ReadResourceResponse, ReadResourceResult, Tool,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::gate::{Answered, Decision, Outcome};
use crate::output::{OutputBounds, Problem, hygiene, to_clean_value, to_visible_value};

/// Under this key of a result's `_meta` stands the error for programs.
pub(crate) const ERROR_KEY: &str = "dev.mcp-runtime/error";

/// Under this key of a result's `_meta` stand the places of texts that others wrote.
pub(crate) const UNTRUSTED_KEY: &str = "dev.mcp-runtime/untrusted";

/// A decision as the result of `tools/call`.
///
/// # Errors
/// A protocol error for what is no call of a tool of this server.
pub(crate) fn result(decision: Decision) -> Result<CallToolResponse, ErrorData> {
    match decision.outcome {
        Outcome::Answered(answered) => Ok(answer(answered).into()),
        Outcome::Failed(failure) => Ok(failed(&failure).into()),
        Outcome::UnknownTool => Err(ErrorData::invalid_params("there is no tool of this name", None)),
        Outcome::Malformed(malformed) => Err(ErrorData::invalid_params(format!("arguments: {malformed}"), None)),
        Outcome::InputRequired(questions) => Ok((*questions).into()),
        Outcome::Unsupported(needed) => Err(ErrorData::missing_required_client_capability(*needed)),
        Outcome::InvalidState => Err(ErrorData::invalid_params(
            "`requestState` is not one that was given for this call, or has expired",
            None,
        )),
    }
}

/// What a tool answered.
pub(crate) fn answer(answered: Answered) -> CallToolResult {
    let meta = untrusted(&answered.untrusted);
    let structured = answered.structured();
    let mut result = CallToolResult::success(answered.into_content()).with_meta(meta);
    result.structured_content = structured;
    result
}

/// `_meta` with the places of texts that others wrote, if there are any.
pub(crate) fn untrusted(places: &[String]) -> Option<MetaObject> {
    (!places.is_empty()).then(|| meta(UNTRUSTED_KEY, places.into()))
}

/// A tool error: compact JSON for the model, the same object in `_meta` for programs. No structured content: clients
/// check that against the output schema even on errors.
pub(crate) fn failed(failure: &Failure) -> CallToolResult {
    let error = json!(failure);
    let text = json!({ "error": error }).to_string();
    CallToolResult::error(vec![ContentBlock::text(text)]).with_meta(Some(meta(ERROR_KEY, error)))
}

fn meta(key: &str, value: Value) -> MetaObject {
    MetaObject(JsonObject::from_iter([(key.to_owned(), value)]))
}

/// The list of tools. It depends on the caller, so no cache may share it.
pub(crate) fn tools(tools: Vec<Tool>) -> ListToolsResult {
    ListToolsResult::with_all_items(tools).with_ttl_ms(0).with_cache_scope(CacheScope::Private)
}

/// What the user's own handler answered (a prompt, a resource), sanitised like everything that nobody declared trusted.
///
/// # Errors
/// The handler's own, sanitised as well; an answer that is none once it is sanitised.
pub(crate) fn handled<T: Handled>(result: Result<T, ErrorData>, bounds: &OutputBounds) -> Result<T, ErrorData> {
    let unsent = |_: Problem| ErrorData::internal_error("the answer cannot be sent", None);
    match result {
        Ok(result) => result.sanitised(bounds).map_err(unsent),
        Err(error) => Err(sanitised(&error, bounds).unwrap_or_else(unsent)),
    }
}

/// An answer of the user's own handler.
pub(crate) trait Handled: Sized {
    fn sanitised(self, bounds: &OutputBounds) -> Result<Self, Problem>;
}

macro_rules! handled {
    ($($answer:ty),* $(,)?) => {$(
        impl Handled for $answer {
            fn sanitised(self, bounds: &OutputBounds) -> Result<Self, Problem> {
                sanitised(&self, bounds)
            }
        }
    )*};
}
handled!(
    (),
    CompleteResult,
    CustomResult,
    GetPromptResult,
    GetSkillResult,
    GetTaskResult,
    ListPromptsResult,
    ListResourceTemplatesResult,
    ListResourcesResult,
    ListSkillsResult,
    ReadResourceResult,
);

macro_rules! handled_unless_asked {
    ($($answer:ident),*) => {$(
        impl Handled for $answer {
            fn sanitised(self, bounds: &OutputBounds) -> Result<Self, Problem> {
                match self {
                    Self::Complete(result) => result.sanitised(bounds).map(Self::Complete),
                    Self::InputRequired(mut question) => {
                        // Its state is the handler's own, and comes back as it was.
                        let state = question.request_state.take();
                        let mut question = sanitised(&question, bounds)?;
                        question.request_state = state;
                        Ok(Self::InputRequired(question))
                    }
                    _ => Err(Problem::Invalid("an answer of a kind that is not known".to_owned())),
                }
            }
        }
    )*};
}
handled_unless_asked!(GetPromptResponse, ReadResourceResponse);

fn sanitised<T: Serialize + DeserializeOwned>(value: &T, bounds: &OutputBounds) -> Result<T, Problem> {
    let clean = to_clean_value(value, bounds)?.value;
    serde_json::from_value(clean).map_err(|error| Problem::Invalid(error.to_string()))
}

/// A message on its way out: no code point that hides something is in it, whoever wrote it.
///
/// # Errors
/// A message that cannot be cleaned, because two of its keys become one.
pub(crate) fn cleaned(message: Bytes) -> Result<Bytes, Problem> {
    // Escapes in JSON are the one other way that a control character can be written.
    let text = std::str::from_utf8(&message).unwrap_or_default();
    if hygiene::clean(text).removed == 0 && !text.contains('\\') {
        return Ok(message);
    }
    let value: Value = serde_json::from_slice(&message).map_err(|error| Problem::Invalid(error.to_string()))?;
    let mut clean = to_visible_value(&value)?;
    // An id and a token go back as they came, or the client does not know them again.
    for pointer in ["/id", "/params/progressToken"] {
        if let (Some(own), Some(clean)) = (value.pointer(pointer), clean.pointer_mut(pointer)) {
            clean.clone_from(own);
        }
    }
    Ok(clean.to_string().into())
}

#[cfg(test)]
mod tests {
    use rmcp::model::{GetPromptResponse, InputRequiredResult};

    use super::*;

    #[test]
    fn a_question_to_the_client_is_sanitised_and_its_state_is_not() {
        let question: InputRequiredResult = serde_json::from_value(json!({
            "resultType": "input_required",
            "inputRequests": {"name": {"method": "elicitation/create", "params": {
                "message": "![a](https://evil.io) <|im_start|>",
                "requestedSchema": {"type": "object", "properties": {}},
            }}},
            "requestState": "<|im_start|>",
        }))
        .expect("a question");
        let sent = GetPromptResponse::InputRequired(question).sanitised(&OutputBounds::new(10_000)).expect("an answer");
        let GetPromptResponse::InputRequired(question) = sent else { unreachable!("it is a question") };
        let sent = json!(question);
        assert_eq!(sent["inputRequests"]["name"]["params"]["message"], "![a](link removed) <·|im_start|>", "{sent}");
        assert_eq!(sent["requestState"], "<|im_start|>");
    }
}
