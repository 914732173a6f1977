//! The listener: takes connections, bounds them, and lets them finish.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::unconstrained;

use super::address::Proxies;
use super::connection::Bounds;
use super::connections::Connections;
use super::tls::Tls;
use super::{HttpService, connection};
use crate::config::{self, InvalidConfig};

/// What connections are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    Serve,
    /// Take no more requests, and finish those that run.
    Drain,
    /// End.
    CutOff,
}

/// Accepts connections until `stop` completes, turns `/readyz` red, goes on for `drain_pause`, and then lets what runs
/// finish. With `tls` in the configuration it speaks nothing else.
///
/// # Errors
/// A certificate that cannot be used; then nobody is served.
pub async fn serve(
    listener: TcpListener,
    service: HttpService,
    config: &config::Http,
    stop: impl Future<Output = ()>,
) -> Result<(), InvalidConfig> {
    serve_by(Tls::start(config)?, listener, service, config, stop).await;
    Ok(())
}

/// As [`serve`], with what was made of the certificate.
pub(crate) async fn serve_by(
    tls: Option<Tls>,
    listener: TcpListener,
    service: HttpService,
    config: &config::Http,
    stop: impl Future<Output = ()>,
) {
    let tls = tls.map(Arc::new);
    let connections = Arc::new(Connections::new(config));
    let proxies = Proxies::new(config);
    let bounds = Arc::new(Bounds::new(config));
    // Every connection holds a receiver until it ends.
    let (stage, _) = watch::channel(Stage::Serve);
    let (draining, pause) = (service.clone(), config.drain_pause.unwrap_or_default());
    let mut stop = pin!(async move {
        stop.await;
        draining.drain();
        tokio::time::sleep(pause).await;
    });
    loop {
        let accept = pin!(listener.accept());
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
        let (service, bounds, tls) = (service.clone(), Arc::clone(&bounds), tls.clone());
        let (draining, cut_off) = (stage.subscribe(), stage.subscribe());
        tokio::spawn(async move {
            let served = async {
                let draining = pin!(reached(draining, Stage::Drain));
                let Some(tls) = tls else { return connection::serve(stream, peer, service, &bounds, draining).await };
                // A handshake is no request that could be finished, and how it ends is the client's business.
                if let Either::Left((Ok(stream), draining)) = select(pin!(tls.accept(stream)), draining).await {
                    connection::serve(stream, peer, service, &bounds, draining).await;
                }
            };
            select(pin!(served), pin!(reached(cut_off, Stage::CutOff))).await;
            drop(place);
        });
    }
    tracing::info!(
        target: "mcp_runtime::http",
        within_s = config.drain_timeout.as_secs(),
        "no more connections are taken; what runs is finished"
    );
    service.close_streams();
    drop(listener);
    stage.send_replace(Stage::Drain);
    if tokio::time::timeout(config.drain_timeout, stage.closed()).await.is_err() {
        tracing::warn!(target: "mcp_runtime::http", "some calls did not finish in time and are cut off");
        service.cut_off();
        // They are told so, if they listen.
        let _ = tokio::time::timeout(connection::GOODBYE, stage.closed()).await;
    }
    stage.send_replace(Stage::CutOff);
}

/// Completes at a stage. A connection asks with every request, so while nothing has changed it is no more than a look.
async fn reached(stage: watch::Receiver<Stage>, wanted: Stage) {
    let mut changing = stage.clone();
    // Unconstrained: what is put off because the task has done much already would not be told of the change.
    let mut change = pin!(unconstrained(async move {
        let _ = changing.wait_for(|stage| *stage >= wanted).await;
    }));
    let mut told: Option<Waker> = None;
    poll_fn(|context| {
        let is_told = told.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_told && matches!(stage.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        told = Some(context.waker().clone());
        change.as_mut().poll(context)
    })
    .await;
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
    bind_by("--http", address).await
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", self.hint())]
pub struct BindError {
    address: SocketAddr,
    /// What says the address.
    option: &'static str,
    source: io::Error,
}

impl BindError {
    fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                format!("; stop what listens there, or choose another port with {}", self.option)
            }
            io::ErrorKind::AddrNotAvailable => "; the address is not one of this machine's".to_owned(),
            io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges, choose a higher one".to_owned(),
            _ => String::new(),
        }
    }
}

/// As [`bind`], for an address that something else says.
///
/// # Errors
/// As [`bind`].
pub(crate) async fn bind_by(option: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, option, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_has_done_much_hears_of_the_end_all_the_same() {
        let (stage, receiver) = watch::channel(Stage::Serve);
        let task = tokio::spawn(async move {
            let mut end = pin!(reached(receiver, Stage::CutOff));
            poll_fn(|context| {
                // As a connection does whose requests come faster than they are answered.
                while tokio::task::coop::has_budget_remaining() {
                    let _ = pin!(tokio::task::coop::consume_budget()).poll(context);
                }
                end.as_mut().poll(context)
            })
            .await;
        });
        for next in [Stage::Drain, Stage::CutOff] {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(!task.is_finished());
            stage.send_replace(next);
        }
        tokio::time::timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
    }
}
