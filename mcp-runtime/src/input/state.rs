//! What a client carries from one round of questions to the next: the answers that it has given, sealed.
//!
//! The state is the client's to read and not to write: it is authenticated (HMAC-SHA-256, under a key derived from that
//! of the digests in records), it expires, and it opens only for the same caller, tool and arguments. Answers also come
//! in the clear, with the call itself; those are the caller's own words about this very call, so nothing is lost if a
//! client leaves the state out: it is asked again for what stood in there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{InputResponses, RequestStateCodec, SealOptions};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::End;
use crate::caller::{Caller, Source};

/// How long a client may take to answer.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The largest state, in bytes before it is sealed.
const MAX_STATE_BYTES: usize = 64 * 1024;

type Answers = BTreeMap<String, Value>;

/// The key of all states of a server.
#[derive(Debug)]
pub(crate) struct StateKey(RequestStateCodec);

impl StateKey {
    /// A key of its own, from that of the digests.
    pub(crate) fn derive(key: &[u8; 32]) -> Option<Self> {
        let mut hash = Sha256::new();
        hash.update(b"mcp-runtime request state, version 1");
        hash.update(key);
        RequestStateCodec::try_new(hash.finalize().to_vec()).ok().map(Self)
    }
}

/// What a state holds for: this caller, this tool, these arguments.
#[derive(Debug)]
pub(crate) struct Binding([u8; 32]);

impl Binding {
    pub(crate) fn new(server: &str, caller: &Caller, tool: &str, arguments: Option<&str>) -> Self {
        let agent = caller.agent();
        let (source, issuer) = match agent.source() {
            Source::Key => ("key", ""),
            Source::Client { issuer } => ("client", &**issuer),
            Source::Actor { issuer } => ("actor", &**issuer),
            Source::Other(kind) => ("other", *kind),
        };
        // The same arguments may come back written in another order.
        let arguments = arguments.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let arguments = crate::gate::canonical(&arguments).to_string();
        let subject = caller.subject();
        let mut hash = Sha256::new();
        for part in [
            server,
            source,
            issuer,
            agent.name(),
            if subject.is_some() { "for" } else { "" },
            subject.unwrap_or_default(),
            tool,
            &arguments,
        ] {
            // With its length, so that no two lists of parts read the same.
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// The rounds of one call: what came with it, and what goes back.
pub(crate) struct Rounds {
    key: std::sync::Arc<StateKey>,
    /// Made where it is needed: few calls ask anything.
    binding: Box<dyn Fn() -> Binding + Send + Sync>,
    state: Option<String>,
    responses: InputResponses,
    answered: Mutex<Option<Answers>>,
}

impl Rounds {
    pub(crate) fn new(
        key: std::sync::Arc<StateKey>,
        binding: impl Fn() -> Binding + Send + Sync + 'static,
        state: Option<String>,
        responses: Option<InputResponses>,
    ) -> Self {
        let responses = responses.unwrap_or_default();
        Self { key, binding: Box::new(binding), state, responses, answered: Mutex::new(None) }
    }

    /// The answer to a question, if the client has given one that fits: with this call, or before.
    ///
    /// # Errors
    /// A state that is not one of ours for this call.
    pub(super) fn answer<A>(&self, key: &str, accept: &dyn Fn(&Value) -> Option<A>) -> Result<Option<A>, End> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = match &mut *answered {
            Some(answered) => answered,
            none => none.insert(self.open()?),
        };
        if let Some(response) = self.responses.get(key)
            && let Some(answer) = accept(response)
        {
            answered.insert(key.to_owned(), response.clone());
            return Ok(Some(answer));
        }
        Ok(answered.get(key).and_then(accept))
    }

    fn open(&self) -> Result<Answers, End> {
        let Some(state) = &self.state else { return Ok(Answers::new()) };
        if state.len() > 2 * MAX_STATE_BYTES {
            return Err(End::InvalidState);
        }
        self.key.0.open_json_with(state, &(self.binding)().0).map_err(|_| End::InvalidState)
    }

    /// The state for the next round.
    ///
    /// # Errors
    /// More answers than a state holds.
    pub(super) fn seal(&self) -> Result<String, End> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = serde_json::to_vec(&*answered).map_err(|error| End::internal(error.to_string()))?;
        if answers.len() > MAX_STATE_BYTES {
            return Err(End::unavailable("the answers to this tool's questions are too large"));
        }
        let binding = (self.binding)();
        Ok(self.key.0.seal_with(&answers, &SealOptions::new().associated_data(&binding.0).ttl(LIFETIME)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::caller::Agent;

    fn rounds(
        agent: &str,
        tool: &'static str,
        arguments: &'static str,
        state: Option<String>,
        answer: Value,
    ) -> Rounds {
        let key = Arc::new(StateKey::derive(&[7; 32]).unwrap());
        let caller = Caller::new(Agent::key(agent).unwrap(), "id");
        let responses = serde_json::from_value(answer).unwrap();
        Rounds::new(key, move || Binding::new("server", &caller, tool, Some(arguments)), state, responses)
    }

    fn text(answer: &Value) -> Option<String> {
        answer.as_str().map(str::to_owned)
    }

    #[test]
    fn answers_of_earlier_rounds_come_back_sealed() {
        let first = rounds("a", "t", r#"{"x":1,"y":2}"#, None, json!({"one": "1", "other": 5}));
        assert_eq!(first.answer("one", &text).unwrap().as_deref(), Some("1"));
        assert_eq!(first.answer("other", &text).unwrap(), None, "no text");
        let state = first.seal().unwrap();
        let second = rounds("a", "t", r#"{"y":2,"x":1}"#, Some(state.clone()), json!({"two": "2"}));
        assert_eq!(second.answer("one", &text).unwrap().as_deref(), Some("1"));
        assert_eq!(second.answer("two", &text).unwrap().as_deref(), Some("2"));
        assert_ne!(second.seal().unwrap(), state);
    }

    #[test]
    fn a_state_opens_for_its_own_call_alone() {
        let state = {
            let first = rounds("a", "t", "{}", None, json!({"one": "1"}));
            first.answer("one", &text).unwrap();
            first.seal().unwrap()
        };
        let open = |agent, tool, arguments, state: &str| {
            rounds(agent, tool, arguments, Some(state.to_owned()), json!({})).answer("one", &text)
        };
        assert!(open("a", "t", "{}", &state).is_ok());
        for (agent, tool, arguments, state) in [
            ("b", "t", "{}", state.clone()),
            ("a", "u", "{}", state.clone()),
            ("a", "t", r#"{"x":1}"#, state.clone()),
            ("a", "t", "{}", format!("{state}x")),
            ("a", "t", "{}", state[..state.len() - 1].to_owned()),
            ("a", "t", "{}", String::new()),
            ("a", "t", "{}", "x".repeat(1_000_000)),
        ] {
            assert!(
                matches!(open(agent, tool, arguments, &state), Err(End::InvalidState)),
                "{agent} {tool} {arguments}"
            );
        }
    }
}
