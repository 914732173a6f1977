//! The client of one call, as far as it can be asked.

#![expect(deprecated, reason = "revision 2026-07-28 deprecates logging, sampling and roots, and still has them")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientResult, InputRequest, InputRequests, LoggingLevel, LoggingMessageNotificationParam,
    RootsCapabilities, SamplingCapability, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions};
use serde_json::Value;

use super::question::Question;
use super::state::Rounds;
use super::{ClientFeature, End, LogLevel};
use crate::output::{OutputBounds, plain};

/// What a call knows of its client, and the way to it.
pub(crate) struct Client {
    capabilities: ClientCapabilities,
    road: Road,
    log: Option<Log>,
}

/// How questions go to the client.
pub(crate) enum Road {
    /// As requests, while the call runs: revisions before 2026-07-28.
    Peer(Peer<RoleServer>),
    /// As a result that asks for another call: since revision 2026-07-28.
    Rounds(Box<Rounds>),
}

/// Where messages for the client's log go.
struct Log {
    peer: Peer<RoleServer>,
    server: &'static str,
    least: LogLevel,
}

impl Client {
    pub(crate) fn new(capabilities: ClientCapabilities, road: Road) -> Self {
        Self { capabilities, road, log: None }
    }

    /// With a log that takes messages of this level and above.
    pub(crate) fn with_log(mut self, peer: Peer<RoleServer>, server: &'static str, least: LogLevel) -> Self {
        self.log = Some(Log { peer, server, least });
        self
    }

    pub(super) fn offers(&self, feature: ClientFeature) -> bool {
        match feature {
            // A client that names no kind of elicitation means forms.
            ClientFeature::Elicitation => {
                self.capabilities.elicitation.as_ref().is_some_and(|kinds| kinds.form.is_some() || kinds.url.is_none())
            }
            ClientFeature::Sampling => self.capabilities.sampling.is_some(),
            ClientFeature::Roots => self.capabilities.roots.is_some(),
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// Why the call cannot go on.
    pub(super) async fn ask<A>(&self, key: &str, question: Question<A>) -> Result<A, End> {
        if !self.offers(question.feature) {
            return Err(match self.road {
                Road::Rounds(_) => End::Unsupported(Box::new(needed(question.feature))),
                Road::Peer(_) => {
                    End::unavailable("this tool needs its client to offer more: elicitation, sampling or roots")
                }
            });
        }
        match &self.road {
            Road::Rounds(rounds) => match rounds.answer(key, &question.accept) {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => Err(End::Asked(InputRequests::from([(key.to_owned(), question.request)]))),
                Err(end) => Err(end),
            },
            Road::Peer(peer) => {
                let answer = send(peer, question.request).await?;
                (question.accept)(&answer)
                    .ok_or_else(|| End::unavailable("what the client answered is no answer to this tool's question"))
            }
        }
    }

    /// The state that a client brings back with its answers; nothing for a client that is asked while the call runs.
    ///
    /// # Errors
    /// Answers above what a state holds.
    pub(crate) fn state(&self) -> Result<Option<String>, End> {
        match &self.road {
            Road::Rounds(rounds) => rounds.seal().map(Some),
            Road::Peer(_) => Ok(None),
        }
    }

    pub(super) async fn log(&self, level: LogLevel, message: &str) {
        let Some(log) = self.log.as_ref().filter(|log| level >= log.least) else { return };
        let message = plain(message, &OutputBounds::default()).text.into_owned();
        let message = LoggingMessageNotificationParam::new(to_model(level), Value::String(message));
        // A client that is gone cancels the call by itself.
        let _ = log.peer.notify_logging_message(message.with_logger(log.server)).await;
    }
}

/// The capabilities that a client would have to declare.
fn needed(feature: ClientFeature) -> ClientCapabilities {
    let mut needed = ClientCapabilities::default();
    match feature {
        ClientFeature::Elicitation => needed.elicitation = Some(rmcp::model::ElicitationCapability::default()),
        ClientFeature::Sampling => needed.sampling = Some(SamplingCapability::default()),
        ClientFeature::Roots => needed.roots = Some(RootsCapabilities::default()),
    }
    needed
}

/// Sends a request to the client. The call's own timeout bounds the wait.
async fn send(peer: &Peer<RoleServer>, request: InputRequest) -> Result<Value, End> {
    let request = match request {
        InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
        InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
        InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
        _ => return Err(End::internal("a question of a kind that rmcp has added")),
    };
    let sent = peer.send_request_with_option(request, PeerRequestOptions::no_options()).await;
    let answer = match sent {
        Ok(handle) => handle.await_response().await,
        Err(error) => Err(error),
    };
    let answer: ClientResult = answer.map_err(|_| End::unavailable("the client refused this tool's question"))?;
    serde_json::to_value(answer).map_err(|error| End::internal(error.to_string()))
}

/// The level that a client of an older revision has set for its connection.
#[derive(Clone, Debug)]
pub(crate) struct SharedLevel(Arc<AtomicU8>);

impl Default for SharedLevel {
    fn default() -> Self {
        Self(Arc::new(AtomicU8::new(LogLevel::Info as u8)))
    }
}

impl SharedLevel {
    pub(crate) fn set(&self, level: LoggingLevel) {
        self.0.store(from_model(level) as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> LogLevel {
        LEVELS.get(usize::from(self.0.load(Ordering::Relaxed))).map_or(LogLevel::Info, |(level, _)| *level)
    }
}

/// In their order.
const LEVELS: [(LogLevel, LoggingLevel); 8] = [
    (LogLevel::Debug, LoggingLevel::Debug),
    (LogLevel::Info, LoggingLevel::Info),
    (LogLevel::Notice, LoggingLevel::Notice),
    (LogLevel::Warning, LoggingLevel::Warning),
    (LogLevel::Error, LoggingLevel::Error),
    (LogLevel::Critical, LoggingLevel::Critical),
    (LogLevel::Alert, LoggingLevel::Alert),
    (LogLevel::Emergency, LoggingLevel::Emergency),
];

fn to_model(level: LogLevel) -> LoggingLevel {
    LEVELS.iter().find(|(ours, _)| *ours == level).map_or(LoggingLevel::Info, |(_, theirs)| *theirs)
}

pub(crate) fn from_model(level: LoggingLevel) -> LogLevel {
    LEVELS.iter().find(|(_, theirs)| *theirs == level).map_or(LogLevel::Info, |(ours, _)| *ours)
}
