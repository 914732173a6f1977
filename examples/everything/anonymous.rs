//! Without keys, for the conformance suite, which has none: everybody on this machine is one anonymous agent.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Parser;
use mcp_runtime::auth::{Authenticate, Refusal};
use mcp_runtime::caller::{Agent, Source};
use mcp_runtime::config::Config;
use mcp_runtime::http::request::Parts;
use mcp_runtime::scope::Grants;
use mcp_runtime::spec::Server;
use mcp_runtime::transport::http;
use mcp_runtime::{Caller, Protected};

const OPTION: &str = "--no-auth";

#[derive(Parser)]
struct Options {
    /// `serve`
    #[arg(value_parser = ["serve"])]
    command: String,
    /// Let everybody on this machine in, without a key
    #[arg(long, required = true)]
    no_auth: bool,
    /// For tests: without this toolkit's own way for calls of 2026-07-28, so that rmcp answers them like all the rest
    #[arg(long)]
    through_rmcp: bool,
    /// Listen here; port 0 lets the system pick
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    http: SocketAddr,
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

pub(crate) fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == OPTION)
}

pub(crate) async fn serve(server: impl Server) -> mcp_runtime::Result {
    let options = Options::parse();
    if !options.http.ip().is_loopback() {
        Err(format!("{OPTION} lets everybody in, so it serves this machine alone, and {} is not that", options.http))?;
    }
    if options.through_rmcp {
        mcp_runtime::testing::serve_through_rmcp();
    }
    let mut config = Config::load(options.config.as_deref())?;
    config.http.address = options.http;
    let service = Protected::new(server, config.clone())?.http(Arc::new(Anonymous::new()?));
    let listener = http::bind(options.http).await?;
    eprintln!("WARNING: {OPTION}: every program on this machine may call every tool, without a key");
    eprintln!("listening on http://{}{}", listener.local_addr()?, config.http.path);
    http::serve(listener, service, &config.http, stop()).await?;
    Ok(())
}

/// Completes when the process is asked to stop.
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Everybody is the same agent.
struct Anonymous(Arc<Caller>);

impl Anonymous {
    fn new() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let agent = Agent::new(Source::Other("anonymous"), "anybody")?;
        let caller = Caller::new(agent, "none").with_grants(Grants::with_wildcards(["*"])?);
        Ok(Self(Arc::new(caller)))
    }
}

impl Authenticate for Anonymous {
    fn authenticate<'a>(
        &'a self,
        _: &'a Parts,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Arc<Caller>, Refusal>> + Send + 'a>> {
        let caller = Arc::clone(&self.0);
        Box::pin(async move { Ok(caller) })
    }
}
