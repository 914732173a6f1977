//! The body of an answer, and what it holds until it is sent.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;

use super::places::Taken;

/// The body of an answer. Nearly every one is whole, and then there is nothing around its bytes.
pub(crate) struct Outgoing {
    content: Content,
    /// Given back at the end.
    place: Option<Taken>,
}

enum Content {
    Whole(Bytes),
    Stream(BoxBody<Bytes, Infallible>),
}

impl Outgoing {
    /// The same body, which gives back the place of its request at its end.
    pub(super) fn until_sent(self, place: Taken) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Whether everything is there that will ever come.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }

    /// As others take it.
    pub(super) fn into_boxed(self) -> BoxBody<Bytes, Infallible> {
        match self {
            Self { content: Content::Stream(body), place: None } => body,
            whole => whole.boxed(),
        }
    }
}

/// What stands in it is its caller's.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("whole", &self.is_whole()).field("place", &self.place).finish_non_exhaustive()
    }
}

impl From<Bytes> for Outgoing {
    fn from(whole: Bytes) -> Self {
        Self { content: Content::Whole(whole), place: None }
    }
}

impl From<BoxBody<Bytes, Infallible>> for Outgoing {
    fn from(body: BoxBody<Bytes, Infallible>) -> Self {
        Self { content: Content::Stream(body), place: None }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_whole_body_is_one_frame() {
        let mut body = Outgoing::from(Bytes::from_static(b"whole"));
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "whole");
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        assert!(body.frame().await.is_none());
        assert!(Outgoing::from(Bytes::new()).is_end_stream());
    }
}
