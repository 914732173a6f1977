//! Requests to authorization servers: bounded in time and size, to `https` alone, and never redirected.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::is_loopback;

/// How long a request may take, from the look-up of the name to the end of the answer.
const TIME: Duration = Duration::from_secs(5);

/// The largest answer, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// The HTTP client. It follows no redirect: where keys come from is what the operator or the issuer's own metadata says.
pub(super) struct Fetch {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// `http` to this machine is allowed, for development.
    dev: bool,
}

impl Fetch {
    /// A client that trusts the certificates which the system trusts.
    ///
    /// # Errors
    /// A system without any.
    pub(super) fn new(dev: bool) -> Result<Self, std::io::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(TIME));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let tls = if dev { tls.https_or_http() } else { tls.https_only() };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(tls.enable_http1().wrap_connector(tcp));
        Ok(Self { client, dev })
    }

    /// Whether a URL may be asked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn allow(&self, url: &Uri) -> Result<(), FetchError> {
        match url.scheme_str() {
            Some("https") => Ok(()),
            Some("http") if is_loopback(url) => {
                if self.dev {
                    Ok(())
                } else {
                    Err(FetchError::NotDev)
                }
            }
            _ => Err(FetchError::Scheme),
        }
    }

    /// GETs a document: its headers and its text.
    pub(super) async fn get(&self, url: &Uri) -> Result<(HeaderMap, String), FetchError> {
        self.send(Method::GET, url, None, Bytes::new()).await
    }

    /// POSTs a form, as a client that authenticates itself.
    pub(super) async fn post(&self, url: &Uri, client: &HeaderValue, form: String) -> Result<String, FetchError> {
        self.send(Method::POST, url, Some(client), form.into()).await.map(|(_, text)| text)
    }

    async fn send(
        &self,
        method: Method,
        url: &Uri,
        client: Option<&HeaderValue>,
        body: Bytes,
    ) -> Result<(HeaderMap, String), FetchError> {
        self.allow(url)?;
        let mut request = Request::builder().method(method).uri(url).header(ACCEPT, "application/json");
        if let Some(client) = client {
            request = request.header(AUTHORIZATION, client).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::new(body)).map_err(|_| FetchError::Scheme)?;
        let answer = async {
            let answer =
                self.client.request(request).await.map_err(|error| FetchError::Connection(error.to_string()))?;
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status()));
            }
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|_| FetchError::Body)?;
            let text = String::from_utf8(body.to_bytes().into()).map_err(|_| FetchError::Body)?;
            Ok((parts.headers, text))
        };
        tokio::time::timeout(TIME, answer).await.map_err(|_| FetchError::Time)?
    }
}

/// Why there is no answer. For the operator's log: it names no token and no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it is not https")]
    Scheme,
    #[error("plain http is for this machine, and only with `serve --dev`")]
    NotDev,
    #[error("no connection: {0}")]
    Connection(String),
    #[error("it answers {0}; redirects are not followed")]
    Status(StatusCode),
    #[error("its answer is larger than {MAX_BYTES} bytes, cut short, or no text")]
    Body,
    #[error("it did not answer within {} s", TIME.as_secs())]
    Time,
    #[error("{0}")]
    Content(&'static str),
}

/// `max-age` of an answer (RFC 9111, section 5.2.2.1).
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = directives.flat_map(|value| value.split(',')).map(str::trim);
    let seconds = directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_asked_and_this_machine_in_development() {
        let (dev, real) = (Fetch::new(true).unwrap(), Fetch::new(false).unwrap());
        let allowed = |fetch: &Fetch, url: &'static str| fetch.allow(&Uri::from_static(url)).is_ok();
        assert!(allowed(&dev, "https://login.example.com/jwks") && allowed(&real, "https://login.example.com/jwks"));
        for url in ["http://127.0.0.1:1/jwks", "http://[::1]/jwks", "http://localhost/jwks"] {
            assert!(allowed(&dev, url) && !allowed(&real, url), "{url}");
        }
        for url in ["http://169.254.169.254/", "http://login.example.com/", "http://127.0.0.1.example.com/", "/jwks"] {
            assert!(!allowed(&dev, url) && !allowed(&real, url), "{url}");
        }
    }

    #[test]
    fn the_age_is_read() {
        let age =
            |value: &'static str| max_age(&HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(value))]));
        assert_eq!(age("public, Max-Age=60"), Some(Duration::from_secs(60)));
        assert_eq!(age("max-age=\"60\""), Some(Duration::from_secs(60)));
        assert_eq!((age("no-store"), age("max-age=x"), age("max-age=-1")), (None, None, None));
    }
}
