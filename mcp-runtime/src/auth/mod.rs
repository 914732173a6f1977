//! Authentication: from the parts of a request to a verified [`Caller`], or a [`Refusal`].
//!
//! [`ApiKeys`] verifies the keys of a [`CredentialStore`]; a credential of another kind plugs in as an
//! [`Authenticate`] of its own. Identity comes from a verified credential alone: never from an argument, a session id
//! or what a client says of itself.

mod api_key;
mod api_keys;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;

pub use futures_util::future::BoxFuture;

pub use self::api_key::{ApiKey, InvalidKey, KEY_PATTERN, KeyHash};
pub use self::api_keys::{ApiKeys, CachePolicy};
#[cfg(feature = "sqlite")]
pub use self::store::SqliteStore;
pub use self::store::{
    CredentialStore, IssuedKey, KeyRecord, KeyState, MemoryStore, NewKey, Revocation, Revoked, StoreError, Target,
};
use crate::caller::Caller;

/// The longest `Authorization` header that is looked at, in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

/// Verifies the credential of a request.
///
/// It is asked on every request, so a verdict that costs a signature check or a round trip belongs in a bounded cache
/// that forgets it as soon as the credential is revoked. It sees the parts of the request before the body is read.
/// Over standard input and output the parts are made up, with the key of `MCP_API_KEY` as their `Authorization`.
///
/// Whoever implements it decides who the caller is: everything after it (scopes, limits, records) believes the
/// [`Caller`]. When in doubt, refuse.
///
/// # Example
///
/// A gateway that authenticates itself with a secret of its own, and names the agent in a header:
///
/// ```
/// use std::sync::Arc;
///
/// use http::request::Parts;
/// use mcp_runtime::auth::{Authenticate, BoxFuture, InvalidReason, Refusal, bearer};
/// use mcp_runtime::caller::{Agent, Caller, Source};
/// use mcp_runtime::scope::Grants;
/// use subtle::ConstantTimeEq;
///
/// struct Gateway {
///     secret: String,
///     grants: Grants,
/// }
///
/// impl Gateway {
///     fn verify(&self, request: &Parts) -> Result<Arc<Caller>, Refusal> {
///         // The header below is worth something only because this proves who set it.
///         let secret = bearer(request)?;
///         if !bool::from(secret.as_bytes().ct_eq(self.secret.as_bytes())) {
///             return Err(Refusal::Invalid(InvalidReason::Unknown));
///         }
///         let mut names = request.headers.get_all("x-gateway-agent").iter();
///         let (Some(name), None) = (names.next(), names.next()) else { return Err(Refusal::Malformed) };
///         let name = name.to_str().map_err(|_| Refusal::Malformed)?;
///         let agent = Agent::new(Source::Other("gateway"), name).map_err(|_| Refusal::Malformed)?;
///         Ok(Arc::new(Caller::new(agent, "gateway").with_grants(self.grants.clone())))
///     }
/// }
///
/// impl Authenticate for Gateway {
///     fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
///         Box::pin(async move { self.verify(request) })
///     }
/// }
///
/// # let gateway = Gateway { secret: "s3cret".into(), grants: Grants::literal(["revenue.read"]).unwrap() };
/// # let request = |secret| {
/// #     let header = format!("Bearer {secret}");
/// #     let request = http::Request::builder().header("authorization", header).header("x-gateway-agent", "reporting");
/// #     request.body(()).unwrap().into_parts().0
/// # };
/// assert_eq!(gateway.verify(&request("s3cret")).unwrap().agent().to_string(), "gateway:reporting");
/// assert!(gateway.verify(&request("guessed")).is_err());
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// The caller whose credential the request carries.
    ///
    /// # Errors
    /// A [`Refusal`]; it says what the transport answers.
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>>;
}

impl<T: Authenticate + ?Sized> Authenticate for Arc<T> {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        (**self).authenticate(request)
    }
}

/// How long an [`Authenticate`] may take.
#[cfg(any(feature = "http", feature = "stdio"))]
const VERIFY_TIME: Duration = Duration::from_secs(10);

/// Asks for the caller, within time and whatever the implementation does: one that hangs or panics verifies nobody.
///
/// # Errors
/// What it says, or [`Refusal::Unavailable`].
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) async fn verify(authenticate: &dyn Authenticate, request: &Parts) -> Result<Arc<Caller>, Refusal> {
    use futures_util::FutureExt;
    use std::panic::AssertUnwindSafe;

    let asked = AssertUnwindSafe(async { authenticate.authenticate(request).await }).catch_unwind();
    let broken = match tokio::time::timeout(VERIFY_TIME, asked).await {
        Ok(Ok(answer)) => return answer,
        Ok(Err(panic)) => format!("it panicked: {}", crate::gate::panic_text(panic)),
        Err(_) => "it did not answer in time".to_owned(),
    };
    tracing::error!(target: "mcp_runtime::auth", cause = broken.escape_debug().to_string(), "authentication broke");
    Err(Refusal::Unavailable { retry_after: Duration::from_secs(1) })
}

/// Why a request has no caller. Its text is safe to show to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No credential was presented, or one of a scheme that is not spoken here: HTTP 401, and a challenge without
    /// `error` (RFC 6750, section 3.1).
    #[error("a credential is needed")]
    Missing,
    /// What was presented cannot be read as one credential: HTTP 400.
    #[error("the credential cannot be read")]
    Malformed,
    /// The credential is not, or no longer, valid: HTTP 401 with `error="invalid_token"`, the same answer for every
    /// reason.
    #[error("the credential is not valid")]
    Invalid(InvalidReason),
    /// The credential could not be verified now: HTTP 503 with `Retry-After`. Neither a pass nor a 401, which would
    /// make clients throw away good credentials.
    #[error("credentials cannot be verified at the moment")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// Why a credential is not valid, for the server's own log: a client that could tell the reasons apart could probe
/// for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReason {
    /// No such credential, or a wrong secret.
    Unknown,
    /// It has ended.
    Expired,
    /// It was revoked, by itself or with its agent or subject.
    Revoked,
    /// It is no key at all, or its checksum does not match: most likely a typing error or a cut text.
    Checksum,
    /// The record behind it cannot be turned into a caller.
    Unreadable,
}

impl fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Checksum => "checksum",
            Self::Unreadable => "unreadable",
        })
    }
}

/// The token of the request's `Authorization: Bearer` header (RFC 6750, section 2.1). A token anywhere else, as in the
/// query, is not looked at.
///
/// # Errors
/// [`Refusal::Missing`] without the header or with another scheme; [`Refusal::Malformed`] for two of them, a scheme
/// without a token, more than [`MAX_CREDENTIAL_BYTES`], and characters that no bearer token has.
pub fn bearer(request: &Parts) -> Result<&str, Refusal> {
    let mut headers = request.headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else { return Err(Refusal::Missing) };
    if headers.next().is_some() || header.len() > MAX_CREDENTIAL_BYTES {
        return Err(Refusal::Malformed);
    }
    let text = header.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::Malformed)?;
    let token = token.trim_matches(' ');
    if scheme.is_empty() || token.is_empty() {
        return Err(Refusal::Malformed);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Missing);
    }
    if is_b64token(token) { Ok(token) } else { Err(Refusal::Malformed) }
}

/// RFC 6750, section 2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}
