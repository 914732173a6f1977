//! Answers that hold something until they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;

struct Held<T> {
    body: BoxBody<Bytes, Infallible>,
    _held: T,
}

/// The same body, which gives back what it holds at its end.
pub(super) fn until_sent(
    body: BoxBody<Bytes, Infallible>,
    held: impl Send + Sync + Unpin + 'static,
) -> BoxBody<Bytes, Infallible> {
    BoxBody::new(Held { body, _held: held })
}

impl<T: Unpin> Body for Held<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
