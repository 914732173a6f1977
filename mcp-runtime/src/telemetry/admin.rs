//! The operator's own page: `/metrics`, on an address of its own, and nothing else.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::metrics::{self, Format, Metrics};
use crate::auth::{Authenticate, bearer};
use crate::config::{Admin, InvalidConfig};
use crate::gate::Gate;
use crate::transport::http::Hosts;

/// The path.
const PATH: &str = "/metrics";

/// How long one request may take, from the connection to the end of the answer.
const TIME: Duration = Duration::from_secs(10);

/// How many connections there are at a time: scrapers are few. The oldest makes room for a new one, so that connections
/// which say nothing do not keep a scraper out.
const CONNECTIONS: usize = 16;

/// The shortest token, and the longest file that is read for one.
const MIN_TOKEN_BYTES: usize = 16;
const MAX_TOKEN_BYTES: u64 = 4096;

/// The page with a server's metrics, for a listener of its own: see [`Protected::admin`](crate::Protected::admin).
#[derive(Clone)]
pub struct AdminPage(Arc<Inner>);

struct Inner {
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
    authenticate: Arc<dyn Authenticate>,
    hosts: Hosts,
    token: Option<Box<[u8]>>,
}

impl AdminPage {
    /// # Errors
    /// A token that cannot be read, or is none.
    pub(crate) fn new(
        gate: Arc<Gate>,
        metrics: Arc<Metrics>,
        authenticate: Arc<dyn Authenticate>,
        config: &Admin,
    ) -> Result<Self, InvalidConfig> {
        let token = config.token_file.as_deref().map(token).transpose()?;
        let hosts = Hosts::of(config.address.ip(), &config.allowed_hosts);
        Ok(Self(Arc::new(Inner { gate, metrics, authenticate, hosts, token })))
    }

    /// Answers scrapes until `stop` completes. Each is a connection, and over within ten seconds.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut open: VecDeque<AbortHandle> = VecDeque::with_capacity(CONNECTIONS);
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = match select(std::pin::pin!(listener.accept()), &mut stop).await {
                Either::Left((accepted, _)) => accepted,
                Either::Right(_) => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= CONNECTIONS
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            let page = self.clone();
            let connection = tokio::spawn(async move {
                let answer = hyper::service::service_fn(move |request| {
                    let answer = page.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let mut builder = hyper::server::conn::http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(TIME).keep_alive(false).max_buf_size(16 * 1024);
                // How a connection ends is the scraper's business.
                let _ = tokio::time::timeout(TIME, builder.serve_connection(TokioIo::new(stream), answer)).await;
            });
            open.push_back(connection.abort_handle());
        }
    }

    /// The answer to one request; its body is not read.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let inner = &*self.0;
        // A page of another site that a browser on this machine was lured to has another name for this address.
        if !inner.hosts.allow_host(request.uri(), request.headers()) {
            return text(StatusCode::FORBIDDEN, "this Host is not served here; see admin.allowed_hosts\n");
        }
        if !inner.is_let_in(request) {
            let mut answer = text(StatusCode::UNAUTHORIZED, "the token of admin.token_file is needed\n");
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"metrics\""));
            return answer;
        }
        if request.uri().path() != PATH {
            return text(StatusCode::NOT_FOUND, "only /metrics is served here\n");
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let format = Format::accepted(accept);
        let moment = metrics::gather(&inner.gate, &*inner.authenticate);
        let page = metrics::page(&inner.metrics, &moment, format);
        answer(StatusCode::OK, format.content_type(), page.into())
    }
}

impl Inner {
    fn is_let_in<B>(&self, request: &Request<B>) -> bool {
        let Some(token) = &self.token else { return true };
        let mut head = Request::new(()).into_parts().0;
        head.headers.extend(request.headers().get_all(AUTHORIZATION).iter().map(|sent| (AUTHORIZATION, sent.clone())));
        bearer(&head).is_ok_and(|sent| sent.as_bytes().ct_eq(token).into())
    }
}

impl std::fmt::Debug for AdminPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminPage").field("gate", &self.0.gate).finish_non_exhaustive()
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The token in a file, without the white space around it.
fn token(path: &Path) -> Result<Box<[u8]>, InvalidConfig> {
    let failed = |why: String| InvalidConfig::new(format!("admin.token_file: {}: {why}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(MAX_TOKEN_BYTES + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    let token = text.trim();
    if token.len() < MIN_TOKEN_BYTES || text.len() as u64 > MAX_TOKEN_BYTES || token.contains(char::is_whitespace) {
        return Err(failed(format!(
            "a token is one word of {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} bytes; `openssl rand -hex 32` makes a good one"
        )));
    }
    Ok(token.as_bytes().into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_token_is_one_long_word() {
        let read = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            token(file.path()).map(|token| String::from_utf8(token.into()).unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(read("0123456789abcdef\n").unwrap(), "0123456789abcdef");
        for bad in ["", "\n", "short", "two words of a token", &"x".repeat(5000)] {
            assert!(read(bad).unwrap_err().contains("admin.token_file"), "{bad}");
        }
        assert!(token(Path::new("/nowhere/token")).unwrap_err().to_string().contains("/nowhere/token"));
    }
}
