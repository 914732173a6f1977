//! Answers are handed over piece by piece, so that one sees whether the client takes them.
//!
//! Over HTTP/1.1 a client that takes nothing blocks the connection's own bytes ([`super::watched`]). Over HTTP/2 it may
//! read, and yet give a stream no window; what is sent then waits inside of the protocol's implementation, which has no
//! bound in time. So each stream is its own task, which ends, and resets the stream, when the client takes nothing for too
//! long. The other streams of the connection may be other people's, behind a proxy, and go on.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::activity::InFlight;
use super::outgoing::Outgoing;

/// The largest piece: the smallest frame that HTTP/2 lets one insist on.
const PIECE: usize = 16 * 1024;

/// The last piece at the most. The stream is over for us once it is handed over, and it may then wait for the client for
/// as long as the connection stays, so it is small.
const LAST: usize = 1024;

tokio::task_local! {
    /// Of the task of a stream: what its client does.
    static CLIENT: Cell<Client>;
}

/// What the client of a stream does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Client {
    /// It waits for us.
    #[default]
    Waits,
    /// It was given so many pieces, and has to take the last before there is another.
    Given(u32),
}

/// The body of an answer in pieces.
#[derive(Debug)]
pub(super) struct Pieces {
    body: Outgoing,
    rest: Bytes,
    count: u32,
    /// The request is in flight for as long as its answer is.
    in_flight: InFlight,
}

impl Pieces {
    pub(super) fn new(body: Outgoing, in_flight: InFlight) -> Self {
        Self { body, rest: Bytes::new(), count: 0, in_flight }
    }

    /// There is nobody to tell over HTTP/1.1.
    fn tell(&self, client: Client) {
        if self.in_flight.is_http2() {
            let _ = CLIENT.try_with(|cell| cell.set(client));
        }
    }

    fn next(&mut self) -> Frame<Bytes> {
        let length = match self.rest.len() {
            // Over HTTP/1.1 the connection itself waits for the last byte.
            length if length <= LAST || !self.in_flight.is_http2() => PIECE.min(length),
            length => PIECE.min(length - LAST),
        };
        self.count = self.count.wrapping_add(1);
        self.tell(Client::Given(self.count));
        Frame::data(self.rest.split_to(length))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            self.tell(Client::Waits);
            let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        Poll::Ready(Some(Ok(self.next())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// Runs the streams of connections of HTTP/2: each as a task, for as long as its client takes what is there for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    time: Duration,
}

impl Streams {
    pub(super) fn new(time: Duration) -> Self {
        Self { time }
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(CLIENT.scope(Cell::default(), while_taken(stream, self.time)));
    }
}

/// Runs a stream until it is over, or its client has taken nothing of its answer for `time`.
async fn while_taken(stream: impl Future<Output = ()>, time: Duration) {
    let mut stream = pin!(stream);
    let mut timer: Option<(Client, Pin<Box<Sleep>>)> = None;
    poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let client = CLIENT.with(Cell::get);
        if client == Client::Waits {
            timer = None;
            return Poll::Pending;
        }
        let (given, timer) = timer.get_or_insert_with(|| (client, Box::pin(tokio::time::sleep(time))));
        if *given != client {
            *given = client;
            timer.as_mut().reset(Instant::now() + time);
        }
        timer.as_mut().poll(context)
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Version;
    use http_body_util::BodyExt;

    use super::*;
    use crate::transport::http::activity::Activity;

    fn pieces(version: Version, length: usize) -> (Pieces, Arc<Activity>) {
        let activity = Arc::new(Activity::new());
        let body = Bytes::from(vec![b'x'; length]).into();
        (Pieces::new(body, activity.begin(version)), activity)
    }

    #[tokio::test]
    async fn an_answer_in_pieces_is_whole() {
        for (version, length, expected) in [
            (Version::HTTP_2, 0, vec![]),
            (Version::HTTP_2, 1024, vec![1024]),
            (Version::HTTP_2, 1025, vec![1, 1024]),
            (Version::HTTP_2, 40_000, vec![PIECE, PIECE, 40_000 - 2 * PIECE - LAST, LAST]),
            (Version::HTTP_11, 5000, vec![5000]),
            (Version::HTTP_11, 40_000, vec![PIECE, PIECE, 40_000 - 2 * PIECE]),
        ] {
            let (mut body, activity) = pieces(version, length);
            let mut lengths = Vec::new();
            while let Some(frame) = body.frame().await {
                lengths.push(frame.unwrap().into_data().unwrap().len());
                let left = length - lengths.iter().sum::<usize>();
                assert_eq!(body.size_hint().exact(), Some(left as u64));
                assert_eq!(body.is_end_stream(), left == 0);
            }
            lengths.retain(|length| *length > 0);
            assert_eq!(lengths, expected);
            assert!(activity.is_busy());
            drop(body);
            assert!(!activity.is_busy());
        }
    }

    /// How long a stream lasts whose client takes a piece every so often, and nothing after so many.
    async fn lasts(taken: u32, every: Duration) -> Duration {
        let began = Instant::now();
        let stream = async move {
            let (mut body, _) = pieces(Version::HTTP_2, 100_000);
            tokio::time::sleep(Duration::from_secs(1000)).await;
            for _ in 0..taken {
                body.frame().await.unwrap().unwrap();
                tokio::time::sleep(every).await;
            }
            std::future::pending::<()>().await;
        };
        CLIENT.scope(Cell::default(), while_taken(stream, Duration::from_secs(30))).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_lasts_while_its_client_takes_something() {
        // However long the answer took.
        assert_eq!(lasts(1, Duration::ZERO).await.as_secs(), 1030);
        assert_eq!(lasts(3, Duration::from_secs(29)).await.as_secs(), 1000 + 2 * 29 + 30);
    }
}
