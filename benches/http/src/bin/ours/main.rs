//! This toolkit: the five protections are on, since they cannot be off. `--fifty` serves 50 tools, `--rmcp` closes our own
//! way so that rmcp answers, `--crowd` has room for ten thousand connections of one address and lets them be slow.

mod fifty;

use std::sync::Arc;
use std::time::Duration;

use bench_http::{AGENT, Revenue, SCOPE, ready, record_path, revenue};
use mcp_runtime::auth::{ApiKeys, CredentialStore, MemoryStore, NewKey};
use mcp_runtime::config::Config;
use mcp_runtime::transport::http;
use mcp_runtime::{Json, Protected, server};

/// Nothing ends by its own time while one measures.
const CROWD: &str = "[http]\nconnections = 10100\nconnections_per_address = 10100\nhead_timeout = \"10min\"\n\
                     body_timeout = \"10min\"\nidle_timeout = \"10min\"\nwrite_timeout = \"10min\"";

struct One;

#[server(name = "revenue", version = "1.0.0", rate = "1000000000/s")]
impl One {
    /// Revenue of one account.
    #[tool(scope = "revenue.read", rate(agent = "1000000000/s", total = "1000000000/s"), read_only)]
    async fn get_revenue(
        &self,
        /// The account, as on the invoices.
        #[arg(length(1..=40))]
        account: String,
        /// How many months back.
        #[arg(range(1..=240))]
        months: u32,
    ) -> Json<Revenue> {
        Json(revenue(account, months))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let store: Arc<dyn CredentialStore> = Arc::new(MemoryStore::new());
    let new = NewKey {
        agent: AGENT.to_owned(),
        scopes: vec![SCOPE.to_owned()],
        on_behalf_of: None,
        lifetime: Some(Duration::from_secs(86_400)),
    };
    let issued = store.issue(&new).await?;
    let keys = Arc::new(ApiKeys::start(store).await?);
    let path = record_path();
    let http = if has("--crowd") { CROWD } else { "" };
    let config = Config::parse(&format!("{http}\n[audit]\npath = {:?}", path.to_string_lossy()))?;
    let protected = if has("--fifty") { Protected::new(fifty::Fifty, config)? } else { Protected::new(One, config)? };
    let service = protected.http(keys);
    service.set_direct(!has("--rmcp"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    ready(listener.local_addr()?, issued.key.expose());
    http::serve(listener, service, &protected.config().http, std::future::pending()).await?;
    Ok(())
}
