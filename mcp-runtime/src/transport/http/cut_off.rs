//! Answers end when their caller has to be let go.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;

use super::outgoing::Outgoing;

/// A body that ends as soon as a future completes, be there more to come or not.
struct CutOff {
    body: Outgoing,
    /// The lock makes the body `Sync`, as bodies have to be; it is never taken.
    end: Option<Mutex<BoxFuture<'static, ()>>>,
}

/// The body of a stream, until `end`. What ends it also drops the rest, so whatever fed the stream is told.
pub(super) fn until(end: BoxFuture<'static, ()>, body: Outgoing) -> Outgoing {
    BoxBody::new(CutOff { body, end: Some(Mutex::new(end)) }).into()
}

impl Body for CutOff {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let Some(end) = &mut this.end else { return Poll::Ready(None) };
        let end = end.get_mut().unwrap_or_else(PoisonError::into_inner);
        if end.as_mut().poll(context).is_ready() {
            this.end = None;
            this.body = Bytes::new().into();
            return Poll::Ready(None);
        }
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // How long it gets is not known: it may be cut off.
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    struct Source(mpsc::Receiver<Result<Frame<Bytes>, Infallible>>);

    impl futures_util::Stream for Source {
        type Item = Result<Frame<Bytes>, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.poll_recv(context)
        }
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_caller_and_tells_its_source() {
        let (frames, source) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
        let (let_go, end) = oneshot::channel::<()>();
        let body = BodyExt::boxed(StreamBody::new(Source(source)));
        let mut body = until(Box::pin(async { drop(end.await) }), body.into());
        frames.send(Ok(Frame::data(Bytes::from_static(b"one")))).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
        let next = tokio::spawn(async move { body.frame().await.is_none() });
        tokio::task::yield_now().await;
        let_go.send(()).unwrap();
        assert!(next.await.unwrap(), "nothing came, and the stream ends all the same");
        frames.closed().await;
    }
}
