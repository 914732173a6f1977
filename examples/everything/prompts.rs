//! Prompts.

use std::collections::BTreeMap;

use mcp_runtime::Content;
use mcp_runtime::rmcp::ErrorData;
use mcp_runtime::rmcp::model::{
    ElicitRequest, ElicitRequestParams, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequest,
    InputRequiredResult, Prompt, PromptArgument, PromptMessage, ResourceContents, Role,
};

use crate::{forms, samples};

const SIMPLE: &str = "test_simple_prompt";
const WITH_ARGUMENTS: &str = "test_prompt_with_arguments";
const WITH_RESOURCE: &str = "test_prompt_with_embedded_resource";
const WITH_IMAGE: &str = "test_prompt_with_image";
const WITH_QUESTION: &str = "test_input_required_result_prompt";

pub(crate) fn all() -> Vec<Prompt> {
    let argument =
        |name: &str, description: &str| PromptArgument::new(name).with_description(description).with_required(true);
    vec![
        Prompt::new(SIMPLE, Some("A prompt without arguments"), None),
        Prompt::new(
            WITH_ARGUMENTS,
            Some("A prompt that repeats its arguments"),
            Some(vec![argument("arg1", "The first argument"), argument("arg2", "The second argument")]),
        ),
        Prompt::new(
            WITH_RESOURCE,
            Some("A prompt with a resource in it"),
            Some(vec![argument("resourceUri", "The URI of the resource")]),
        ),
        Prompt::new(WITH_IMAGE, Some("A prompt with an image in it"), None),
        Prompt::new(WITH_QUESTION, Some("A prompt that asks before it answers"), None),
    ]
}

pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name)?.as_str());
        value.ok_or_else(|| ErrorData::invalid_params(format!("the argument `{name}` is missing"), None))
    };
    let text = |text: &str| PromptMessage::new_text(Role::User, text);
    let messages = match request.name.as_str() {
        SIMPLE => vec![text("This is a simple prompt for testing.")],
        WITH_ARGUMENTS => {
            let (first, second) = (argument("arg1")?, argument("arg2")?);
            vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        WITH_RESOURCE => {
            let contents = ResourceContents::text("Embedded resource content for testing.", argument("resourceUri")?);
            let resource = Content::resource(contents.with_mime_type("text/plain"));
            vec![PromptMessage::new(Role::User, resource), text("Please process the embedded resource above.")]
        }
        WITH_IMAGE => {
            let image = Content::image(samples::IMAGE, "image/png");
            vec![PromptMessage::new(Role::User, image), text("Please analyze the image above.")]
        }
        WITH_QUESTION => match context_in(request) {
            Some(context) => vec![text(&format!("Use this context: {context}"))],
            None => return question().map(GetPromptResponse::from),
        },
        _ => return Err(ErrorData::invalid_params("there is no prompt of this name", None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

/// A question of a handler of one's own; tools ask through their context.
fn question() -> Result<InputRequiredResult, ErrorData> {
    let form = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: "What context should the prompt use?".to_owned(),
        requested_schema: forms::of::<forms::Context>()?,
    };
    let question = InputRequest::Elicitation(ElicitRequest::new(form));
    Ok(InputRequiredResult::from_input_requests(BTreeMap::from([("user_context".to_owned(), question)])))
}

fn context_in(request: &GetPromptRequestParams) -> Option<&str> {
    request.input_responses.as_ref()?.get("user_context")?.get("content")?.get("context")?.as_str()
}

/// Words that begin like the text.
pub(crate) fn completions(begun: &str) -> Vec<String> {
    ["paris", "park", "party", "testValue1", "testValue2"]
        .iter()
        .filter(|word| word.starts_with(begun))
        .map(|word| (*word).to_owned())
        .collect()
}
