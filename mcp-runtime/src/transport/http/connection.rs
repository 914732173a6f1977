//! One connection: HTTP/1.1 or HTTP/2 over whatever carries its bytes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::select;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::HttpService;

/// How long the head of a request may take to arrive.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a connection may say nothing that is a request.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(20);

/// Answers the requests of one connection until it ends. Once `draining` completes, it takes no more of them.
pub(super) async fn serve<Io>(io: Io, peer: SocketAddr, service: HttpService, draining: impl Future<Output = ()>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let spoken = Arc::new(Notify::new());
    let first = Arc::clone(&spoken);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let service = service.clone();
        first.notify_one();
        request.extensions_mut().insert(peer);
        async move { Ok::<_, Infallible>(service.handle(request).await) }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), answer));
    let mut draining = pin!(draining);
    let mut is_draining = false;
    let served = pin!(poll_fn(|context| {
        if !is_draining && draining.as_mut().poll(context).is_ready() {
            is_draining = true;
            connection.as_mut().graceful_shutdown();
        }
        // How a connection ends is the client's business.
        connection.as_mut().poll(context).map(drop)
    }));
    let given_up = pin!(async {
        // hyper's own deadline for a head starts only once it knows the version of the protocol.
        if tokio::time::timeout(FIRST_REQUEST_TIME, spoken.notified()).await.is_ok() {
            poll_fn(|_| Poll::<()>::Pending).await;
        }
    });
    select(served, given_up).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
