//! The bytes of a connection: what comes is noted, and what is sent has to be taken in time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::activity::Activity;

/// A stream of bytes whose other side has to take something of what is there for it within a time.
#[derive(Debug)]
pub(super) struct Watched<Io> {
    io: Io,
    activity: Arc<Activity>,
    time: Duration,
    /// What waits, and until when it may. There is a timer only while something does.
    waiting: Option<(Waiting, Pin<Box<Sleep>>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Write,
    /// Also the end of the stream.
    Flush,
}

impl<Io> Watched<Io> {
    pub(super) fn new(io: Io, activity: Arc<Activity>, time: Duration) -> Self {
        Self { io, activity, time, waiting: None }
    }

    /// The same, unless it waits for too long.
    fn in_time<T>(
        &mut self,
        kind: Waiting,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            // A stream without a buffer is flushed at any time: that is no progress of a write.
            if self.waiting.as_ref().is_some_and(|(waiting, _)| kind == Waiting::Write || *waiting == kind) {
                self.waiting = None;
                self.activity.blocked(false);
            }
            return polled;
        }
        let (_, timer) = self.waiting.get_or_insert_with(|| {
            self.activity.blocked(true);
            (kind, Box::pin(tokio::time::sleep(self.time)))
        });
        timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        polled
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        self.in_time(Waiting::Write, context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, bytes);
        self.in_time(Waiting::Write, context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(context);
        self.in_time(Waiting::Flush, context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(context);
        self.in_time(Waiting::Flush, context, polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const TIME: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_is_slow_is_not() {
        let (io, mut other) = duplex(4);
        let mut io = Watched::new(io, Arc::new(Activity::new()), TIME);
        let slow = tokio::spawn(async move {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_secs(29)).await;
                other.read_exact(&mut [0; 1]).await.unwrap();
            }
            other
        });
        io.write_all(b"twelve bytes").await.unwrap();
        let _other = slow.await.unwrap();
        tokio::time::sleep(TIME * 2).await;
        let began = tokio::time::Instant::now();
        assert_eq!(io.write_all(b"more").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), TIME.as_secs(), "the time counts while something waits");
    }
}
