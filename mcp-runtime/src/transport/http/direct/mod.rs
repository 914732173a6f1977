//! Our own way for `tools/call`, `tools/list` and `server/discover` of revision 2026-07-28: from the body to the gate and
//! from its decision to bytes, without a channel, a task or a copy between.
//!
//! It takes good messages alone, that ask for no more than an answer. Everything else (what is malformed, other revisions,
//! other methods, calls that report progress or ask for input) takes the other way, through rmcp, whose answers are
//! therefore the answers to everything that is wrong. A client cannot tell the two apart; the tests compare them.

mod answer;
mod headers;
mod message;
mod prepared;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use rmcp::model::ErrorCode;
use tokio_util::sync::CancellationToken;

use self::message::{Message, Method};
use self::prepared::{Discovered, Known, Listed};
use super::challenge::Challenges;
use super::reply::{self, Answer};
use crate::caller::Caller;
use crate::config::{Http, RateLimited};
use crate::context::CallContext;
use crate::gate::{Gate, Request};
use crate::record::{CallRecord, Recording, Via};
use crate::transport::adapter::Adapter;
use crate::transport::envelope;
use crate::transport::exchange::{Exchange, Reply};

/// Whether services are made with this way closed.
#[cfg(feature = "testing")]
static CLOSED: AtomicBool = AtomicBool::new(false);

/// An answer as it is sent: for the benchmark of the steps of a call.
#[cfg(feature = "testing")]
pub(crate) fn rendered(decision: crate::gate::Decision) -> Answer {
    answer::decided("1", decision)
}

/// How long the arguments of a message are that is good, and has the headers that it needs: for the same.
#[cfg(feature = "testing")]
pub(crate) fn described(headers: &http::HeaderMap, body: &[u8]) -> Option<usize> {
    let message = message::read(body)?;
    let arguments = message.arguments.as_ref().map_or(0, |arguments| arguments.members().len());
    headers::describe(headers, &message).then_some(arguments)
}

/// Closes the way of every service that is made from now on.
#[cfg(feature = "testing")]
pub(crate) fn close() {
    CLOSED.store(true, Ordering::Relaxed);
}

/// What is served without rmcp.
pub(super) struct Direct {
    gate: Arc<Gate>,
    /// The tools that are there.
    known: HashMap<&'static str, Known>,
    /// `None` if an answer cannot be prepared; then rmcp's way says why.
    listed: Option<Listed>,
    discovered: Option<Discovered>,
    challenges: Arc<Challenges>,
    rate_limited: RateLimited,
    /// When calls that still run are cut off.
    cut_off: CancellationToken,
    /// Whether the way is open: tests close it.
    open: AtomicBool,
}

impl Direct {
    pub(super) fn new(
        gate: &Arc<Gate>,
        adapter: &Adapter,
        challenges: Arc<Challenges>,
        config: &Http,
        cut_off: CancellationToken,
    ) -> Self {
        #[cfg(feature = "testing")]
        let open = !CLOSED.load(Ordering::Relaxed);
        #[cfg(not(feature = "testing"))]
        let open = true;
        Self {
            gate: Arc::clone(gate),
            known: Known::all(gate.tools()),
            listed: Listed::new(gate.tools(), config.list),
            discovered: Discovered::new(adapter),
            challenges,
            rate_limited: config.rate_limited,
            cut_off,
            open: AtomicBool::new(open),
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn set(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// The answer to a request of an identified caller; `None` if it is for the other way, and then nothing has been
    /// charged and nothing recorded.
    pub(super) async fn answer(
        &self,
        parts: &Parts,
        body: &Bytes,
        caller: &Arc<Caller>,
        recording: &Recording,
    ) -> Option<Answer> {
        let message = message::read(body)?;
        if !headers::describe(&parts.headers, &message) {
            return None;
        }
        recording.speaks(message::REVISION);
        recording.came_from(|origin| origin.set_trace(message.traceparent.as_deref(), message.tracestate.as_deref()));
        let known = self.find(&message);
        if let Some(known) = known
            && let Err(problem) = known.check(parts, &message, caller)
        {
            return Some(self.refuse(&message, &problem, caller, recording));
        }
        let is_open =
            self.open.load(Ordering::Relaxed) && message.plain && !known.is_some_and(|known| known.contextual);
        match message.method {
            _ if !is_open => None,
            Method::Call => Some(self.call(message, body, caller, recording).await),
            Method::List => {
                let listed = self.listed.as_ref()?;
                Some(self.charged(&message, caller, recording, || listed.answer(&message, caller)))
            }
            Method::Discover => {
                let discovered = self.discovered.as_ref()?;
                Some(self.charged(&message, caller, recording, || discovered.answer(&message)))
            }
        }
    }

    fn find(&self, message: &Message<'_>) -> Option<&Known> {
        if message.method == Method::Call { self.known.get(&*message.name) } else { None }
    }

    async fn call(
        &self,
        mut message: Message<'_>,
        body: &Bytes,
        caller: &Arc<Caller>,
        recording: &Recording,
    ) -> Answer {
        let is_small = message::has_small_arguments(body);
        let read = message.arguments.take().map(|read| (read, is_small));
        let id = message.id_text();
        let request = Request {
            tool: &message.name,
            arguments: None,
            read,
            id: Some(&id),
            caller,
            // Whoever hangs up drops this future, and with it the call. Tools that could ask are served the other way.
            context: CallContext::unseen(recording.correlation()),
            via: Via::Http,
            recording: Some(recording.clone()),
        };
        let decision = self.gate.call_until(request, &self.cut_off).await;
        let reply = Reply::to(&decision, caller);
        let id_value = || serde_json::from_str(message.id).ok();
        if let Some(scopes) = &reply.step_up {
            recording.rpc_error(envelope::FORBIDDEN);
            return reply::step_up(id_value().as_ref(), scopes, &self.challenges);
        }
        let mut answer = match (&reply.rate_limited, self.rate_limited) {
            (Some(failure), RateLimited::Http429) => {
                recording.rpc_error(envelope::TOO_MANY_REQUESTS);
                reply::too_many_requests(id_value().as_ref(), failure)
            }
            _ => answer::decided(message.id, decision),
        };
        if reply.malformed {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
        }
        reply::add_limits(answer.headers_mut(), &reply);
        answer
    }

    /// An answer that is no call's, charged to the caller's own limits.
    fn charged(
        &self,
        message: &Message<'_>,
        caller: &Caller,
        recording: &Recording,
        answer: impl FnOnce() -> Answer,
    ) -> Answer {
        recording.identify(message.method.as_str(), &message.id_text());
        match self.gate.charge_request(caller) {
            Ok(()) => {
                recording.decide(CallRecord::OK);
                answer()
            }
            Err(failure) => {
                recording.failed(&failure);
                reply::too_many_requests(message.id_value().as_ref(), &failure)
            }
        }
    }

    /// A request whose headers do not mirror its arguments.
    fn refuse(&self, message: &Message<'_>, problem: &str, caller: &Caller, recording: &Recording) -> Answer {
        recording.identify(message.method.as_str(), &message.id_text());
        recording.rpc_error(ErrorCode::HEADER_MISMATCH.0);
        let id = message.id_value();
        match Exchange::unreadable(&self.gate, caller, recording) {
            Ok(()) => {
                let error = envelope::error(id.as_ref(), ErrorCode::HEADER_MISMATCH.0, problem, None);
                reply::json(StatusCode::BAD_REQUEST, &error)
            }
            Err(failure) => reply::too_many_requests(id.as_ref(), &failure),
        }
    }
}
