//! The listener: takes connections, bounds them, and lets them finish.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::HttpService;
use super::address::Proxies;
use super::connections::Connections;
use crate::config;

/// How long the head of a request may take to arrive.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a connection may say nothing that is a request.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(20);

/// How long calls that run may take to finish once the server stops.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Accepts connections until `stop` completes, turns `/readyz` red, goes on for `drain_pause`, and then lets what runs
/// finish.
pub async fn serve(listener: TcpListener, service: HttpService, config: &config::Http, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Connections::new(config));
    let proxies = Proxies::new(config);
    let graceful = GracefulShutdown::new();
    let cut_off = CancellationToken::new();
    let (draining, pause) = (service.clone(), config.drain_pause.unwrap_or_default());
    let mut stop = std::pin::pin!(async move {
        stop.await;
        draining.drain();
        tokio::time::sleep(pause).await;
    });
    loop {
        let accept = std::pin::pin!(listener.accept());
        let accepted = match select(accept, &mut stop).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        // Above the bounds, the connection is closed without a word: words cost what the bound protects.
        let Some(place) = connections.take(peer.ip(), proxies.trust(peer.ip().to_canonical())) else { continue };
        // Answers are small and whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let spoken = Arc::new(Notify::new());
        let first = Arc::clone(&spoken);
        let answer = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let service = service.clone();
            first.notify_one();
            request.extensions_mut().insert(peer);
            async move { Ok::<_, std::convert::Infallible>(service.handle(request).await) }
        });
        let connection = builder().serve_connection(TokioIo::new(stream), answer).into_owned();
        let watched = graceful.watch(connection);
        let cut_off = cut_off.clone();
        tokio::spawn(async move {
            let given_up = std::pin::pin!(async {
                // hyper's own deadline for a head starts only once it knows the version of the protocol.
                if tokio::time::timeout(FIRST_REQUEST_TIME, spoken.notified()).await.is_ok() {
                    cut_off.cancelled().await;
                }
            });
            // How a connection ends is the client's business.
            let _ = select(std::pin::pin!(watched), given_up).await;
            drop(place);
        });
    }
    service.close_streams();
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!(target: "mcp_runtime::http", "some calls did not finish in time and are cut off");
    }
    cut_off.cancel();
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

/// A connection that broke before it was accepted is nothing; a lack of descriptors passes, and asking at once would
/// only burn the processor.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(target: "mcp_runtime::http", %error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Binds the address.
///
/// # Errors
/// In words that say what to do: a port in use, an address that is not this machine's.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(source))]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port with --http",
        io::ErrorKind::AddrNotAvailable => "; the address is not one of this machine's",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges, choose a higher one",
        _ => "",
    }
}
