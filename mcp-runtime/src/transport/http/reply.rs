//! Answers that the transport gives itself, and headers that the gate's decision adds to those of rmcp.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::challenge::Challenges;
use super::outgoing::Outgoing;
use crate::auth::Refusal;
use crate::error::{Failure, code, whole_seconds};
use crate::limit::{Bucket, Quota};
use crate::transport::envelope::{self, FORBIDDEN, MALFORMED, TOO_MANY_REQUESTS, UNAUTHENTICATED, UNAVAILABLE};
use crate::transport::exchange::Reply;

pub(crate) type Answer = Response<Outgoing>;

/// draft-ietf-httpapi-ratelimit-headers.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

pub(super) fn json(status: StatusCode, body: &Value) -> Answer {
    let mut response = bytes(status, Bytes::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Answer {
    let mut response = bytes(status, Bytes::from_static(body.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn empty(status: StatusCode) -> Answer {
    bytes(status, Bytes::new())
}

fn bytes(status: StatusCode, body: Bytes) -> Answer {
    let mut response = Response::new(Outgoing::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn method_not_allowed() -> Answer {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only POST is served here\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// A JSON-RPC error that is MCP's own, with the status that its code asks for.
pub(super) fn error(id: Option<&Value>, error: &rmcp::ErrorData) -> Answer {
    let status = match error.code {
        rmcp::model::ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    json(status, &envelope::error(id, error.code.0, &error.message, error.data.clone()))
}

/// A session that is not there, or not this caller's: nobody can tell which.
pub(super) fn no_session(id: Option<&Value>) -> Answer {
    let error = envelope::error(id, envelope::INVALID_REQUEST, "there is no such session", None);
    json(StatusCode::NOT_FOUND, &error)
}

/// There is no room; there may be soon.
pub(super) fn overloaded(id: Option<&Value>, message: &str) -> Answer {
    let data = json!({ "code": code::OVERLOADED });
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, &envelope::error(id, UNAVAILABLE, message, Some(data)));
    insert_retry_after(response.headers_mut(), Duration::from_secs(1));
    response
}

/// A request without a caller (RFC 6750, section 3).
pub(super) fn refused(refusal: Refusal, challenges: &Challenges) -> Answer {
    let (status, rpc, challenge) = match refusal {
        Refusal::Missing => (StatusCode::UNAUTHORIZED, UNAUTHENTICATED, challenges.unidentified(None)),
        Refusal::Malformed => (StatusCode::BAD_REQUEST, MALFORMED, challenges.unidentified(Some("invalid_request"))),
        Refusal::Invalid(_) => {
            (StatusCode::UNAUTHORIZED, UNAUTHENTICATED, challenges.unidentified(Some("invalid_token")))
        }
        Refusal::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, None),
        Refusal::TooManyFailures { .. } => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS, None),
    };
    let name = match rpc {
        UNAVAILABLE => code::UNAVAILABLE,
        TOO_MANY_REQUESTS => code::RATE_LIMITED,
        _ => code::UNAUTHENTICATED,
    };
    let data = json!({ "code": name });
    let mut response = json(status, &envelope::error(None, rpc, &refusal.to_string(), Some(data)));
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    if let Refusal::Unavailable { retry_after } | Refusal::TooManyFailures { retry_after } = refusal {
        insert_retry_after(response.headers_mut(), retry_after);
    }
    response
}

/// A limit is reached, as a JSON-RPC error with HTTP 429.
pub(super) fn too_many_requests(id: Option<&Value>, failure: &Failure) -> Answer {
    let error = envelope::error(id, TOO_MANY_REQUESTS, &failure.message, Some(json!(failure)));
    let mut response = json(StatusCode::TOO_MANY_REQUESTS, &error);
    if let Some(retry_after) = failure.retry_after {
        insert_retry_after(response.headers_mut(), retry_after);
    }
    response
}

/// A missing scope that the client can ask for: HTTP 403 and a challenge with all scopes of the operation (RFC 6750,
/// section 3.1).
pub(super) fn step_up(id: Option<&Value>, scopes: &[String], challenges: &Challenges) -> Answer {
    let data = json!({ "code": code::PERMISSION_DENIED, "required_scopes": scopes });
    let error = envelope::error(id, FORBIDDEN, "this call needs scopes that the token does not grant", Some(data));
    let mut response = json(StatusCode::FORBIDDEN, &error);
    if let Some(challenge) = challenges.insufficient_scope(scopes) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What is left of the caller's limits, and when to come back.
pub(super) fn add_limits(headers: &mut HeaderMap, reply: &Reply) {
    if let Some(quota) = &reply.quota {
        let name = match quota.bucket {
            Bucket::Agent => "agent",
            Bucket::Subject => "subject",
            Bucket::AgentTool(_) | Bucket::Tool(_) => "tool",
        };
        let Quota { window, remaining, reset, .. } = quota;
        let (count, seconds) = (u64::from(window.count), window.period.as_secs());
        headers.insert(RATE_LIMIT_POLICY, limit_value(name, "q", count, "w", seconds));
        headers.insert(RATE_LIMIT, limit_value(name, "r", *remaining, "t", whole_seconds(*reset)));
    }
    if let Some(retry_after) = reply.retry_after {
        insert_retry_after(headers, retry_after);
    }
}

/// `"tool";r=9;t=6`. Two of these go with every answer, so they are put together where they need no more than the copy
/// that stays.
fn limit_value(name: &str, first: &str, one: u64, second: &str, other: u64) -> HeaderValue {
    let mut text = [0; 64];
    let mut rest = &mut text[..];
    let (mut one_digits, mut other_digits) = (itoa::Buffer::new(), itoa::Buffer::new());
    for part in ["\"", name, "\";", first, "=", one_digits.format(one), ";", second, "=", other_digits.format(other)] {
        // Names are short, and a number has twenty digits at the most.
        let written = rest.write_all(part.as_bytes());
        debug_assert!(written.is_ok());
    }
    let length = 64 - rest.len();
    text.get(..length).and_then(|text| HeaderValue::from_bytes(text).ok()).unwrap_or(HeaderValue::from_static(""))
}

fn insert_retry_after(headers: &mut HeaderMap, after: Duration) {
    headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
}
