//! Authentication: from the parts of a request to a verified [`Caller`], or a [`Refusal`].
//!
//! [`Credentials`] verifies what a server accepts: the API keys of a [`CredentialStore`], and OAuth access tokens of the
//! configured issuers (the feature `jwt`). A credential of another kind plugs in as an [`Authenticate`] of its own, with an
//! example there. Identity comes from a verified credential alone: never from an argument, a session id or what a client
//! says of itself.
//!
//! # Access tokens
//!
//! ```toml
//! [auth]
//! resource = "https://mcp.example.com/mcp"   # under which clients reach this server; never taken from a request
//! baseline_scope = "revenue.read"            # what a first login asks for
//! failed = "30/min"                          # failed authentications of one address
//!
//! [[auth.issuers]]
//! issuer = "https://login.example.com"       # keys by discovery, or jwks_uri = "…"
//! audience = "https://mcp.example.com/mcp"   # the resource, unless set
//! algorithms = ["ES256", "RS256"]            # all asymmetric ones, unless set
//! hierarchy = { "record.admin" = ["record.delete", "record.*"] }
//!
//! [[auth.issuers]]
//! issuer = "https://opaque.example.com"
//! introspection = { endpoint = "https://opaque.example.com/introspect", client_id = "mcp", client_secret_file = "secret" }
//! ```
//!
//! [`config::Issuer`](crate::config::Issuer) has every key. A server with issuers is a protected resource: its metadata
//! (RFC 9728) stands at `/.well-known/oauth-protected-resource` and below it with the resource's path (a proxy has to pass
//! both on), a 401 says where it is, and a call without its scopes is answered 403 with all scopes of the operation.
//!
//! A token is an access token by its header (RFC 9068; `plain_jwt` accepts what does not say so), of a configured issuer,
//! for this resource, within its times, signed with an algorithm that its key is made for. Headers that bring keys along or
//! are critical, claims that stand twice, tokens bound to a key (`cnf`) and tokens that name no agent are refused. The agent
//! is the outermost actor (`act.sub`), else `client_id`, else `azp`, typed with the issuer; the subject is `sub`. Scopes of
//! another shape than text or a list of texts grant nothing.
//!
//! Keys are fetched when they have aged and when a token names an unknown one, once per `cool_down` at the most. While that
//! fails, the last good ones are used for `max_stale`; after that, and while an introspection endpoint gives no answer,
//! credentials cannot be verified: HTTP 503, neither a pass nor a 401. Over plain `http` only issuers of this machine are
//! asked, and only with `serve --dev`.
//!
//! # Revocation
//!
//! | command | cuts off |
//! | --- | --- |
//! | `revoke key ID` | one API key |
//! | `revoke agent NAME` | the keys of an agent; `client:ISSUER:NAME` and `act:ISSUER:NAME`, as records show them: its tokens, those that its authorization server issues later too |
//! | `revoke subject NAME` | keys and tokens on behalf of somebody, in the same way |
//! | `revoke agent NAME --issued-before-now` | what was issued until now, by the token's `iat`; what comes later works, also after `revoke agent` |
//! | `revoke token JTI` | one token, by its `jti` or what records show as the credential |
//!
//! It holds on the next call in the process that revokes, and within 200 ms and the time of a read on every other that
//! shares the store. Calls that run are cancelled and streams are closed. `revoke --list` and the audit say who did it.
//! What an authorization server revokes on its side is seen when introspection's `cache` ends; a signed token lives on
//! until its own end.
//!
//! # Failed authentications
//!
//! Over `[auth] failed`, an address is answered 429 before an authorization server is asked anything for it, and only two
//! look-ups at a time are made for all such addresses together. Who was let in before is not counted and notices nothing.
//!
//! # A policy of one's own
//!
//! Scopes say what a credential may do at all. What depends on data is a `guard` on the tool, over its arguments:
//!
//! ```
//! use mcp_runtime::{Caller, Denied, Json, server};
//!
//! struct Orders;
//!
//! /// Somebody's orders are theirs, and those of an agent that acts for them. Ask a policy engine here, or a database.
//! async fn own_customer(caller: &Caller, customer: &String) -> Result<(), Denied> {
//!     let is_own = caller.subject() == Some(customer.as_str());
//!     if is_own { Ok(()) } else { Err(Denied::because("these are somebody else's orders")) }
//! }
//!
//! #[server(name = "orders", rate = "300/min")]
//! impl Orders {
//!     /// How many orders a customer has open.
//!     #[tool(scope = "orders.read", rate = "30/min", guard = own_customer)]
//!     async fn count_orders(&self, customer: String) -> Json<u32> {
//!         Json(u32::from(!customer.is_empty()))
//!     }
//! }
//! ```
//!
//! It runs after every other check. An error, a panic or a hang in it is a denial, and is recorded as one.

mod api_key;
mod api_keys;
mod credentials;
#[cfg(feature = "jwt")]
mod oauth;
mod revocations;
mod store;
mod tally;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;

pub use futures_util::future::BoxFuture;

pub use self::api_key::{ApiKey, InvalidKey, KEY_PATTERN, KeyHash};
pub use self::api_keys::{ApiKeys, CachePolicy};
pub use self::credentials::{Credentials, StartError};
pub use self::revocations::Revocations;
#[cfg(feature = "sqlite")]
pub use self::store::SqliteStore;
pub use self::store::{
    CredentialStore, IssuedKey, KeyRecord, KeyState, MemoryStore, NewKey, Revocation, Revoked, StoreError, Target,
};
pub use self::tally::CacheCounts;
use crate::caller::Caller;

/// The longest `Authorization` header that is looked at, in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

/// Verifies the credential of a request.
///
/// It is asked on every request, so a verdict that costs a signature check or a round trip belongs in a bounded cache
/// that forgets it as soon as the credential is revoked. It sees the parts of the request before the body is read.
/// Over standard input and output the parts are made up, with the key of `MCP_API_KEY` as their `Authorization`.
///
/// [`effort`](Self::effort) and [`ended`](Self::ended) have defaults that are safe. [`Revocations`] makes `revoke agent` and
/// `revoke subject` hold for credentials that no store of ours keeps.
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

    /// What it would cost to verify the request's credential, told from memory. An address with too many failed
    /// authentications (`[auth] failed`) is answered 429 in place of work that costs; a credential that was good before
    /// is [`Effort::None`], so that its caller notices nothing of others behind the same address.
    fn effort(&self, request: &Parts) -> Effort {
        let _ = request;
        Effort::Local
    }

    /// Completes once a caller that was let in has to be let go: its credential was revoked or has ended. A call that
    /// still runs is cancelled then, and a stream that is open is closed. Never, unless implemented;
    /// [`Revocations::ended`] does it for every kind of caller.
    fn ended<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, ()> {
        let _ = caller;
        Box::pin(std::future::pending())
    }

    /// How often a verdict came from memory, for metrics; `None` where nothing is kept.
    fn cache_counts(&self) -> Option<CacheCounts> {
        None
    }
}

/// What it costs to verify a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effort {
    /// Nothing: the answer is in memory, or can be given without one.
    None,
    /// A look-up or a computation on this machine, well below a millisecond. Addresses with too many failures share the
    /// little of it that is kept for them.
    Local,
    /// A request to another machine. Nothing of it is done for an address with too many failures.
    Remote,
}

impl<T: Authenticate + ?Sized> Authenticate for Arc<T> {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        (**self).authenticate(request)
    }

    fn effort(&self, request: &Parts) -> Effort {
        (**self).effort(request)
    }

    fn ended<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, ()> {
        (**self).ended(caller)
    }

    fn cache_counts(&self) -> Option<CacheCounts> {
        (**self).cache_counts()
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
    use crate::deadline::within;
    use futures_util::FutureExt;
    use std::panic::AssertUnwindSafe;

    let asked = AssertUnwindSafe(async { authenticate.authenticate(request).await }).catch_unwind();
    let broken = match within(VERIFY_TIME, asked).await {
        Some(Ok(answer)) => return answer,
        Some(Err(panic)) => format!("it panicked: {}", crate::gate::panic_text(panic)),
        None => "it did not answer in time".to_owned(),
    };
    tracing::error!(target: "mcp_runtime::auth", cause = broken.escape_debug().to_string(), "authentication broke");
    Err(Refusal::Unavailable { retry_after: Duration::from_secs(1) })
}

/// Completes once a caller has to be let go, whatever the implementation does: one that panics lets go.
///
/// A transport waits for it beside whatever it awaits on behalf of the caller: a call that runs, the next piece of a
/// stream.
#[cfg(feature = "http")]
pub(crate) fn ended(authenticate: &Arc<dyn Authenticate>, caller: &Arc<Caller>) -> BoxFuture<'static, ()> {
    use futures_util::FutureExt;
    use std::panic::AssertUnwindSafe;

    let (authenticate, caller) = (Arc::clone(authenticate), Arc::clone(caller));
    // Nothing is done before the first poll: most calls have ended by then.
    Box::pin(async move {
        let asked = AssertUnwindSafe(async { authenticate.ended(&caller).await }).catch_unwind();
        if let Err(panic) = asked.await {
            let cause = crate::gate::panic_text(panic).escape_debug().to_string();
            tracing::error!(target: "mcp_runtime::auth", cause, "authentication broke, and its caller is let go");
        }
    })
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
    /// Too many authentications from this address failed (`[auth] failed`), and this one was not even looked at: HTTP 429
    /// with `Retry-After`.
    #[error("too many failed authentications from this address")]
    TooManyFailures {
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
    /// It is a token, and breaks this rule.
    Token(&'static str),
}

impl fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Checksum => "checksum",
            Self::Unreadable => "unreadable",
            Self::Token(rule) => rule,
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
    let in_body =
        |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    let body = token.trim_end_matches('=');
    // Good ones are looked at to their end anyway, and without a way out many bytes are looked at at a time.
    !body.is_empty() && body.bytes().fold(true, |all, b| all & in_body(b))
}
