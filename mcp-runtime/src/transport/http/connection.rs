//! One connection: HTTP/1.1 or HTTP/2 over whatever carries its bytes, within its bounds.
//!
//! hyper's own deadline for a head runs while a connection is merely idle, too, so what a connection may do and for how
//! long is decided here, by what it is doing ([`super::activity`]). There is one timer, which is touched only when it has
//! run out or has to run out sooner: a connection whose requests come whole never sets it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use super::HttpService;
use super::activity::{Activity, Phase};
use super::taken::{Pieces, Streams};
use super::watched::Watched;
use crate::config;

/// How long a client has to hear that a connection is at its end, and to finish what it was saying.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);

/// What every connection is held to.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    builder: Builder<Streams>,
    head: Duration,
    idle: Duration,
    write: Duration,
    resets: u32,
}

impl Bounds {
    pub(super) fn new(config: &config::Http) -> Self {
        Self {
            builder: builder(config),
            head: config.head_timeout,
            idle: config.idle_timeout,
            write: config.write_timeout,
            resets: config.http2_resets,
        }
    }
}

/// Answers the requests of one connection until it ends. Once `draining` completes, it takes no more of them.
pub(super) async fn serve<Io>(
    io: Io,
    peer: SocketAddr,
    service: HttpService,
    bounds: &Bounds,
    draining: impl Future<Output = ()>,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let requests = Arc::clone(&activity);
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut in_flight = requests.begin(request.version());
        let service = service.clone();
        async move {
            let answer = service.handle_from(peer, request).await;
            in_flight.answered();
            Ok::<_, Infallible>(answer.map(|body| Pieces::new(body, in_flight)))
        }
    });
    let io = TokioIo::new(Watched::new(io, Arc::clone(&activity), bounds.write));
    let mut connection = pin!(bounds.builder.serve_connection(io, answer));
    let mut draining = pin!(draining);
    let mut timer = pin!(sleep_until(activity.opened() + bounds.head));
    let mut state = State { bounds, activity: &activity, seen: 0, half_head: None, goodbye: None };
    let mut is_draining = false;
    poll_fn(|context| {
        if !is_draining && draining.as_mut().poll(context).is_ready() {
            is_draining = true;
            state.goodbye.get_or_insert_with(Instant::now);
            connection.as_mut().graceful_shutdown();
        }
        loop {
            // How a connection ends is the client's business.
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if state.is_abusive() {
                state.goodbye = Some(Instant::now());
                connection.as_mut().graceful_shutdown();
                continue;
            }
            let Some((deadline, verdict)) = state.deadline() else {
                // Streams of HTTP/2 end in tasks of their own, and nobody wakes this one when the last of them is over.
                while timer.as_mut().poll(context).is_ready() {
                    timer.as_mut().reset(Instant::now() + bounds.idle);
                }
                return Poll::Pending;
            };
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            while timer.as_mut().poll(context).is_ready() && timer.deadline() < deadline {
                timer.as_mut().reset(deadline);
            }
            if !timer.is_elapsed() {
                return Poll::Pending;
            }
            match verdict {
                Verdict::End => return Poll::Ready(()),
                Verdict::SayGoodbye => {
                    state.goodbye = Some(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    })
    .await;
}

/// Where a connection stands.
struct State<'a> {
    bounds: &'a Bounds,
    activity: &'a Activity,
    /// How many requests were over the last time.
    seen: u32,
    /// When the first byte of a head came that is not whole yet.
    half_head: Option<Instant>,
    /// When the client was told that the connection is at its end.
    goodbye: Option<Instant>,
}

/// What becomes of a connection at its deadline.
enum Verdict {
    End,
    /// Over HTTP/2, a client is told first, so that it does not lose a request that crosses ours.
    SayGoodbye,
}

impl State<'_> {
    /// Whether the client gives up too many requests (CVE-2023-44487 at a slower pace), and has not been told so.
    fn is_abusive(&self) -> bool {
        self.goodbye.is_none() && self.activity.given_up() > self.bounds.resets
    }

    /// Until when something has to happen; `None` while it is our turn.
    fn deadline(&mut self) -> Option<(Instant, Verdict)> {
        let phase = self.activity.phase(&mut self.seen);
        if phase != Phase::Head {
            self.half_head = None;
        }
        let bounds = self.bounds;
        if let Some(told) = self.goodbye {
            // Who is abusive had its chance; others may finish what was on its way.
            if self.activity.given_up() > bounds.resets {
                return Some((told + GOODBYE, Verdict::End));
            }
            let since = told.max(self.activity.quiet_since());
            return (phase != Phase::Busy).then_some((since + GOODBYE, Verdict::End));
        }
        match phase {
            Phase::First => Some((self.activity.opened() + bounds.head, Verdict::End)),
            Phase::Head => Some((*self.half_head.get_or_insert_with(Instant::now) + bounds.head, Verdict::End)),
            Phase::Busy => None,
            Phase::Idle(since) => Some((since + bounds.idle, Verdict::SayGoodbye)),
        }
    }
}

fn builder(config: &config::Http) -> Builder<Streams> {
    let mut builder = Builder::new(Streams::new(config.write_timeout));
    let head_size = usize::try_from(config.head_size).unwrap_or(usize::MAX);
    let resets = config.http2_resets as usize;
    builder
        .http1()
        .timer(TokioTimer::new())
        // Ours, since this one counts while a connection is idle.
        .header_read_timeout(None)
        // A head has to fit into what is read ahead; no more is written ahead either.
        .max_buf_size(head_size);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.http2_streams)
        .max_header_list_size(u32::try_from(config.head_size).unwrap_or(u32::MAX))
        // Streams that were reset before we looked at them, and those that we had to reset.
        .max_pending_accept_reset_streams(resets)
        .max_local_error_reset_streams(resets)
        // The smallest that one can ask for: a frame is buffered until it is whole.
        .max_frame_size(16 * 1024)
        // What a client may send before we read it: a body of 4 MiB takes 16 round trips, and a connection holds no more
        // than the second figure, however many streams it has.
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        // What a stream holds that the client gave a window for, and does not read.
        .max_send_buf_size(64 * 1024)
        // A client that is gone without a word: its calls and streams end.
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
