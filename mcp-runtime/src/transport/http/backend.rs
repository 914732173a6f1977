//! rmcp's service, with and without sessions, and what becomes of its answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::body::{self, is_json, is_stream};
use super::challenge::Challenges;
use super::outgoing::Outgoing;
use super::places::Taken;
use super::reply::{self, Answer};
use super::sessions::Sessions;
use super::shares::{Owner, Shares};
use super::stream::{self, Events, Watch};
use super::version::{self, SESSION};
use crate::auth::{Authenticate, InvalidReason, Refusal};
use crate::caller::Caller;
use crate::config::{self, RateLimited};
use crate::error::code;
use crate::gate::Gate;
use crate::record::{CallRecord, Recording};
use crate::transport::adapter::Adapter;
use crate::transport::envelope::{self, Envelope};
use crate::transport::exchange::Exchange;
use crate::transport::render;

/// Who sent a request.
pub(super) struct Sender {
    pub(super) caller: Arc<Caller>,
    /// The header that proved it, for streams that look at it again.
    pub(super) credential: Option<HeaderValue>,
    /// Its place among the requests.
    pub(super) place: Taken,
}

/// With an answer that stays open by itself, and has a place among the streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing;

/// rmcp behind the gate.
pub(super) struct Backend {
    gate: Arc<Gate>,
    authenticate: Arc<dyn Authenticate>,
    /// Serves each request by itself.
    alone: StreamableHttpService<Adapter, NeverSessionManager>,
    /// Serves clients of older revisions that have opened a session.
    in_session: Option<(StreamableHttpService<Adapter, Sessions>, Arc<Sessions>)>,
    streams: Arc<Shares>,
    /// How long a client may leave an event unread.
    read_time: Duration,
    closing: CancellationToken,
    challenges: Arc<Challenges>,
    rate_limited: RateLimited,
}

impl Backend {
    pub(super) fn new(
        gate: &Arc<Gate>,
        authenticate: &Arc<dyn Authenticate>,
        adapter: &Adapter,
        challenges: Arc<Challenges>,
        config: &config::Http,
    ) -> Self {
        let factory = || {
            let adapter = adapter.clone();
            move || Ok(adapter.again())
        };
        let mut settings = StreamableHttpServerConfig::default();
        settings.legacy_session_mode = false;
        settings.json_response = true;
        // Host, Origin and size are checked before a credential is looked at.
        settings.allowed_hosts = Vec::new();
        settings.max_request_body_bytes = body::Bounds::new(config).size;
        let alone = StreamableHttpService::new(factory(), Arc::default(), settings.clone());
        settings.legacy_session_mode = true;
        let in_session = (config.sessions > 0).then(|| {
            let sessions = Arc::new(Sessions::new(gate.sinks(), config));
            (StreamableHttpService::new(factory(), Arc::clone(&sessions), settings), sessions)
        });
        Self {
            gate: Arc::clone(gate),
            authenticate: Arc::clone(authenticate),
            alone,
            in_session,
            streams: Arc::new(Shares::new(config.streams, config.streams_per_caller)),
            read_time: config.write_timeout,
            closing: CancellationToken::new(),
            challenges,
            rate_limited: config.rate_limited,
        }
    }

    pub(super) fn close_streams(&self) {
        if let Some((_, sessions)) = &self.in_session {
            sessions.stop();
        }
        self.closing.cancel();
    }

    /// Whether requests of this method, other than POST, are served: those of a session.
    pub(super) fn serves(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.in_session.is_some()
            && [Method::GET, Method::DELETE].contains(method)
            && headers.contains_key(SESSION)
            && version::is_legacy_head(headers)
    }

    /// The stream of a session (GET), or its end (DELETE). It leaves one record.
    pub(super) async fn session(&self, parts: Parts, sender: Sender) -> Answer {
        let caller = &sender.caller;
        let recording = Recording::over_http(self.gate.sinks(), caller, parts.version);
        let is_stream = parts.method == Method::GET;
        recording.identify(if is_stream { "session/stream" } else { "session/end" }, "");
        if let Err(failure) = self.gate.charge_request(caller) {
            recording.failed(&failure);
            return reply::too_many_requests(None, &failure);
        }
        let owner = Owner::of(caller);
        recording.decide(code::INVALID_REQUEST);
        let Some((service, _)) = self.session_of(&parts.headers, &owner) else { return reply::no_session(None) };
        let share = if is_stream {
            let Some(share) = self.streams.take(owner) else {
                recording.decide(code::OVERLOADED);
                return reply::overloaded(None, "too many streams are open already");
            };
            Some(share)
        } else {
            None
        };
        let watched = watched(&parts, sender.credential.as_ref());
        let handled = service.handle(Request::from_parts(parts, Empty::<Bytes>::new()));
        let answer = if is_stream { handled.await } else { Sessions::closing(handled).await };
        let mut answer = translated(answer.map(Outgoing::from), None);
        if answer.status().is_success() {
            recording.decide(CallRecord::OK);
        }
        // A session is gone once its end is answered, and clients take 202 for a session that may go on.
        if !is_stream && answer.status() == StatusCode::ACCEPTED {
            *answer.status_mut() = StatusCode::NO_CONTENT;
        }
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !self::is_stream(answer.headers()) {
            return answer;
        }
        let watch = Watch {
            authenticate: Arc::clone(&self.authenticate),
            credential: watched,
            caller: sender.caller,
            read_time: self.read_time,
            closing: Some(self.closing.clone()),
            exchange: None,
        };
        answer.extensions_mut().insert(Standing);
        answer.map(|body| stream::body(Vec::new(), Events::new(body), watch, (share, recording)))
    }

    /// The session that a request names, if it is this caller's.
    fn session_of<'s, 'h>(
        &'s self,
        headers: &'h HeaderMap,
        owner: &Owner,
    ) -> Option<(&'s StreamableHttpService<Adapter, Sessions>, &'h str)> {
        let (service, sessions) = self.in_session.as_ref()?;
        let mut ids = headers.get_all(SESSION).iter();
        let (Some(id), None) = (ids.next(), ids.next()) else { return None };
        let id = id.to_str().ok()?;
        sessions.touch(id, owner).then_some((service, id))
    }

    /// A message that goes no further: it costs what any request does.
    pub(super) fn refuse(&self, envelope: &Envelope, exchange: &Exchange, answer: Answer) -> Answer {
        exchange.recording().decide(code::INVALID_REQUEST);
        if envelope.is_call()
            && let Err(failure) = Exchange::unreadable(&self.gate, exchange.caller(), exchange.recording())
        {
            return reply::too_many_requests(envelope.id.as_ref(), &failure);
        }
        answer
    }

    /// Lets rmcp answer, and says in status and headers what the gate decided.
    pub(super) async fn answer(
        &self,
        mut parts: Parts,
        body: Bytes,
        envelope: &Envelope,
        exchange: Exchange,
        sender: Sender,
    ) -> Answer {
        let id = envelope.id.as_ref();
        let is_standing = envelope.method == "subscriptions/listen";
        if is_standing {
            let Some(share) = self.streams.take(Owner::of(&sender.caller)) else {
                exchange.recording().decide(code::OVERLOADED);
                return reply::overloaded(id, "too many streams are open already");
            };
            exchange.hold(share);
        } else {
            // What rmcp does for a request may go on without its client, and so has its place for as long.
            exchange.hold(sender.place.clone());
        }
        let body = envelope.for_rmcp(&body);
        let watched = watched(&parts, sender.credential.as_ref());
        parts.extensions.insert(exchange.clone());
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let answer = match self.ask(parts, body, envelope, &exchange).await {
            Ok(answer) => translated(answer, id),
            Err(answer) => return self.refuse(envelope, &exchange, answer),
        };
        let watch = Watch {
            authenticate: Arc::clone(&self.authenticate),
            credential: watched,
            caller: sender.caller,
            read_time: self.read_time,
            closing: is_standing.then(|| self.closing.clone()),
            exchange: Some(exchange.clone()),
        };
        let answer = match settled(answer, watch).await {
            Settled::Whole(answer) => answer,
            Settled::Stream(mut answer) => {
                if is_standing {
                    answer.extensions_mut().insert(Standing);
                }
                // What a call comes to is known at its end.
                if !envelope.is_call() {
                    exchange.recording().presume(CallRecord::OK);
                }
                return answer;
            }
        };
        if exchange.is_let_go() {
            return reply::refused(Refusal::Invalid(InvalidReason::Revoked), &self.challenges);
        }
        exchange.recording().presume(if answer.status().is_success() { CallRecord::OK } else { code::INVALID_REQUEST });
        self.finish(answer, envelope, &exchange).await
    }

    /// Hands a message to rmcp: in the session that it names, in a new one, or by itself.
    ///
    /// # Errors
    /// What to answer to a message that cannot be handed over.
    async fn ask(&self, parts: Parts, body: Bytes, envelope: &Envelope, exchange: &Exchange) -> Result<Answer, Answer> {
        let request = |parts| Request::from_parts(parts, Full::new(body));
        let Some((service, sessions)) = &self.in_session else {
            return Ok(self.alone.handle(request(parts)).await.map(Outgoing::from));
        };
        if !version::is_legacy(&parts.headers, envelope) {
            return Ok(self.alone.handle(request(parts)).await.map(Outgoing::from));
        }
        let owner = Owner::of(exchange.caller());
        let id = envelope.id.as_ref();
        if parts.headers.contains_key(SESSION) {
            let Some((_, session)) = self.session_of(&parts.headers, &owner) else {
                return Err(reply::no_session(id));
            };
            if let Some(id) = id {
                let running = sessions.begin(session, id).ok_or_else(|| {
                    let message = "a request with this id is on its way in this session";
                    let error = envelope::error(Some(id), envelope::INVALID_REQUEST, message, None);
                    reply::json(StatusCode::BAD_REQUEST, &error)
                })?;
                exchange.hold(running);
            }
            // rmcp goes on with a call whose client has gone, so that its answer can be fetched later.
            exchange.ends_by(&self.authenticate);
            return Ok(service.handle(request(parts)).await.map(Outgoing::from));
        }
        if envelope.method == "initialize" && id.is_some() {
            if !sessions.has_room(&owner) {
                exchange.recording().decide(code::OVERLOADED);
                return Ok(reply::overloaded(id, "too many sessions are open; try again soon"));
            }
            let version = parts.version;
            let answer = Sessions::opening(owner, version, service.handle(request(parts))).await;
            return Ok(answer.map(Outgoing::from));
        }
        Ok(self.alone.handle(request(parts)).await.map(Outgoing::from))
    }

    /// An answer that is one message.
    async fn finish(&self, mut answer: Answer, envelope: &Envelope, exchange: &Exchange) -> Answer {
        let id = envelope.id.as_ref();
        // What one caller is answered is nobody else's.
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let Some(reply) = exchange.reply() else {
            // Not the gate's answer: the user's handler's, or rmcp's own.
            if envelope.is_call()
                && let Err(failure) = Exchange::unreadable(&self.gate, exchange.caller(), exchange.recording())
            {
                return reply::too_many_requests(id, &failure);
            }
            return cleaned(answer, id).await;
        };
        if let Some(scopes) = &reply.step_up {
            exchange.recording().rpc_error(envelope::FORBIDDEN);
            return reply::step_up(id, scopes, &self.challenges);
        }
        if let (Some(failure), RateLimited::Http429) = (&reply.rate_limited, self.rate_limited) {
            exchange.recording().rpc_error(envelope::TOO_MANY_REQUESTS);
            answer = reply::too_many_requests(id, failure);
        }
        if reply.malformed {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
        }
        reply::add_limits(answer.headers_mut(), reply);
        answer
    }
}

/// The head of a request, with its credential, for a stream that has to ask again.
fn watched(parts: &Parts, credential: Option<&HeaderValue>) -> Parts {
    let mut parts = parts.clone();
    if let Some(credential) = credential {
        parts.headers.insert(AUTHORIZATION, credential.clone());
    }
    parts
}

/// An answer that is whole, or one that goes on.
enum Settled {
    Whole(Answer),
    Stream(Answer),
}

/// Reads the beginning of a stream: one whose first message is the answer is an answer like any other. So a client that
/// asked for nothing on the way gets none of the machinery, and a decision can still become a status.
async fn settled(answer: Answer, watch: Watch) -> Settled {
    if !is_stream(answer.headers()) {
        return Settled::Whole(answer);
    }
    let (mut parts, body) = answer.into_parts();
    let mut events = Events::new(body);
    let read = events.first().await;
    if let Some(message) = read.last().and_then(stream::Event::answer) {
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Settled::Whole(Response::from_parts(parts, Bytes::from(message.to_owned()).into()));
    }
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Settled::Stream(Response::from_parts(parts, stream::body(read, events, watch, ())))
}

/// What rmcp says in plain text, as a JSON-RPC error.
fn translated(answer: Answer, id: Option<&Value>) -> Answer {
    let status = answer.status();
    if status.is_success() || is_json(answer.headers()) || status == StatusCode::METHOD_NOT_ALLOWED {
        return answer;
    }
    let (status, code, message) = match status {
        // The media type was right: rmcp says so of JSON that is no message of MCP.
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (StatusCode::BAD_REQUEST, envelope::INVALID_REQUEST, "the message is none of MCP's")
        }
        StatusCode::NOT_ACCEPTABLE => {
            (status, envelope::INVALID_REQUEST, "Accept has to name application/json and text/event-stream")
        }
        StatusCode::NOT_FOUND => return reply::no_session(id),
        status if status.is_server_error() => {
            (StatusCode::INTERNAL_SERVER_ERROR, envelope::INTERNAL_ERROR, "the request could not be handled")
        }
        status => (status, envelope::INVALID_REQUEST, "the request cannot be served"),
    };
    reply::json(status, &envelope::error(id, code, message, None))
}

/// What the user's own handler answered, cleaned. Answers of tools come clean from the gate.
async fn cleaned(answer: Answer, id: Option<&Value>) -> Answer {
    let is_json = is_json(answer.headers());
    let (mut parts, body) = answer.into_parts();
    if !is_json {
        return Response::from_parts(parts, body);
    }
    let Ok(body) = body.collect().await;
    match render::cleaned(body.to_bytes()) {
        Ok(body) => {
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, body.into())
        }
        Err(_) => {
            let error = envelope::error(id, envelope::INTERNAL_ERROR, "the answer cannot be sent", None);
            reply::json(StatusCode::OK, &error)
        }
    }
}
