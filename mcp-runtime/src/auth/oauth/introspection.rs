//! Asking the authorization server about a token: RFC 7662.
//!
//! No answer, or one that does not say whether the token is active, is neither a pass nor a refusal: credentials cannot
//! be verified then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::{HeaderValue, StatusCode, Uri};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::fetch::{Fetch, FetchError};
use crate::json::read;

/// Questions at a time; the others wait, for no longer than a question may take.
const QUESTIONS: usize = 16;

/// Tokens that are asked about or wait to be, at the most.
const MAX_FLIGHTS: usize = 1024;

/// How long a question waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// After so many failures in a row nobody is asked for a while.
const FAILURES: u32 = 5;

/// How long that while is.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// What the authorization server said: the claims of an active token, `None` of one that is not active, or nothing that
/// can be used.
pub(super) type Said = Result<Option<Arc<Map<String, Value>>>, NoAnswer>;

/// There is no answer, and when to ask again.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoAnswer(pub(super) Duration);

/// One introspection endpoint.
pub(super) struct Introspector {
    endpoint: Uri,
    /// Our own credential there. Marked as sensitive, so that it prints nowhere.
    client: HeaderValue,
    fetch: Arc<Fetch>,
    pub(super) cache: Duration,
    turns: Semaphore,
    flights: Mutex<HashMap<[u8; 32], Shared<BoxFuture<'static, Said>>>>,
    breaker: Mutex<Breaker>,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Introspector {
    /// # Errors
    /// A secret that cannot stand in a header.
    pub(super) fn new(
        endpoint: Uri,
        (id, secret): (&str, &str),
        fetch: Arc<Fetch>,
        cache: Duration,
    ) -> Result<Self, http::header::InvalidHeaderValue> {
        // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
        let pair = format!("{}:{}", encode(id), encode(secret));
        let mut client = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))?;
        client.set_sensitive(true);
        Ok(Self {
            endpoint,
            client,
            fetch,
            cache,
            turns: Semaphore::new(QUESTIONS),
            flights: Mutex::default(),
            breaker: Mutex::default(),
        })
    }

    /// Asks about a token. Everybody who asks about the same one meanwhile gets the same answer.
    pub(super) async fn ask(self: &Arc<Self>, token: &str) -> Said {
        let id: [u8; 32] = Sha256::digest(token).into();
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.get(&id) {
                Some(flight) => flight.clone(),
                None if flights.len() >= MAX_FLIGHTS => return Err(NoAnswer(Duration::from_secs(1))),
                None => {
                    let (this, token) = (Arc::clone(self), token.to_owned());
                    // A task of its own: a caller that goes away does not take the answer of the others along.
                    let task = tokio::spawn(async move {
                        let said = this.question(&token).await;
                        this.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                        said
                    });
                    let flight = task.map(|said| said.unwrap_or(Err(NoAnswer(PAUSE)))).boxed().shared();
                    flights.insert(id, flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    async fn question(&self, token: &str) -> Said {
        self.may_ask()?;
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(NoAnswer(Duration::from_secs(1))) };
        self.may_ask()?;
        let form = format!("token={}&token_type_hint=access_token", encode(token));
        let said = self.fetch.post(&self.endpoint, &self.client, form).await.and_then(|text| read(&text));
        let mut breaker = self.breaker();
        match said {
            Ok(said) => {
                *breaker = Breaker::default();
                Ok(said.map(Arc::new))
            }
            Err(error) => {
                // What one token provokes (a firewall's 403, a 413) says nothing of the endpoint: a stranger could keep
                // everybody out with it.
                let by_token = matches!(&error, FetchError::Status(status) if status.is_client_error()
                    && ![StatusCode::UNAUTHORIZED, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(status));
                if !by_token {
                    breaker.failures = breaker.failures.saturating_add(1);
                    if breaker.failures >= FAILURES {
                        breaker.closed_until = Some(Instant::now() + PAUSE);
                    }
                }
                tracing::error!(target: "mcp_runtime::auth", %error, "the introspection endpoint gives no answer");
                Err(NoAnswer(Duration::from_secs(1)))
            }
        }
    }

    /// Whether the endpoint is worth asking. After a pause one question goes through; if that fails, the next pause begins.
    fn may_ask(&self) -> Result<(), NoAnswer> {
        let breaker = self.breaker();
        match breaker.closed_until.map(|end| end.saturating_duration_since(Instant::now())) {
            Some(left) if !left.is_zero() => Err(NoAnswer(left)),
            _ => Ok(()),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only `active` decides: of a token that is not active nothing else is looked at.
fn read(text: &str) -> Result<Option<Map<String, Value>>, FetchError> {
    let said = read::map(text).map_err(|_| FetchError::Content("its answer is no JSON object"))?;
    match said.get("active") {
        Some(Value::Bool(true)) => Ok(Some(said)),
        Some(Value::Bool(false)) => Ok(None),
        _ => Err(FetchError::Content("its answer does not say whether the token is active")),
    }
}

/// `application/x-www-form-urlencoded`, with everything escaped that is not plainly harmless.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 0xF].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_answer_counts() {
        assert!(read(r#"{"active":true,"sub":"a"}"#).unwrap().is_some());
        assert!(read(r#"{"active":false,"sub":"a"}"#).unwrap().is_none());
        for text in
            ["", "<html>", "[]", "{}", r#"{"active":"true"}"#, r#"{"active":1}"#, r#"{"active":false,"active":true}"#]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_escapes_the_form() {
        assert_eq!(encode("a-b_c.d~9"), "a-b_c.d~9");
        assert_eq!(encode("a&token=b c:é"), "a%26token%3Db%20c%3A%C3%A9");
    }
}
