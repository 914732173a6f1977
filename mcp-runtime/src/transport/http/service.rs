//! One HTTP request, from its head to who answers it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use http::header::{AUTHORIZATION, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::combinators::BoxBody;
use tokio_util::sync::CancellationToken;

use super::address::{Failures, Proxies};
use super::backend::{Backend, Sender, Standing};
use super::challenge::Challenges;
use super::direct::Direct;
use super::hosts::Hosts;
use super::metadata::Metadata;
use super::outgoing::Outgoing;
use super::pages::Pages;
use super::places::Places;
use super::reply::{self, Answer};
use super::{body, cut_off, version};
use crate::auth::{self, Authenticate, Effort, InvalidReason, Refusal, verify};
use crate::caller::Caller;
use crate::config::Config;
use crate::error::code;
use crate::gate::Gate;
use crate::input::StateKey;
use crate::record::{Recording, Via};
use crate::transport::adapter::Adapter;
use crate::transport::envelope::{self, Envelope};
use crate::transport::exchange::Exchange;
use crate::transport::forward::Forward;

/// What is said to a request that there is no room for.
const CROWDED: &str = "too many requests are on their way; try again soon";

/// Who does not say where a request comes from.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A gate served as streamable HTTP: a `tower` service, for `serve` and for servers that mount it themselves.
///
/// The client's address is taken from a `std::net::SocketAddr` in the request's extensions. The bounds of requests and
/// bodies are the service's; those of connections, heads and time to read an answer are [`serve`](super::serve)'s, and a
/// server that mounts the service has to have its own.
#[derive(Clone)]
pub struct HttpService(Arc<Inner>);

struct Inner {
    gate: Arc<Gate>,
    authenticate: Arc<dyn Authenticate>,
    /// Calls and lists of revision 2026-07-28; the rest is rmcp's.
    direct: Direct,
    backend: Backend,
    path: String,
    hosts: Hosts,
    pages: Pages,
    proxies: Proxies,
    failures: Failures,
    challenges: Arc<Challenges>,
    metadata: Option<Metadata>,
    /// Places for requests.
    places: Places,
    bodies: body::Bounds,
    ready: AtomicBool,
    /// Cancels the calls that run.
    cut_off: CancellationToken,
}

impl HttpService {
    /// A service over a gate.
    pub(crate) fn new(
        gate: Arc<Gate>,
        forward: Arc<dyn Forward>,
        authenticate: Arc<dyn Authenticate>,
        states: Arc<StateKey>,
        config: &Config,
    ) -> Self {
        let cut_off = CancellationToken::new();
        let adapter = Adapter::new(Arc::clone(&gate), forward, config.http.list, states, cut_off.clone());
        let challenges = Arc::new(Challenges::new(&config.auth));
        let spec = gate.tools().spec();
        Self(Arc::new(Inner {
            direct: Direct::new(&gate, &adapter, Arc::clone(&challenges), &config.http, cut_off.clone()),
            backend: Backend::new(&gate, &authenticate, &adapter, Arc::clone(&challenges), &config.http),
            pages: Pages::new(&gate),
            gate,
            authenticate,
            path: config.http.path.clone(),
            hosts: Hosts::new(&config.http),
            proxies: Proxies::new(&config.http),
            failures: Failures::new(&config.auth),
            challenges,
            metadata: Metadata::new(&config.auth, spec.title.unwrap_or(spec.name)),
            places: Places::new(&config.http),
            bodies: body::Bounds::new(&config.http),
            ready: AtomicBool::new(true),
            cut_off,
        }))
    }

    /// Hands every request to rmcp: for tests that compare both ways.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn set_direct(&self, direct: bool) {
        self.0.direct.set(direct);
    }

    /// Turns `/readyz` red: no new work should come, what runs may finish.
    pub(crate) fn drain(&self) {
        self.0.ready.store(false, Ordering::Release);
    }

    /// Ends the streams that would not end by themselves, and the sessions for those who watch.
    pub(crate) fn close_streams(&self) {
        self.0.backend.close_streams();
    }

    /// Cancels the calls that still run, which is what they are answered with.
    pub(crate) fn cut_off(&self) {
        self.0.cut_off.cancel();
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<BoxBody<Bytes, Infallible>>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let peer = request.extensions().get::<SocketAddr>().copied();
        self.handle_from(peer.unwrap_or(UNKNOWN), request).await.map(Outgoing::into_boxed)
    }

    /// Answers one request from an address.
    pub(super) fn handle_from<B>(&self, peer: SocketAddr, request: Request<B>) -> impl Future<Output = Answer> + Send
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.0.handle(peer, request)
    }
}

impl<B> tower_service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<BoxBody<Bytes, Infallible>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request).await) })
    }
}

impl Inner {
    async fn handle<B>(&self, peer: SocketAddr, request: Request<B>) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match request.uri().path() {
            "/healthz" => return reply::text(StatusCode::OK, "ok\n"),
            "/readyz" if self.ready.load(Ordering::Acquire) => return reply::text(StatusCode::OK, "ready\n"),
            "/readyz" => return reply::text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            path if self.metadata.as_ref().is_some_and(|metadata| metadata.is_at(path)) => {
                return self.metadata.as_ref().map_or_else(reply::method_not_allowed, |m| m.answer(request.method()));
            }
            path if path != self.path => return reply::text(StatusCode::NOT_FOUND, "not found\n"),
            _ => {}
        }
        if !self.hosts.allow_host(request.uri(), request.headers()) {
            return reply::text(StatusCode::FORBIDDEN, "this Host is not served here\n");
        }
        let Ok(origin) = self.hosts.origin(request.uri(), request.headers()).map(Option::<&HeaderValue>::cloned) else {
            return reply::text(StatusCode::FORBIDDEN, "this Origin is not allowed\n");
        };
        let mut answer = self.of_page(peer, request, origin.is_some()).await;
        if let Some(origin) = origin {
            Pages::let_read(&mut answer, origin);
        }
        answer
    }

    /// A request from where it may come from.
    async fn of_page<B>(&self, peer: SocketAddr, request: Request<B>, is_page: bool) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if is_page && request.method() == Method::OPTIONS {
            return self.pages.preflight();
        }
        let is_post = request.method() == Method::POST;
        let is_served = is_post || self.backend.serves(request.method(), request.headers());
        let (mut parts, body) = request.into_parts();
        let place = self.places.take();
        if place.is_none() && self.authenticate.effort(&parts) != Effort::None {
            // Who this is would cost what there is no room for.
            let client = self.proxies.client(peer.ip(), &parts.headers);
            let refusal = Refusal::Unavailable { retry_after: Duration::from_secs(1) };
            self.gate.sinks().refused_from(&refusal, Some(client));
            return reply::overloaded(None, CROWDED);
        }
        let attempt =
            match self.failures.admit(&*self.authenticate, &parts, || self.proxies.client(peer.ip(), &parts.headers)) {
                Ok(attempt) => attempt,
                Err(retry_after) => {
                    let client = self.proxies.client(peer.ip(), &parts.headers);
                    return self.refuse(Refusal::TooManyFailures { retry_after }, client);
                }
            };
        let caller = match verify(&*self.authenticate, &parts).await {
            Ok(caller) => caller,
            Err(refusal) => {
                let refused = self.refuse(refusal, self.proxies.client(peer.ip(), &parts.headers));
                // Who is not known learns nothing by a method that nobody may use.
                return if is_served { refused } else { reply::method_not_allowed() };
            }
        };
        drop(attempt);
        // Nothing behind this point sees the credential, but a stream that looks at it again.
        let credential = parts.headers.remove(AUTHORIZATION);
        let Some(place) = place.and_then(|place| self.places.of(&caller, place)) else {
            return self.crowded(&caller, parts.version);
        };
        let sender = Sender { caller: Arc::clone(&caller), credential, place: place.clone() };
        let mut answer = if is_post {
            // What it keeps is large, and stays where it is made.
            let answering = pin!(self.of_caller(peer, parts, body, sender));
            self.while_let_in(&caller, answering).await
        } else if is_served {
            self.while_let_in(&caller, Box::pin(self.backend.session(parts, sender)).as_mut()).await
        } else {
            self.wrong_method(&caller, parts.version)
        };
        if answer.extensions_mut().remove::<Standing>().is_some() {
            return answer;
        }
        answer.map(|body| body.until_sent(place))
    }

    /// A request of a known caller that there is no room for: it is recorded, and costs what any request does.
    fn crowded(&self, caller: &Arc<Caller>, version: Version) -> Answer {
        let recording = Recording::over_http(self.gate.sinks(), caller, version);
        match Exchange::unreadable(&self.gate, caller, &recording) {
            Ok(()) => {
                recording.decide(code::OVERLOADED);
                recording.rpc_error(envelope::UNAVAILABLE);
                reply::overloaded(None, CROWDED)
            }
            Err(failure) => reply::too_many_requests(None, &failure),
        }
    }

    /// An answer, for as long as its caller may have it: a call that still runs is dropped with the caller's credential,
    /// and recorded as cancelled; a stream ends.
    async fn while_let_in(
        &self,
        caller: &Arc<Caller>,
        mut answering: Pin<&mut impl Future<Output = Answer>>,
    ) -> Answer {
        // Most are answered at once, and then nobody needs to wait for the other.
        let answer = match poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await {
            Poll::Ready(answer) => answer,
            Poll::Pending => match select(answering, auth::ended(&self.authenticate, caller)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => {
                    return reply::refused(Refusal::Invalid(InvalidReason::Revoked), &self.challenges);
                }
            },
        };
        if !answer.body().is_whole() && body::is_stream(answer.headers()) {
            return answer.map(|body| cut_off::until(auth::ended(&self.authenticate, caller), body));
        }
        answer
    }

    /// A method that nobody may use, of a known caller: it is recorded.
    fn wrong_method(&self, caller: &Arc<Caller>, version: Version) -> Answer {
        let recording = Recording::over_http(self.gate.sinks(), caller, version);
        match Exchange::unreadable(&self.gate, caller, &recording) {
            Ok(()) => reply::method_not_allowed(),
            Err(failure) => reply::too_many_requests(None, &failure),
        }
    }

    fn refuse(&self, refusal: Refusal, client: IpAddr) -> Answer {
        tracing::debug!(target: "mcp_runtime::auth", %client, refusal = ?refusal, "refused");
        let refusal = match refusal {
            Refusal::Invalid(_) | Refusal::Malformed => match self.failures.count(client) {
                Ok(()) => refusal,
                Err(retry_after) => Refusal::TooManyFailures { retry_after },
            },
            other => other,
        };
        // As it is answered: whether a credential was looked at before is nothing that anybody could tell.
        self.gate.sinks().refused_from(&refusal, Some(client));
        reply::refused(refusal, &self.challenges)
    }

    /// A message of an identified caller: it leaves one record.
    async fn of_caller<B>(&self, peer: SocketAddr, parts: Parts, body: B, sender: Sender) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let caller = &sender.caller;
        let recording = Recording::over_http(self.gate.sinks(), caller, parts.version);
        if let Some(revision) = version::claimed(&parts.headers) {
            recording.speaks(revision);
        }
        recording.came_from(|origin| origin.set_http(&parts, peer, self.proxies.client(peer.ip(), &parts.headers)));
        let unread = |answer| match Exchange::unreadable(&self.gate, caller, &recording) {
            Ok(()) => answer,
            Err(failure) => reply::too_many_requests(None, &failure),
        };
        let body = match body::read(&parts, body, self.bodies).await {
            Ok(body) => body,
            Err(answer) => return unread(answer),
        };
        if let Some(answer) = self.direct.answer(&parts, &body, caller, &recording).await {
            return answer;
        }
        let envelope = match envelope::read(&body) {
            Ok(envelope) => envelope,
            Err(rejection) => {
                recording.rpc_error(rejection.code);
                return unread(reply::json(StatusCode::BAD_REQUEST, &rejection.to_json()));
            }
        };
        match Exchange::begin(&self.gate, Arc::clone(caller), &envelope, Via::Http, recording) {
            Ok(exchange) => self.answer(parts, body, &envelope, exchange, sender).await,
            Err(failure) => reply::too_many_requests(envelope.id.as_ref(), &failure),
        }
    }

    /// A message that was read: whoever can answer it, does.
    async fn answer(
        &self,
        parts: Parts,
        body: Bytes,
        envelope: &Envelope,
        exchange: Exchange,
        sender: Sender,
    ) -> Answer {
        if let Err(rejection) = envelope.check_form(&body) {
            exchange.recording().rpc_error(rejection.code);
            let answer = reply::json(StatusCode::BAD_REQUEST, &rejection.to_json());
            return self.backend.refuse(envelope, &exchange, answer);
        }
        if let Err(error) = version::check(&parts.headers, envelope) {
            exchange.recording().rpc_error(error.code.0);
            return self.backend.refuse(envelope, &exchange, reply::error(envelope.id.as_ref(), &error));
        }
        // What rmcp keeps of a request while it works is large.
        Box::pin(self.backend.answer(parts, body, envelope, exchange, sender)).await
    }
}
