//! The body of a request, within its bounds.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::reply::{self, Answer};
use crate::config;
use crate::deadline::within;
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
    match within(time, whole(Limited::new(body, size))).await {
        Some(Ok(body)) => Ok(body),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Some(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "the body could not be read")),
        None => Err(refused(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

/// The body in one piece. Pieces are as small as the client makes them, and each holds on to what it was read from, so they
/// are copied as they come; a body that comes at once is not.
async fn whole<B: Body>(body: B) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame?.into_data() else { continue };
        if first.is_empty() && all.is_empty() {
            first = data.copy_to_bytes(data.remaining());
            // Where a length was announced, and all of it is here, the end need not be asked for.
            if body.is_end_stream() {
                break;
            }
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        while data.has_remaining() {
            let piece = data.chunk();
            all.extend_from_slice(piece);
            let length = piece.len();
            data.advance(length);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
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
    if media == expected {
        return true;
    }
    let essence = media.to_str().ok().and_then(|media| media.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// What a piece was read from.
    struct Read(Vec<u8>, Arc<AtomicUsize>);

    impl AsRef<[u8]> for Read {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Read {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_body_in_many_pieces_keeps_none_of_them() {
        let alive = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&alive);
        let pieces = (0..1000_u16).map(move |index| {
            let alive = counted.fetch_add(1, Ordering::Relaxed);
            assert!(alive <= 2, "{alive} pieces wait");
            let piece =
                Bytes::from_owner(Read(vec![b'a' + u8::try_from(index % 26).unwrap(); 8192], Arc::clone(&counted)));
            Ok::<_, Infallible>(Frame::data(piece.slice(..usize::from(index % 3))))
        });
        let body = whole(StreamBody::new(stream::iter(pieces))).await.unwrap();
        assert_eq!((body.len(), &body[..6]), (999, &b"bcceff"[..]));
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let piece = Bytes::from(vec![b'x'; 100]);
        let body = whole(http_body_util::Full::new(piece.clone())).await.unwrap();
        assert_eq!((body.as_ptr(), body.len()), (piece.as_ptr(), 100));
        assert!(whole(http_body_util::Empty::<Bytes>::new()).await.unwrap().is_empty());
    }
}
