//! What a tool asks of its client while it runs: a form for the person at the other end, a text of the client's model,
//! the folders it works in.
//!
//! There are two ways to ask, and a tool need not know which one its client understands. A client of the revisions
//! before 2026-07-28 is sent a request and answers it while the call runs. A newer one is answered `input_required`: it
//! makes the same call again, with the answers, and the tool runs once more from its beginning and finds them. So what
//! stands before a question may run several times, and what has an effect belongs behind the last question. Each of these
//! calls is one to the limits, too, and costs what the tool costs: a tool that asks once needs a rate, or a burst, of two
//! calls where it is to be used once.
//!
//! Answers come from outside: they are checked against what was asked, and nothing else is known of them.

mod client;
mod question;
mod state;
mod suspension;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::CallContext;

pub(crate) use client::Client;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use client::{Road, SharedLevel, from_model};
use question::Question;
pub use question::{Elicited, Root};
pub(crate) use state::StateKey;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use state::{Binding, Rounds};
pub(crate) use suspension::{End, Suspension};

/// Something that a client may offer to the tools that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientFeature {
    /// Forms for the person who uses the client.
    Elicitation,
    /// Texts of the client's model.
    Sampling,
    /// The folders that the client works in.
    Roots,
}

/// How much a message for the client's log matters (RFC 5424, section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of syslog")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl CallContext {
    /// Whether the client offers this. A tool that asks for what its client does not offer ends there, with an error that
    /// says so; a tool that can do without looks here first.
    pub fn offers(&self, feature: ClientFeature) -> bool {
        self.client().is_some_and(|client| client.offers(feature))
    }

    /// Asks the person who uses the client to fill in a form, with a field for each field of `T`: strings, numbers,
    /// booleans and enums without data, nothing nested.
    ///
    /// `key` names the question among those of this tool. What comes back fits the form and is untrusted all the same.
    /// The timeout of the call runs on while the person thinks: give such a tool minutes.
    ///
    /// The tool does not run on from here if the client cannot ask, or gives no answer that fits.
    pub async fn elicit<T>(&self, key: &str, message: &str) -> Elicited<T>
    where
        T: DeserializeOwned + schemars::JsonSchema,
    {
        self.ask(key, Question::form_of::<T>(message)).await
    }

    /// As [`CallContext::elicit`], with a form that is written out instead of derived.
    pub async fn elicit_form(&self, key: &str, message: &str, form: rmcp::model::ElicitationSchema) -> Elicited<Value> {
        self.ask(key, Question::form(message, form)).await
    }

    /// Asks the client's model for a text of at most `max_tokens` tokens. What it writes is untrusted.
    ///
    /// The tool does not run on from here if the client lends no model, or refuses.
    pub async fn sample(&self, key: &str, prompt: &str, max_tokens: u32) -> String {
        self.ask(key, Ok(Question::sampling(prompt, max_tokens))).await
    }

    /// Asks which folders the client works in. They are the client's word, and no permission.
    ///
    /// The tool does not run on from here if the client does not say.
    pub async fn roots(&self, key: &str) -> Vec<Root> {
        self.ask(key, Ok(Question::roots())).await
    }

    /// Writes a message into the client's log, if the client wants messages of this level. Since revision 2026-07-28 only
    /// a client that asked for them with its request gets any.
    pub async fn log(&self, level: LogLevel, message: &str) {
        if let Some(client) = self.client() {
            client.log(level, message).await;
        }
    }

    /// The answer to a question; a call that gets none ends here.
    async fn ask<A>(&self, key: &str, question: Result<Question<A>, String>) -> A {
        let end = match (question, self.client()) {
            (Ok(question), Some(client)) => match client.ask(key, question).await {
                Ok(answer) => return answer,
                Err(end) => end,
            },
            (Ok(_), None) => End::unavailable("this tool asks its client, which cannot be asked on this way"),
            (Err(cause), _) => End::internal(cause),
        };
        self.suspend(end);
        std::future::pending().await
    }
}
