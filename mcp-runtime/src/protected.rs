//! A server behind its gate, ready for a transport.

use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "http", feature = "stdio"))]
use crate::auth::Authenticate;
use crate::config::Config;
use crate::gate::{Gate, StartError};
use crate::input::StateKey;
use crate::spec::Server;
use crate::telemetry::{SinkCount, Sinks, Telemetry};
use crate::transport::forward::{Forward, Forwarded, Nothing};

/// A server behind its gate.
///
/// `run` makes one for the command line. A program of its own makes one to mount the HTTP service into an application:
///
/// ```no_run
/// # use std::sync::Arc;
/// # use mcp_runtime::{auth::Authenticate, config::Config, Protected, spec::Server};
/// # fn mount(server: impl Server, authenticate: Arc<dyn Authenticate>) -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::parse("[agents]\nrate = \"600/min\"")?;
/// let service = Protected::new(server, config)?.http(authenticate);
/// # let _ = service; Ok(())
/// # }
/// ```
pub struct Protected {
    gate: Arc<Gate>,
    forward: Arc<dyn Forward>,
    states: Arc<StateKey>,
    config: Config,
}

impl Protected {
    /// Puts a server behind its gate. The digests of personal values in its records compare as long as this process
    /// runs; with [`Protected::with_digest_key`] for longer.
    ///
    /// # Errors
    /// A configuration that does not fit the server, a tool that cannot be served, an audit file that cannot be written.
    pub fn new<S: Server>(server: S, config: Config) -> Result<Self, StartError> {
        Self::with_telemetry(server, config, Telemetry::new())
    }

    /// As [`Protected::new`], with the key of the digests in records. The state that clients carry from one round of a
    /// tool's questions to the next is sealed with it as well, so that it outlives the process and holds on every replica.
    ///
    /// # Errors
    /// As [`Protected::new`].
    pub fn with_digest_key<S: Server>(server: S, config: Config, key: [u8; 32]) -> Result<Self, StartError> {
        Self::with_telemetry(server, config, Telemetry::new().digest_key(key))
    }

    /// As [`Protected::new`], with observers and sinks of one's own.
    ///
    /// # Errors
    /// As [`Protected::new`], and a sink that gets no thread.
    pub fn with_telemetry<S: Server>(server: S, config: Config, telemetry: Telemetry) -> Result<Self, StartError> {
        config.check()?;
        let key = telemetry.key().ok_or(StartError::NoRandomness)?;
        let sinks = Sinks::start(&config, &S::SPEC, telemetry, &key)?;
        let server = Arc::new(server);
        let forward: Arc<dyn Forward> = match S::HANDLER {
            Some(handler) => (handler.0)(Arc::clone(&server)),
            None => Arc::new(Forwarded(Arc::new(Nothing))),
        };
        let states = Arc::new(StateKey::derive(&key).ok_or(StartError::NoRandomness)?);
        let gate = Arc::new(Gate::build(server, &config, sinks)?);
        Ok(Self { gate, forward, states, config })
    }

    /// The gate, for calls without a transport.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The server as an HTTP service. Path, Host and Origin of the configuration hold inside of it, and so do `/healthz`
    /// and `/readyz`. The client's address is read from a `std::net::SocketAddr` in the request's extensions.
    #[cfg(feature = "http")]
    pub fn http(&self, authenticate: Arc<dyn Authenticate>) -> crate::transport::http::HttpService {
        crate::transport::http::HttpService::new(
            Arc::clone(&self.gate),
            Arc::clone(&self.forward),
            authenticate,
            Arc::clone(&self.states),
            &self.config,
        )
    }

    /// The page with the server's metrics, for a listener on `[admin] address`: `serve` serves it by itself. `None` without
    /// `[admin]`.
    ///
    /// # Errors
    /// A token file that cannot be read, or holds no token.
    #[cfg(feature = "prometheus")]
    pub fn admin(
        &self,
        authenticate: Arc<dyn Authenticate>,
    ) -> Result<Option<crate::telemetry::AdminPage>, crate::config::InvalidConfig> {
        let (Some(config), Some(metrics)) = (&self.config.admin, &self.gate.sinks().metrics) else { return Ok(None) };
        let (gate, metrics) = (Arc::clone(&self.gate), Arc::clone(metrics));
        crate::telemetry::AdminPage::new(gate, metrics, authenticate, config).map(Some)
    }

    /// Serves one client over a pair of streams, until it closes its end: what `serve --stdio` does with standard input
    /// and output. Calls that run then may finish, for as long as `[http] drain_timeout` says, and their answers are written.
    /// `credential` is the key (`mcpk_…`) as the process got it.
    ///
    /// # Errors
    /// A key that is not good, or a stream that breaks.
    #[cfg(feature = "stdio")]
    pub async fn stdio<R, W>(
        &self,
        reader: R,
        writer: W,
        authenticate: Arc<dyn Authenticate>,
        credential: &str,
    ) -> Result<(), StdioError>
    where
        R: tokio::io::AsyncRead + Send + Unpin + 'static,
        W: tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        self.stdio_until(reader, writer, authenticate, credential, std::future::pending()).await
    }

    /// As [`Protected::stdio`], until `stop` completes: then no more messages are read, and what runs may finish. Where the
    /// client has closed its end before, `stop` cuts off what still runs.
    ///
    /// # Errors
    /// As [`Protected::stdio`].
    #[cfg(feature = "stdio")]
    pub async fn stdio_until<R, W>(
        &self,
        reader: R,
        writer: W,
        authenticate: Arc<dyn Authenticate>,
        credential: &str,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StdioError>
    where
        R: tokio::io::AsyncRead + Send + Unpin + 'static,
        W: tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        use futures_util::future::{Either, select};

        use crate::record::Via;
        use crate::telemetry::{SessionEnd, SessionMark};
        use crate::transport::adapter::Adapter;
        use crate::transport::stdio::{Lines, Signals};

        let credential = bearer_parts(credential).ok_or(StdioError::Refused(crate::auth::Refusal::Malformed))?;
        crate::auth::verify(&*authenticate, &credential).await.map_err(StdioError::Refused)?;
        let states = Arc::clone(&self.states);
        let signals = Signals::default();
        let (gate, forward) = (Arc::clone(&self.gate), Arc::clone(&self.forward));
        let adapter = Adapter::new(gate, forward, self.config.http.list, states, signals.cut_off.clone());
        let (gate, drain) = (Arc::clone(&self.gate), self.config.http.drain_timeout);
        let session = Arc::new(SessionMark::new(self.gate.sinks(), Via::Stdio, None));
        let told = Arc::clone(&session);
        let lines = Lines::new((reader, writer), gate, authenticate, credential, told, signals.clone(), drain);
        let serving = async {
            use rmcp::service::ServerInitializeError::{Cancelled, ConnectionClosed};
            match rmcp::service::serve_server_with_ct(adapter, lines, signals.cut_off).await {
                Ok(running) => running.waiting().await.map(drop).map_err(|error| StdioError::Broken(error.to_string())),
                // The client went away before it said anything: nothing to serve, nothing wrong.
                Err(ConnectionClosed(_) | Cancelled) => Ok(()),
                Err(error) => Err(StdioError::Broken(handshake_problem(&error).to_owned())),
            }
        };
        let stopping = async {
            stop.await;
            signals.stop.cancel();
            std::future::pending::<std::convert::Infallible>().await
        };
        match select(std::pin::pin!(serving), std::pin::pin!(stopping)).await {
            Either::Left((served, _)) => {
                session.over(served.is_err().then_some(SessionEnd::BROKEN));
                served
            }
            Either::Right((never, _)) => match never {},
        }
    }

    /// Waits until every sink has written the records that came so far, within a time for all together. Whether they
    /// have. A program calls this before it ends; it blocks its thread.
    pub fn flush(&self, within: Duration) -> bool {
        self.gate.sinks().flush(within)
    }

    /// What became of the records, sink by sink: those of the configuration and those of [`Telemetry`].
    pub fn sink_counts(&self) -> Vec<SinkCount> {
        self.gate.sinks().counts()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl std::fmt::Debug for Protected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protected").field("gate", &self.gate).finish_non_exhaustive()
    }
}

#[cfg(feature = "stdio")]
/// Request parts that carry a key, for transports that have none of their own. `None` for a text that is no header.
pub(crate) fn bearer_parts(credential: &str) -> Option<http::request::Parts> {
    let mut header = http::HeaderValue::try_from(format!("Bearer {credential}")).ok()?;
    header.set_sensitive(true);
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.headers.insert(http::header::AUTHORIZATION, header);
    Some(parts)
}

/// What went wrong before the first request. rmcp's own text would print the client's message.
#[cfg(feature = "stdio")]
fn handshake_problem(error: &rmcp::service::ServerInitializeError) -> &'static str {
    use rmcp::service::ServerInitializeError as Problem;
    match error {
        Problem::ExpectedInitializeRequest(_) => "the client did not begin as MCP asks",
        Problem::TransportError { .. } => "a stream failed",
        _ => "the client could not be initialized",
    }
}

/// Serving over streams ended before its time.
#[cfg(feature = "stdio")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// The key is not good.
    #[error("{0}")]
    Refused(crate::auth::Refusal),
    /// The stream broke, or what came over it was no MCP.
    #[error("the connection broke: {0}")]
    Broken(String),
}
