//! `[http]`: where and to whom the server listens, and its bounds.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::{InvalidConfig, Network, duration};

/// `[http]`: where and to whom the server listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Http {
    /// `127.0.0.1:8787` unless set; port 0 lets the system pick.
    pub address: SocketAddr,
    /// `/mcp` unless set.
    pub path: String,
    /// Names in the `Host` header that are this server, besides the loopback names and the address itself.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may call. None unless set; never `*`.
    pub allowed_origins: Vec<String>,
    /// A proxy in front terminates TLS. An address that is not loopback needs it.
    pub behind_tls_proxy: bool,
    /// Networks (CIDR) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address (IPv6: one /64) that is no trusted proxy.
    pub connections_per_address: usize,
    /// Sessions at a time, for clients of the revisions before 2026-07-28; with 0 there are none, and such clients are
    /// served without: nobody can be asked anything then.
    pub sessions: usize,
    /// Sessions at a time of one caller: one more, and its oldest ends.
    pub sessions_per_caller: usize,
    /// How long a session may be idle (`"5min"`).
    #[serde(deserialize_with = "duration::one")]
    pub session_idle: Duration,
    /// Streams at a time that stay open by themselves: a session's own, and subscriptions.
    pub streams: usize,
    /// Such streams at a time of one caller.
    pub streams_per_caller: usize,
    /// How long `/readyz` is red before a server that is told to stop takes no more connections (`"5s"`), so that a
    /// balancer sees it in time; not at all unless set.
    #[serde(deserialize_with = "duration::option")]
    pub drain_pause: Option<Duration>,
    /// How a tool call over its limit is answered.
    pub rate_limited: RateLimited,
    /// Which tools a caller sees.
    pub list: List,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8787)),
            path: "/mcp".to_owned(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            behind_tls_proxy: false,
            trusted_proxies: Vec::new(),
            connections: 10_000,
            connections_per_address: 200,
            sessions: 1000,
            sessions_per_caller: 20,
            session_idle: Duration::from_secs(5 * 60),
            streams: 1000,
            streams_per_caller: 20,
            drain_pause: None,
            rate_limited: RateLimited::default(),
            list: List::default(),
        }
    }
}

/// How a tool call over its limit is answered over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateLimited {
    /// Status 200 and a tool error, which the model reads.
    #[default]
    ToolError,
    /// Status 429 and a JSON-RPC error, which proxies and HTTP clients understand.
    #[serde(rename = "http-429")]
    Http429,
}

/// Which tools `tools/list` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum List {
    /// Those that the caller's scopes allow.
    #[default]
    Granted,
    /// All, so that a caller learns what wider scopes would unlock.
    All,
}

impl Http {
    /// Refuses what is unsafe together.
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        let http = self;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
        if !self.path.starts_with('/') || !self.path.bytes().all(plain) {
            return Err(InvalidConfig::new(
                "http.path has to start with `/`, and to be a plain path alone, as in \"/mcp\"",
            ));
        }
        if ["/healthz", "/readyz"].contains(&self.path.as_str()) {
            return Err(InvalidConfig::new(
                "http.path: /healthz and /readyz are the server's own; choose another path",
            ));
        }
        if self.path.starts_with("/.well-known/") {
            return Err(InvalidConfig::new("http.path: /.well-known/ is kept for metadata; choose another path"));
        }
        if http.allowed_origins.iter().any(|origin| origin.contains('*')) {
            return Err(InvalidConfig::new(
                "http.allowed_origins: a wildcard would let every web page call; name each origin, as in \"https://app.example.com\"",
            ));
        }
        if let Some(origin) = http.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(InvalidConfig::new(format!(
                "http.allowed_origins: `{}` is no origin; write scheme and host, as in \"https://app.example.com\"",
                origin.escape_debug()
            )));
        }
        if let Some(host) =
            http.allowed_hosts.iter().find(|host| host.is_empty() || host.contains(['/', '*', ' ', '@']))
        {
            return Err(InvalidConfig::new(format!(
                "http.allowed_hosts: `{}` is no host name; write it as in \"mcp.example.com\"",
                host.escape_debug()
            )));
        }
        if http.connections == 0 || http.connections_per_address == 0 {
            return Err(InvalidConfig::new("http.connections and http.connections_per_address have to be at least 1"));
        }
        if (http.sessions > 0 && http.sessions_per_caller == 0) || (http.streams > 0 && http.streams_per_caller == 0) {
            return Err(InvalidConfig::new(
                "http.sessions_per_caller and http.streams_per_caller have to be at least 1; http.sessions = 0 and \
                 http.streams = 0 turn sessions and streams off",
            ));
        }
        if !http.address.ip().is_loopback() {
            if !http.behind_tls_proxy {
                return Err(InvalidConfig::new(format!(
                    "http.address: {} is reachable from other machines, and keys would travel in the clear; put a proxy \
                     that terminates TLS in front and set http.behind_tls_proxy = true",
                    http.address
                )));
            }
            if http.allowed_hosts.is_empty() {
                return Err(InvalidConfig::new(format!(
                    "http.address: {} is reachable from other machines; name this server in http.allowed_hosts, as in \
                     [\"mcp.example.com\"]",
                    http.address
                )));
            }
        }
        Ok(())
    }
}

/// RFC 6454, section 6.1: scheme, host and port, nothing behind them.
fn is_origin(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && !text.ends_with('/')
            && uri.path_and_query().is_none_or(|path| path == "/")
    })
}
