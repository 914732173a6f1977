//! One HTTP request, from its head to its answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::address::{Failures, Proxies};
use super::hosts::Hosts;
use super::reply::{self, Answer};
use crate::auth::{Authenticate, Refusal, verify};
use crate::caller::Caller;
use crate::config::{Config, RateLimited};
use crate::error::{Correlation, code};
use crate::gate::Gate;
use crate::record::{Recording, Via};
use crate::spec::Rule;
use crate::transport::adapter::Adapter;
use crate::transport::envelope::{self, Envelope};
use crate::transport::exchange::Exchange;
use crate::transport::forward::Forward;
use crate::transport::render;

/// The largest body, in bytes.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Request headers that a page of an allowed origin may send, whatever the tools.
const PAGE_HEADERS: &str = "authorization, content-type, mcp-protocol-version, mcp-method, mcp-name";
/// Response headers that it may read.
const PAGE_ANSWERS: &str = "www-authenticate, retry-after, ratelimit, ratelimit-policy";

/// A gate served as streamable HTTP: a `tower` service, for `serve` and for servers that mount it themselves.
///
/// The client's address is taken from a `std::net::SocketAddr` in the request's extensions.
#[derive(Clone)]
pub struct HttpService(Arc<Inner>);

struct Inner {
    gate: Arc<Gate>,
    authenticate: Arc<dyn Authenticate>,
    rmcp: StreamableHttpService<Adapter, NeverSessionManager>,
    path: String,
    hosts: Hosts,
    proxies: Proxies,
    failures: Failures,
    baseline_scope: Option<String>,
    rate_limited: RateLimited,
    ready: AtomicBool,
    /// Request headers that a page of an allowed origin may send.
    page_headers: HeaderValue,
}

impl HttpService {
    /// A service over a gate.
    pub(crate) fn new(
        gate: Arc<Gate>,
        forward: Arc<dyn Forward>,
        authenticate: Arc<dyn Authenticate>,
        config: &Config,
    ) -> Self {
        let adapter = Adapter::new(Arc::clone(&gate), forward, config.http.list);
        let mut rmcp = StreamableHttpServerConfig::default();
        // Without sessions nothing is kept for a client between requests, so there is nothing to steal or to fill.
        rmcp.legacy_session_mode = false;
        rmcp.json_response = true;
        // Host, Origin and size are checked here, before a credential is looked at.
        rmcp.allowed_hosts = Vec::new();
        rmcp.max_request_body_bytes = MAX_BODY_BYTES;
        let page_headers = page_headers(&gate);
        Self(Arc::new(Inner {
            gate,
            authenticate,
            rmcp: StreamableHttpService::new(move || Ok(adapter.clone()), Arc::default(), rmcp),
            path: config.http.path.clone(),
            hosts: Hosts::new(&config.http),
            proxies: Proxies::new(&config.http),
            failures: Failures::new(&config.auth),
            baseline_scope: config.auth.baseline_scope.clone(),
            rate_limited: config.http.rate_limited,
            ready: AtomicBool::new(true),
            page_headers,
        }))
    }

    /// Turns `/readyz` red: no new work should come, what runs may finish.
    pub(crate) fn drain(&self) {
        self.0.ready.store(false, Ordering::Release);
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
            let headers = answer.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(PAGE_ANSWERS));
            headers.append(VARY, HeaderValue::from_static("origin"));
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
            let mut answer = reply::empty(StatusCode::NO_CONTENT);
            answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, self.page_headers.clone());
            return answer;
        }
        if request.method() != Method::POST {
            return reply::method_not_allowed();
        }
        let (mut parts, body) = request.into_parts();
        let caller = match verify(&*self.authenticate, &parts).await {
            Ok(caller) => caller,
            Err(refusal) => return self.refuse(refusal, &parts),
        };
        // Nothing behind this point sees the credential.
        parts.headers.remove(AUTHORIZATION);
        self.of_caller(parts, body, caller).await
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

    /// A request of an identified caller: it leaves one record.
    async fn of_caller<B>(&self, parts: Parts, body: B, caller: Arc<Caller>) -> Answer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let recording = Recording::new(self.gate.sinks(), &caller, Correlation::new(), Via::Http);
        let read = match read(&parts, body).await {
            Ok(body) => envelope::read(&body)
                .map(|envelope| (envelope, body))
                .map_err(|rejection| reply::json(StatusCode::BAD_REQUEST, &rejection.to_json())),
            Err(answer) => Err(answer),
        };
        let (envelope, body) = match read {
            Ok(read) => read,
            Err(answer) => {
                return match Exchange::unreadable(&self.gate, &caller, &recording) {
                    Ok(()) => answer,
                    Err(failure) => reply::too_many_requests(None, &failure),
                };
            }
        };
        match Exchange::begin(&self.gate, caller, &envelope, Via::Http, recording) {
            Ok(exchange) => self.hand_over(parts, body, &envelope, exchange).await,
            Err(failure) => reply::too_many_requests(envelope.id.as_ref(), &failure),
        }
    }

    /// Lets rmcp answer, and says in status and headers what the gate decided.
    async fn hand_over(&self, mut parts: Parts, body: Bytes, envelope: &Envelope, exchange: Exchange) -> Answer {
        parts.extensions.insert(exchange.clone());
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut answer = self.rmcp.handle(Request::from_parts(parts, Full::new(body))).await;
        let id = envelope.id.as_ref();
        if answer.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // The media type was right: rmcp says so of JSON that is no message of MCP.
            let error = envelope::error(id, envelope::INVALID_REQUEST, "the message is none of MCP's", None);
            answer = reply::json(StatusCode::BAD_REQUEST, &error);
        }
        exchange.recording().presume(if answer.status().is_success() { "OK" } else { code::INVALID_REQUEST });
        // What one caller is answered is nobody else's.
        answer.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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
            return reply::step_up(id, scopes);
        }
        if let (Some(failure), RateLimited::Http429) = (&reply.rate_limited, self.rate_limited) {
            answer = reply::too_many_requests(id, failure);
        }
        if reply.malformed {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
        }
        reply::add_limits(answer.headers_mut(), reply);
        answer
    }
}

/// What the user's own handler answered, cleaned. Answers of tools come clean from the gate.
async fn cleaned(answer: Answer, id: Option<&serde_json::Value>) -> Answer {
    let is_json = is_json(answer.headers());
    let (mut parts, body) = answer.into_parts();
    if !is_json {
        return Response::from_parts(parts, body);
    }
    let Ok(body) = body.collect().await;
    match render::cleaned(body.to_bytes()) {
        Ok(body) => {
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Full::new(body).boxed())
        }
        Err(_) => {
            let error = envelope::error(id, envelope::INTERNAL_ERROR, "the answer cannot be sent", None);
            reply::json(StatusCode::OK, &error)
        }
    }
}

/// The headers that mirror arguments of tools belong to those that a page may send.
fn page_headers(gate: &Gate) -> HeaderValue {
    let mut headers = PAGE_HEADERS.to_owned();
    for argument in gate.tools().policy().tools.iter().flat_map(|tool| tool.spec.arguments) {
        for rule in argument.rules {
            if let Rule::Header(name) = rule {
                headers.push_str(", mcp-param-");
                headers.push_str(name);
            }
        }
    }
    HeaderValue::try_from(headers).unwrap_or(HeaderValue::from_static(PAGE_HEADERS))
}

/// Reads a body of JSON, within its bounds.
async fn read<B>(parts: &Parts, body: B) -> Result<Bytes, Answer>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !is_json(&parts.headers) {
        let error =
            envelope::error(None, envelope::INVALID_REQUEST, "the Content-Type has to be application/json", None);
        return Err(reply::json(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error));
    }
    let too_large = || {
        let message = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        reply::json(StatusCode::PAYLOAD_TOO_LARGE, &envelope::error(None, envelope::INVALID_REQUEST, &message, None))
    };
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(reply::text(StatusCode::BAD_REQUEST, "the body could not be read\n")),
        Err(_) => Err(reply::text(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n")),
    }
}

/// `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media), None) = (types.next(), types.next()) else { return false };
    let essence = media.to_str().ok().and_then(|media| media.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
