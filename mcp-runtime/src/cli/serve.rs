//! `serve`: over HTTP, over standard input and output, or both.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::hints::{client, instructions, url};
use super::output::Output;
use super::telemetry::{admin, join, telemetry};
use super::{Error, Result, state};
use crate::auth::{Authenticate, CredentialStore, Credentials, MemoryStore, NewKey};
use crate::config::{Config, Tls};
use crate::protected::Protected;
use crate::spec::Server;
use crate::telemetry::Telemetry;
use crate::transport::http;

/// Where a client over standard input and output gets its key from.
pub(super) const KEY_VARIABLE: &str = "MCP_API_KEY";

/// How long an end that waits for nothing else waits for the sinks of records.
const END: Duration = Duration::from_secs(5);

#[derive(Args)]
#[group(skip)]
pub(super) struct Serve {
    /// Listen here; port 0 lets the system pick [default: 127.0.0.1:8787, or none with --stdio]
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Speak TLS with this certificate: a PEM file with the server's own, and behind it those of its issuers
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate: a PEM file, not encrypted
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve one client over standard input and output, with the key in `MCP_API_KEY`
    #[arg(long)]
    stdio: bool,
    /// Make a key with every scope, kept in memory only, and print how to use it; serves this machine alone
    #[arg(long)]
    dev: bool,
}

impl Serve {
    /// Puts into the configuration what the flags say, and refuses what does not go together.
    fn check(&self, config: &mut Config) -> Result {
        if let Some(address) = self.http {
            config.http.address = address;
        }
        if let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) {
            if self.stdio && self.http.is_none() {
                return Err(Error::new(
                    "--tls-cert: with --stdio alone nothing listens; say where with --http, or leave it out",
                ));
            }
            config.http.tls = Some(Tls::new(cert, key));
        }
        config.check()?;
        if self.dev && !config.http.address.ip().is_loopback() {
            return Err(Error::new(format!(
                "--dev makes a key with every scope, so it serves this machine alone, and {} is reachable from others; \
                 leave --dev out and issue keys",
                config.http.address
            )));
        }
        Ok(())
    }
}

pub(super) async fn serve<S, M>(
    serve: Serve,
    mut config: Config,
    folder: Option<&Path>,
    output: Output,
    construct: impl FnOnce() -> M,
) -> Result
where
    S: Server,
    M: Future<Output = Result<(S, Telemetry)>>,
{
    serve.check(&mut config)?;
    let telemetry = telemetry(&config, &S::SPEC)?;
    crate::telemetry::subscriber::report_panics();
    let location = state::location(folder, &config)?;
    // To try a server out leaves nothing behind.
    let transient = serve.dev && location.is_absent_default();
    if transient && config.audit.path.is_some() {
        tracing::warn!(
            target: "mcp_runtime::audit",
            "the audit file is sealed with a key that ends with this process, so that nobody can check it later: name a \
             folder with --state"
        );
    }
    let (store, digest_key): (Arc<dyn CredentialStore>, _) = if transient {
        (Arc::new(MemoryStore::new()), None)
    } else {
        let store = location.open().await?;
        let digest_key = store.digest_key()?;
        (store, Some(digest_key))
    };
    let credentials = if serve.dev {
        Credentials::start_dev(store, &config.auth).await?
    } else {
        Credentials::start(store, &config.auth).await?
    };
    let dev_key = serve.dev.then(|| {
        let new = NewKey { agent: "dev".into(), scopes: vec!["*".into()], on_behalf_of: None, lifetime: None };
        credentials.issue_ephemeral(&new)
    });
    let dev_key = dev_key.transpose()?;
    let (server, own) = construct().await?;
    let telemetry = digest_key.into_iter().fold(join(telemetry, own)?, Telemetry::digest_key);
    let protected = Protected::with_telemetry(server, config, telemetry)?;
    let authenticate: Arc<dyn Authenticate> = Arc::new(credentials);

    let _admin = admin(&protected, &authenticate).await?;
    let listening = if serve.stdio && serve.http.is_none() {
        None
    } else {
        // What cannot be served is said before anything listens.
        let tls = http::Tls::start(&protected.config().http)?;
        let service = protected.http(Arc::clone(&authenticate));
        let listener = http::bind(protected.config().http.address).await?;
        let address = listener.local_addr()?;
        let url = url(address, &protected.config().http.path, tls.as_ref());
        Some((listener, service, tls, url))
    };
    let asked_to_stop = stop_signal();
    if let Some((.., url)) = &listening {
        eprintln!("listening on {url}");
        if let Some(dev_key) = &dev_key {
            let text = instructions(S::SPEC.name, url, dev_key.key.expose(), protected.config().http.tls.as_ref());
            if serve.stdio {
                // Standard output belongs to the client.
                eprint!("{text}");
            } else {
                let key = dev_key.key.expose();
                output
                    .print(|| json!({ "url": url, "key": key, "client": client(S::SPEC.name, url, key) }), || text)?;
            }
        } else if output.json && !serve.stdio {
            output.print(|| json!({ "url": url }), String::new)?;
        }
    }
    let outcome = match (listening, serve.stdio) {
        (Some((listener, service, tls, _)), false) => {
            http::serve_by(tls, listener, service, &protected.config().http, asked_to_stop).await;
            Ok(())
        }
        (None, _) => {
            let dev_key = dev_key.as_ref().map(|issued| issued.key.expose());
            over_stdio(&protected, authenticate, dev_key, asked_to_stop).await
        }
        (Some((listener, service, tls, _)), true) => {
            let (ended, end) = tokio::sync::oneshot::channel::<()>();
            let stop = async move {
                futures_util::future::select(std::pin::pin!(asked_to_stop), end).await;
            };
            let both = (
                http::serve_by(tls, listener, service, &protected.config().http, stop),
                over_stdio(&protected, authenticate, dev_key.as_ref().map(|issued| issued.key.expose()), stop_signal()),
            );
            // The process belongs to whoever started it with --stdio: it ends with that client.
            let until_client_ends = async {
                let result = both.1.await;
                let _ = ended.send(());
                result
            };
            Box::pin(futures_util::future::join(both.0, until_client_ends)).await.1
        }
    };
    if protected.gate().has_busy_threads() {
        protected.flush(END);
        // A thread cannot be ended, and the end of the runtime would wait for it. Everything else is done and recorded.
        tracing::warn!(target: "mcp_runtime::cli", "a blocking tool still runs; the process ends without it");
        if let Err(error) = &outcome {
            eprintln!("Error: {error}");
        }
        protected.gate().sinks().end(END);
        std::process::exit(i32::from(outcome.is_err()));
    }
    outcome
}

async fn over_stdio(
    protected: &Protected,
    authenticate: Arc<dyn Authenticate>,
    dev_key: Option<&str>,
    stop: impl Future<Output = ()>,
) -> Result {
    let variable = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    let Some(key) = variable.as_deref().or(dev_key) else {
        return Err(Error::new(format!(
            "--stdio serves the agent whose key is in {KEY_VARIABLE}, and there is none; issue one with `keys issue`"
        )));
    };
    match protected.stdio_until(input(), tokio::io::stdout(), authenticate, key, stop).await {
        Err(crate::protected::StdioError::Refused(refusal)) => {
            Err(Error::new(format!("the key in {KEY_VARIABLE} is refused: {refusal}")))
        }
        served => Ok(served?),
    }
}

/// Standard input, read on a thread of its own. Nothing can wake a thread that reads it, and a runtime that stops would
/// wait for tokio's until the client sends another line.
fn input() -> tokio::io::DuplexStream {
    let (mut write, read) = tokio::io::duplex(64 * 1024);
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = std::io::Read::read(&mut std::io::stdin(), &mut piece) {
            if runtime.block_on(tokio::io::AsyncWriteExt::write_all(&mut write, &piece[..length])).is_err() {
                return;
            }
        }
    });
    read
}

/// Completes when the process is asked to stop. It listens from the moment of the call, not of the first poll: who reads
/// that the server runs may ask it to stop at once.
fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    async move {
        #[cfg(unix)]
        {
            let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
                // Without handlers the system's own ending of the process holds.
                return std::future::pending().await;
            };
            let terminate = std::pin::pin!(terminate.recv());
            let interrupt = std::pin::pin!(interrupt.recv());
            futures_util::future::select(terminate, interrupt).await;
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
