//! The body of a request, within its bounds.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::reply::{self, Answer};
use crate::config;
use crate::transport::envelope;

/// What bodies are held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// In bytes.
    pub(super) size: usize,
    /// To arrive.
    time: Duration,
}

impl Bounds {
    pub(super) fn new(config: &config::Http) -> Self {
        Self { size: usize::try_from(config.body_size).unwrap_or(usize::MAX), time: config.body_timeout }
    }
}

/// Reads a body of JSON.
///
/// # Errors
/// What to answer instead.
pub(super) async fn read<B>(parts: &Parts, body: B, bounds: Bounds) -> Result<Bytes, Answer>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Bounds { size, time } = bounds;
    if !is_json(&parts.headers) {
        return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the Content-Type has to be application/json"));
    }
    let too_large = || refused(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is larger than {size} bytes"));
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > size as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(time, Limited::new(body, size).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "the body could not be read")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

fn refused(status: StatusCode, message: &str) -> Answer {
    reply::json(status, &envelope::error(None, envelope::INVALID_REQUEST, message, None))
}

/// `application/json`, with or without parameters.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    is(headers, "application/json")
}

/// `text/event-stream`, with or without parameters.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    is(headers, "text/event-stream")
}

fn is(headers: &HeaderMap, expected: &str) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media), None) = (types.next(), types.next()) else { return false };
    let essence = media.to_str().ok().and_then(|media| media.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected))
}
