//! A question, and what counts as its answer.

use rmcp::model::{ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClientFeature;
use crate::output::{OutputBounds, plain, to_clean_value};

/// What a person made of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Elicited<T> {
    /// Filled it in.
    Accepted(T),
    /// Said no.
    Declined,
    /// Closed it without a word.
    Cancelled,
}

/// A folder that the client works in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Root {
    /// A `file:` URI.
    pub uri: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
}

/// A question on its way to the client.
pub(super) struct Question<A> {
    pub(super) request: InputRequest,
    pub(super) feature: ClientFeature,
    /// The answer, if it is one.
    pub(super) accept: Accept<A>,
}

/// What makes an answer of the client's JSON.
type Accept<A> = Box<dyn Fn(&Value) -> Option<A> + Send + Sync>;

impl<T: DeserializeOwned> Question<Elicited<T>> {
    /// A form for a type.
    pub(super) fn form_of<S: schemars::JsonSchema>(message: &str) -> Result<Self, String> {
        let schema = ElicitationSchema::from_type::<S>().map_err(|error| format!("the type is no form: {error}"))?;
        Self::form(message, schema)
    }

    /// A form as it is written.
    pub(super) fn form(message: &str, schema: ElicitationSchema) -> Result<Self, String> {
        let schema = serde_json::to_value(schema).map_err(|error| error.to_string())?;
        let schema = to_clean_value(&schema, &OutputBounds::new(u64::MAX))
            .map_err(|problem| format!("the form: {problem:?}"))?
            .value;
        let validator = jsonschema::validator_for(&schema).map_err(|error| format!("the form: {error}"))?;
        let requested_schema = serde_json::from_value(schema).map_err(|error| format!("the form: {error}"))?;
        let message = plain(message, &OutputBounds::default()).text.into_owned();
        let form = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
        let accept = move |answer: &Value| match answer.get("action")?.as_str()? {
            "accept" => {
                let content = answer.get("content")?;
                let fits = validator.is_valid(content);
                fits.then(|| serde_json::from_value(content.clone()).ok()).flatten().map(Elicited::Accepted)
            }
            "decline" => Some(Elicited::Declined),
            "cancel" => Some(Elicited::Cancelled),
            _ => None,
        };
        Ok(Self {
            request: InputRequest::Elicitation(ElicitRequest::new(form)),
            feature: ClientFeature::Elicitation,
            accept: Box::new(accept),
        })
    }
}

impl Question<String> {
    /// A text of the client's model.
    #[expect(deprecated, reason = "revision 2026-07-28 deprecates sampling and still has it")]
    pub(super) fn sampling(prompt: &str, max_tokens: u32) -> Self {
        use rmcp::model::{CreateMessageRequest, CreateMessageRequestParams, SamplingMessage};

        let prompt = plain(prompt, &OutputBounds::default()).text;
        let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], max_tokens);
        let accept = |answer: &Value| {
            let content = answer.get("content")?;
            let blocks = content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice);
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
            (answer.get("model")?.is_string() && !texts.is_empty()).then(|| texts.concat())
        };
        Self {
            request: InputRequest::CreateMessage(CreateMessageRequest::new(params)),
            feature: ClientFeature::Sampling,
            accept: Box::new(accept),
        }
    }
}

impl Question<Vec<Root>> {
    /// The folders of the client.
    #[expect(deprecated, reason = "revision 2026-07-28 deprecates roots and still has them")]
    pub(super) fn roots() -> Self {
        let accept = |answer: &Value| Vec::deserialize(answer.get("roots")?).ok();
        Self {
            request: InputRequest::ListRoots(rmcp::model::ListRootsRequest::default()),
            feature: ClientFeature::Roots,
            accept: Box::new(accept),
        }
    }
}
