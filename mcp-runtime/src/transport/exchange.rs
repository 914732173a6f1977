//! What a transport knows of a request and rmcp does not carry: who calls, the arguments as text, what to say in headers.

#![cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP has headers"))]

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use rmcp::model::{ErrorCode, Extensions};

use super::envelope::{Arguments, Envelope, TOO_MANY_REQUESTS};
use crate::auth::Authenticate;
use crate::caller::Caller;
use crate::error::{Failure, code};
use crate::gate::{Decision, Gate, Outcome};
use crate::limit::Quota;
use crate::record::{Recording, Via};
use crate::scope::MissingScopes;

/// One request of an identified caller. Our transports put it into the request's extensions; without it no handler of
/// the adapter answers.
#[derive(Clone, Debug)]
pub(crate) struct Exchange(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    caller: Arc<Caller>,
    arguments: Option<Arguments>,
    via: Via,
    recording: Recording,
    reply: OnceLock<Reply>,
    held: Mutex<Vec<Box<dyn Debug + Send + Sync>>>,
    ends: OnceLock<Ends>,
    let_go: AtomicBool,
}

/// Who says when the caller has to be let go.
struct Ends(Arc<dyn Authenticate>);

impl Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ends")
    }
}

/// What the gate's decision means for the headers and the status of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) quota: Option<Quota>,
    /// When the same call may succeed.
    pub(crate) retry_after: Option<Duration>,
    /// The call is over a limit.
    pub(crate) rate_limited: Option<Box<Failure>>,
    /// The scopes that a caller who can step up is told of.
    pub(crate) step_up: Option<Vec<String>>,
    /// The arguments were no arguments at all.
    pub(crate) malformed: bool,
}

impl Exchange {
    /// Begins the exchange of a request that was read: it is recorded, and one that is no tool call is charged to the
    /// caller's own limits. Calls are charged by the gate.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn begin(
        gate: &Gate,
        caller: Arc<Caller>,
        envelope: &Envelope,
        via: Via,
        recording: Recording,
    ) -> Result<Self, Box<Failure>> {
        recording.came_from(|origin| {
            envelope.tell(origin);
            // The client's own words, which may name a person: an address of a resource does.
            for text in [&mut origin.target, &mut origin.session].into_iter().flatten() {
                *text = gate.sinks().redactor.name(text).into();
            }
        });
        if let Some(version) = &envelope.version {
            recording.speaks(version);
        }
        recording.identify(envelope.method, &envelope.id_text());
        if envelope.method == "unknown" {
            // Unless the user's own handler knows it.
            recording.rpc_error(ErrorCode::METHOD_NOT_FOUND.0);
        }
        if !envelope.is_call() {
            gate.charge_request(&caller).inspect_err(|failure| {
                recording.rpc_error(TOO_MANY_REQUESTS);
                recording.failed(failure);
            })?;
        }
        let arguments = envelope.arguments.clone();
        let (reply, held, ends) = (OnceLock::new(), Mutex::default(), OnceLock::new());
        let let_go = AtomicBool::new(false);
        Ok(Self(Arc::new(Inner { caller, arguments, via, recording, reply, held, ends, let_go })))
    }

    /// A message that cannot be read costs what any request does.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn unreadable(gate: &Gate, caller: &Caller, recording: &Recording) -> Result<(), Box<Failure>> {
        recording.decide(code::INVALID_REQUEST);
        gate.charge_request(caller).inspect_err(|failure| {
            recording.rpc_error(TOO_MANY_REQUESTS);
            recording.failed(failure);
        })
    }

    /// The exchange of a request: over HTTP it travels with the request's parts.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        let in_parts = || extensions.get::<http::request::Parts>()?.extensions.get::<Self>();
        extensions.get::<Self>().or_else(in_parts)
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.0.caller
    }

    pub(crate) fn via(&self) -> Via {
        self.0.via
    }

    /// The arguments of a tool call, as JSON text.
    pub(crate) fn arguments(&self) -> Option<&str> {
        self.0.arguments.as_ref().map(Arguments::as_str)
    }

    /// The same, to be kept without the exchange.
    pub(crate) fn shared_arguments(&self) -> Option<Arguments> {
        self.0.arguments.clone()
    }

    /// The record of the request.
    pub(crate) fn recording(&self) -> &Recording {
        &self.0.recording
    }

    /// Keeps something until the request is answered and nobody works on it any more.
    pub(crate) fn hold(&self, held: impl Debug + Send + Sync + 'static) {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(held));
    }

    /// From here on what is done for the caller ends with its credential, whether anybody waits for it or not.
    pub(crate) fn ends_by(&self, authenticate: &Arc<dyn Authenticate>) {
        let _ = self.0.ends.set(Ends(Arc::clone(authenticate)));
    }

    /// What a call comes to; `None` if its caller had to be let go, and then it is dropped.
    pub(crate) async fn while_let_in<T>(&self, call: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let Some(ended) = self.ended() else { return Some(call.await) };
        match select(call, ended).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => {
                self.0.let_go.store(true, Ordering::Release);
                None
            }
        }
    }

    #[cfg(feature = "http")]
    fn ended(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.ends.get().map(|Ends(authenticate)| crate::auth::ended(authenticate, &self.0.caller))
    }

    #[cfg(not(feature = "http"))]
    fn ended(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// Whether the caller had to be let go.
    pub(crate) fn is_let_go(&self) -> bool {
        self.0.let_go.load(Ordering::Acquire)
    }

    /// Keeps what the answer's headers should say.
    pub(crate) fn decided(&self, decision: &Decision) {
        // A request is decided once.
        let _ = self.0.reply.set(Reply::to(decision, &self.0.caller));
    }

    pub(crate) fn reply(&self) -> Option<&Reply> {
        self.0.reply.get()
    }
}

impl Reply {
    /// What a decision means for this caller's answer.
    pub(crate) fn to(decision: &Decision, caller: &Caller) -> Self {
        let mut reply = Self { quota: decision.quota, ..Self::default() };
        match &decision.outcome {
            Outcome::Failed(failure) => {
                reply.retry_after = failure.retry_after;
                if failure.code == code::RATE_LIMITED {
                    reply.rate_limited = Some(failure.clone());
                }
                // What cannot be asked for would send the client to its authorization server for nothing.
                if caller.steps_up() && MissingScopes::can_be_asked_for(&failure.required_scopes) {
                    reply.step_up = Some(failure.required_scopes.clone());
                }
            }
            Outcome::Malformed(_) => reply.malformed = true,
            Outcome::Answered(_)
            | Outcome::UnknownTool
            | Outcome::InputRequired(_)
            | Outcome::Unsupported(_)
            | Outcome::InvalidState => {}
        }
        reply
    }
}
