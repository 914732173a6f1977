//! The tools.

use std::time::Duration;

use mcp_runtime::rmcp::model::ResourceContents;
use mcp_runtime::{CallContext, ClientFeature, Content, Elicited, Json, LogLevel, ToolError, server};
use schemars::JsonSchema;
use serde::Serialize;

use crate::forms::{self, Color, Confirmation, Contact, Name};
use crate::samples;

/// Between two steps of a tool that tells of them.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Everything;

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Integers {
    signed: i64,
    unsigned: u64,
    real: f64,
}

/// Says of itself that it is small.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Small {
    #[schemars(range(max = 10))]
    number: u32,
}

/// A form that was written out wrong.
#[derive(Debug, thiserror::Error, ToolError)]
pub(crate) enum BadForm {
    #[error(transparent)]
    #[tool_error(internal)]
    Invalid(#[from] serde_json::Error),
}

#[derive(Debug, thiserror::Error, ToolError)]
pub(crate) enum Leak {
    #[error("at /srv/everything/secrets.db: {0}")]
    #[tool_error(internal)]
    Database(#[from] std::io::Error),
}

#[server(name = "everything", title = "Everything", rate = "60000/min")]
impl Everything {
    /// Answer with a text.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn test_simple_text(&self) -> &'static str {
        "This is a simple text response for testing."
    }

    /// Answer with a picture.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn test_image_content(&self) -> Content {
        Content::image(samples::IMAGE, "image/png")
    }

    /// Answer with a sound.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn test_audio_content(&self) -> Content {
        Content::audio(samples::AUDIO, "audio/wav")
    }

    /// Answer with a resource.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn test_embedded_resource(&self) -> Content {
        let contents = ResourceContents::text("This is an embedded resource content.", "test://embedded-resource");
        Content::resource(contents.with_mime_type("text/plain"))
    }

    /// Answer with a text, a picture and a resource.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn test_multiple_content_types(&self) -> Vec<Content> {
        let contents = ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource");
        vec![
            Content::text("Multiple content types test:"),
            Content::image(samples::IMAGE, "image/png"),
            Content::resource(contents.with_mime_type("application/json")),
        ]
    }

    /// Write three messages into the client's log.
    #[tool(any_caller, rate = inherit)]
    async fn test_tool_with_logging(&self, context: &CallContext) -> &'static str {
        for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
            context.log(LogLevel::Info, message).await;
            tokio::time::sleep(PAUSE).await;
        }
        "Tool with logging executed successfully"
    }

    /// Write a message into the client's log, if it wants one.
    #[tool(any_caller, rate = inherit)]
    async fn test_logging_tool(&self, context: &CallContext) -> &'static str {
        context.log(LogLevel::Warning, "This message is for clients that asked for it").await;
        "Logged"
    }

    /// Fail.
    #[tool(any_caller, rate = inherit, errors(Intended = "This tool intentionally returns an error for testing"))]
    async fn test_error_handling(&self) -> Result<String, TestErrorHandlingError> {
        Err(TestErrorHandlingError::Intended)
    }

    /// Say how far the call is, three times.
    #[tool(any_caller, rate = inherit)]
    async fn test_tool_with_progress(&self, context: &CallContext) -> &'static str {
        for done in [0.0, 50.0, 100.0] {
            context.progress(done, Some(100.0), Some("working")).await;
            tokio::time::sleep(PAUSE).await;
        }
        "Progress test completed"
    }

    /// Ask the client's model.
    #[tool(any_caller, rate = inherit, timeout = "2min", open_world)]
    async fn test_sampling(
        &self,
        context: &CallContext,
        /// What to ask it.
        prompt: String,
    ) -> String {
        format!("LLM response: {}", context.sample("answer", &prompt, 100).await)
    }

    /// Ask the person who uses the client.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_elicitation(
        &self,
        context: &CallContext,
        /// What to ask for.
        message: String,
    ) -> String {
        match context.elicit::<Contact>("contact", &message).await {
            Elicited::Accepted(contact) => format!("User response: accept, {} <{}>", contact.username, contact.email),
            other => format!("User response: {other:?}"),
        }
    }

    /// Ask with a form that has defaults.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_elicitation_sep1034_defaults(&self, context: &CallContext) -> Result<String, BadForm> {
        let answer = context.elicit_form("values", "Please check these values", forms::defaults()?).await;
        Ok(format!("Elicitation completed: {answer:?}"))
    }

    /// Ask with a form that has choices.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_elicitation_sep1330_enums(&self, context: &CallContext) -> Result<String, BadForm> {
        let answer = context.elicit_form("choices", "Please choose", forms::choices()?).await;
        Ok(format!("Elicitation completed: {answer:?}"))
    }

    /// Ask for a name; needs a client that can be asked.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_streaming_elicitation(&self, context: &CallContext) -> String {
        context.progress(0.0, None, Some("asking")).await;
        format!("{:?}", context.elicit::<Name>("user_name", "What is your name?").await)
    }

    /// Ask the client's model; needs a client that has one to lend.
    #[tool(any_caller, rate = inherit)]
    async fn test_missing_capability(&self, context: &CallContext) -> String {
        context.sample("answer", "Anything", 10).await
    }

    /// Greet by name.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_input_required_result_elicitation(&self, context: &CallContext) -> String {
        match context.elicit::<Name>("user_name", "What is your name?").await {
            Elicited::Accepted(Name { name }) => format!("Hello, {name}!"),
            _ => "Hello, whoever you are!".to_owned(),
        }
    }

    /// Ask the client's model for a capital.
    #[tool(any_caller, rate = inherit, timeout = "2min")]
    async fn test_input_required_result_sampling(&self, context: &CallContext) -> String {
        context.sample("capital_question", "What is the capital of France?", 100).await
    }

    /// Ask which folders the client works in.
    #[tool(any_caller, rate = inherit)]
    async fn test_input_required_result_list_roots(&self, context: &CallContext) -> String {
        let roots = context.roots("client_roots").await;
        format!("Roots: {}", roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", "))
    }

    /// Ask for a confirmation.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_input_required_result_request_state(&self, context: &CallContext) -> String {
        format!("state-ok: {}", confirmed(&context.elicit("confirm", "Please confirm").await))
    }

    /// Ask for a confirmation whose state nobody may change.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_input_required_result_tampered_state(&self, context: &CallContext) -> String {
        confirmed(&context.elicit("confirm", "Please confirm").await).to_owned()
    }

    /// Ask a person, a model and the client at once.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_input_required_result_multiple_inputs(&self, context: &CallContext) -> String {
        let (name, greeting, roots) = tokio::join!(
            context.elicit::<Name>("user_name", "What is your name?"),
            context.sample("greeting", "Generate a greeting", 50),
            context.roots("client_roots"),
        );
        format!("{greeting} {name:?}, with {} folders", roots.len())
    }

    /// Ask twice, one after the other.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_input_required_result_multi_round(&self, context: &CallContext) -> String {
        let name = context.elicit::<Name>("step1", "Step 1: What is your name?").await;
        match (name, context.elicit::<Color>("step2", "Step 2: What is your favorite color?").await) {
            (Elicited::Accepted(Name { name }), Elicited::Accepted(Color { color })) => format!("{name} likes {color}"),
            _ => "Somebody likes something".to_owned(),
        }
    }

    /// Ask whomever the client offers.
    #[tool(any_caller, rate = inherit, timeout = "5min")]
    async fn test_input_required_result_capabilities(&self, context: &CallContext) -> String {
        if context.offers(ClientFeature::Elicitation) {
            format!("{:?}", context.elicit::<Name>("user_name", "What is your name?").await)
        } else if context.offers(ClientFeature::Sampling) {
            context.sample("name", "Make up a name", 20).await
        } else {
            "nobody to ask".to_owned()
        }
    }

    /// Say it again.
    #[tool(any_caller, rate = inherit, idempotent)]
    async fn echo(&self, text: String) -> String {
        text
    }

    /// Say which region is meant; proxies see it in a header.
    #[tool(any_caller, rate = inherit, idempotent)]
    async fn regional(
        &self,
        /// The region.
        #[arg(header = "Region")]
        region: String,
        /// A number in it.
        #[arg(header = "Number")]
        number: Option<i64>,
    ) -> String {
        format!("{region} {}", number.unwrap_or_default())
    }

    /// Give numbers back as they came.
    #[tool(any_caller, rate = inherit, idempotent)]
    async fn integers(&self, signed: i64, unsigned: u64, real: f64) -> Json<Integers> {
        Json(Integers { signed, unsigned, real })
    }

    /// Panic.
    #[tool(any_caller, rate = inherit)]
    async fn panic(&self) -> String {
        panic!("at /srv/everything/main.rs")
    }

    /// Never answer.
    #[tool(any_caller, rate = inherit, timeout = "500ms")]
    async fn hang(&self) -> String {
        std::future::pending().await
    }

    /// Block a thread for longer than the call may take.
    #[tool(any_caller, rate = inherit, timeout = "500ms", concurrency = 8)]
    fn block(&self) -> &'static str {
        std::thread::sleep(Duration::from_secs(2));
        "too late"
    }

    /// Block a thread that others need as well; the log says so.
    #[tool(any_caller, rate = inherit, timeout = "500ms", concurrency = 1)]
    async fn block_async(&self) -> &'static str {
        std::thread::sleep(Duration::from_secs(2));
        "much too late"
    }

    /// Answer with as much as is asked for.
    #[tool(any_caller, rate = inherit, max_output = "1MiB")]
    async fn big_output(&self, #[arg(range(0..=100_000_000))] bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Fail with an error that knows too much.
    #[tool(any_caller, rate = inherit)]
    async fn leak_error(&self) -> Result<String, Leak> {
        Err(std::io::Error::other("SELECT password FROM users WHERE host = '10.0.0.7'; token=sk-live-0123456789")
            .into())
    }

    /// Answer with what its own schema forbids.
    #[tool(any_caller, rate = inherit)]
    async fn bad_output(&self) -> Json<Small> {
        Json(Small { number: 11 })
    }
}

fn confirmed(answer: &Elicited<Confirmation>) -> &'static str {
    match answer {
        Elicited::Accepted(Confirmation { ok: true }) => "confirmed",
        _ => "not confirmed",
    }
}
