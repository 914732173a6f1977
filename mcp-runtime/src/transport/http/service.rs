//! One HTTP request, from its head to who answers it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body::Body;

use super::address::{Failures, Proxies};
use super::backend::{Backend, Sender};
use super::direct::Direct;
use super::hosts::Hosts;
use super::pages::Pages;
use super::reply::{self, Answer};
use super::{body, version};
use crate::auth::{Authenticate, Refusal, verify};
use crate::config::Config;
use crate::error::Correlation;
use crate::gate::Gate;
use crate::input::StateKey;
use crate::record::{Recording, Via};
use crate::transport::adapter::Adapter;
use crate::transport::envelope::{self, Envelope};
use crate::transport::exchange::Exchange;
use crate::transport::forward::Forward;

/// A gate served as streamable HTTP: a `tower` service, for `serve` and for servers that mount it themselves.
///
/// The client's address is taken from a `std::net::SocketAddr` in the request's extensions.
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
    baseline_scope: Option<String>,
    ready: AtomicBool,
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
        let adapter = Adapter::new(Arc::clone(&gate), forward, config.http.list, states);
        Self(Arc::new(Inner {
            direct: Direct::new(&gate, &adapter, &config.http),
            backend: Backend::new(Arc::clone(&gate), Arc::clone(&authenticate), &adapter, &config.http),
            pages: Pages::new(&gate),
            gate,
            authenticate,
            path: config.http.path.clone(),
            hosts: Hosts::new(&config.http),
            proxies: Proxies::new(&config.http),
            failures: Failures::new(&config.auth),
            baseline_scope: config.auth.baseline_scope.clone(),
            ready: AtomicBool::new(true),
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

    /// Ends the streams that would not end by themselves.
    pub(crate) fn close_streams(&self) {
        self.0.backend.close_streams();
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.0.handle(request).await
    }
}

impl<B> tower_service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Answer;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Answer, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request).await) })
    }
}

impl Inner {
    async fn handle<B>(&self, request: Request<B>) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match request.uri().path() {
            "/healthz" => return reply::text(StatusCode::OK, "ok\n"),
            "/readyz" if self.ready.load(Ordering::Acquire) => return reply::text(StatusCode::OK, "ready\n"),
            "/readyz" => return reply::text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            path if path != self.path => return reply::text(StatusCode::NOT_FOUND, "not found\n"),
            _ => {}
        }
        if !self.hosts.allow_host(request.uri(), request.headers()) {
            return reply::text(StatusCode::FORBIDDEN, "this Host is not served here\n");
        }
        let Ok(origin) = self.hosts.origin(request.headers()).map(Option::<&HeaderValue>::cloned) else {
            return reply::text(StatusCode::FORBIDDEN, "this Origin is not allowed\n");
        };
        let mut answer = self.of_page(request, origin.is_some()).await;
        if let Some(origin) = origin {
            Pages::let_read(&mut answer, origin);
        }
        answer
    }

    /// A request from where it may come from.
    async fn of_page<B>(&self, request: Request<B>, is_page: bool) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if is_page && request.method() == Method::OPTIONS {
            return self.pages.preflight();
        }
        let is_post = request.method() == Method::POST;
        if !is_post && !self.backend.serves(request.method(), request.headers()) {
            return self.wrong_method(request.into_parts().0).await;
        }
        let (mut parts, body) = request.into_parts();
        let caller = match verify(&*self.authenticate, &parts).await {
            Ok(caller) => caller,
            Err(refusal) => return self.refuse(refusal, &parts),
        };
        // Nothing behind this point sees the credential, but a stream that looks at it again.
        let credential = parts.headers.remove(AUTHORIZATION);
        let sender = Sender { caller, credential };
        if is_post {
            self.of_caller(parts, body, sender).await
        } else {
            Box::pin(self.backend.session(parts, sender)).await
        }
    }

    /// A method that nobody may use. Who is known is recorded; who is not learns nothing by it.
    async fn wrong_method(&self, parts: Parts) -> Answer {
        if let Ok(caller) = verify(&*self.authenticate, &parts).await {
            let recording = Recording::new(self.gate.sinks(), &caller, Correlation::new(), Via::Http);
            if let Err(failure) = Exchange::unreadable(&self.gate, &caller, &recording) {
                return reply::too_many_requests(None, &failure);
            }
        }
        reply::method_not_allowed()
    }

    fn refuse(&self, refusal: Refusal, parts: &Parts) -> Answer {
        let peer = parts.extensions.get::<SocketAddr>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip);
        let client = self.proxies.client(peer, &parts.headers);
        tracing::debug!(target: "mcp_runtime::auth", %client, refusal = ?refusal, "refused");
        if matches!(refusal, Refusal::Invalid(_) | Refusal::Malformed)
            && let Err(retry_after) = self.failures.count(client)
        {
            return reply::too_many_failures(retry_after);
        }
        reply::refused(refusal, self.baseline_scope.as_deref())
    }

    /// A message of an identified caller: it leaves one record.
    async fn of_caller<B>(&self, parts: Parts, body: B, sender: Sender) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let caller = &sender.caller;
        let recording = Recording::new(self.gate.sinks(), caller, Correlation::new(), Via::Http);
        let unread = |answer| match Exchange::unreadable(&self.gate, caller, &recording) {
            Ok(()) => answer,
            Err(failure) => reply::too_many_requests(None, &failure),
        };
        let body = match body::read(&parts, body).await {
            Ok(body) => body,
            Err(answer) => return unread(answer),
        };
        if let Some(answer) = self.direct.answer(&parts, &body, caller, &recording).await {
            return answer;
        }
        let envelope = match envelope::read(&body) {
            Ok(envelope) => envelope,
            Err(rejection) => return unread(reply::json(StatusCode::BAD_REQUEST, &rejection.to_json())),
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
        if let Err(error) = version::check(&parts.headers, envelope) {
            return self.backend.refuse(envelope, &exchange, reply::error(envelope.id.as_ref(), &error));
        }
        // What rmcp keeps of a request while it works is large.
        Box::pin(self.backend.answer(parts, body, envelope, exchange, sender)).await
    }
}
