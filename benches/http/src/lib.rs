//! What all servers of this benchmark share: the tool, the request, and how a server says where it listens.

pub mod protections;

use std::io::Write;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the tool answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Revenue {
    /// Whose.
    pub account: String,
    /// Over how many months.
    pub months: u32,
    /// In cents.
    pub cents: u64,
    /// Of what kind.
    pub currency: String,
}

/// What the tool takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The account, as on the invoices.
    #[schemars(length(min = 1, max = 40))]
    pub account: String,
    /// How many months back.
    #[schemars(range(min = 1, max = 240))]
    pub months: u32,
}

/// The tool's work: next to none, so that what surrounds it is measured.
pub fn revenue(account: String, months: u32) -> Revenue {
    Revenue { account, months, cents: u64::from(months) * 12_345, currency: "EUR".to_owned() }
}

/// The scope that the tool asks for.
pub const SCOPE: &str = "revenue.read";
/// The agent that calls.
pub const AGENT: &str = "reporting";
/// The key of the servers that have no form of their own for it.
pub const KEY: &str = "bench-2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
/// A rate that is never reached, and counted all the same.
pub const RATE: u32 = 1_000_000_000;

/// The call, of revision 2026-07-28.
pub const BODY: &str = concat!(
    r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"get_revenue","arguments":"#,
    r#"{"account":"acme-42","months":12},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
    r#""io.modelcontextprotocol/clientCapabilities":{}}}}"#
);

/// What stands in every right answer, unescaped: in its structured content.
pub const EXPECTED: &str = r#""account":"acme-42","months":12,"cents":148140,"currency":"EUR""#;

/// Where the records go: the first argument of every server.
pub fn record_path() -> PathBuf {
    std::env::args_os().nth(1).map_or_else(|| "records.jsonl".into(), PathBuf::from)
}

/// Tells whoever started the server where it listens, and which key opens it.
pub fn ready(address: std::net::SocketAddr, key: &str) {
    println!("{address} {key}");
    let _ = std::io::stdout().flush();
}

/// Binds a port of the system's choice, says so, and serves a router.
///
/// # Errors
/// A port that cannot be bound.
pub async fn serve(router: axum::Router, key: &str) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    ready(listener.local_addr()?, key);
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}
