//! Configuration: a TOML file, and variables that override it.
//!
//! Attributes are the defaults. The configuration overrides rates, timeouts, concurrency and output bounds and can
//! disable a tool; it can never remove a scope or a guard. An unknown key, a tool that does not exist or an unsafe
//! combination stops the start.

mod admin;
mod auth;
mod duration;
mod load;
mod network;
mod otel;
mod rate;
mod telemetry;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::spec::Concurrency;

pub use admin::Admin;
#[cfg(feature = "jwt")]
pub(crate) use auth::{ALGORITHMS, is_loopback};
pub use auth::{Auth, Introspection, Issuer, Texts};
#[cfg(feature = "cli")]
pub(crate) use duration::parse as parse_duration;
pub(crate) use duration::text as duration_text;
pub use network::Network;
pub use otel::{Otel, OtelProtocol, OtelSignal, TraceContext};
pub use rate::{Rate, Rates};
pub use telemetry::{Audit, Fsync, Log, LogFormat, Redaction, WhenFull};

/// The prefix of variables: `MCP_RUNTIME__TOOLS__GET_REVENUE_DATA__RATE` is `tools.get_revenue_data.rate`.
pub const VARIABLES: &str = "MCP_RUNTIME__";

/// Everything that a server's operator can set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[agents]`: the limit of each agent over all tools, and of one agent by its identity (`key:reporting`).
    pub agents: Agents,
    /// `[subjects]`: the limit of each subject over all agents that act for it.
    pub subjects: Subjects,
    /// `[tools.NAME]`
    pub tools: BTreeMap<String, Tool>,
    /// `[arguments]`
    pub arguments: Arguments,
    /// `[auth]`
    pub auth: Auth,
    /// `[state]`
    pub state: State,
    /// `[links]`
    pub links: Links,
    /// `[log]`
    pub log: Log,
    /// `[redaction]`
    pub redaction: Redaction,
    /// `[audit]`
    pub audit: Audit,
    /// `[admin]`; there is no such page unless it is set.
    pub admin: Option<Admin>,
    /// `[otel]`; nothing is sent unless it is set.
    pub otel: Option<Otel>,
}

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

/// `[agents]`
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct Agents {
    /// Of each agent over all tools; the server's attribute unless set.
    pub rate: Option<Rate>,
    /// Of one agent, by identity.
    #[serde(flatten)]
    pub one: BTreeMap<String, Agent>,
}

/// `[agents."key:reporting"]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Agent {
    /// Of this agent over all tools.
    pub rate: Rate,
}

/// `[subjects]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Subjects {
    /// Of each subject over all agents and tools; none unless set.
    pub rate: Option<Rate>,
}

/// `[tools.NAME]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Tool {
    /// The tool's limits.
    pub rate: Option<Rates>,
    /// How long a call runs at the most.
    #[serde(deserialize_with = "duration::option")]
    pub timeout: Option<Duration>,
    /// How many calls run at a time.
    #[serde(deserialize_with = "rate::concurrency")]
    pub concurrency: Option<Concurrency>,
    /// How large an answer is at the most (`"64KiB"`).
    #[serde(deserialize_with = "rate::size")]
    pub max_output: Option<u64>,
    /// The tool may send what looks like a credential: keys, tokens, card numbers are not masked in its answers.
    pub unmasked: bool,
    /// The tool is not there.
    pub disabled: bool,
}

/// `[arguments]`: what callers send to tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Arguments {
    /// Numbers, booleans, arrays and objects may come as strings, as some clients send them, where the schema admits no
    /// string and the argument is neither `strict` nor mirrored in a header. True unless set.
    pub coerce: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { coerce: true }
    }
}

/// `[state]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct State {
    /// `sqlite:PATH`, instead of `--state DIR`.
    pub url: Option<String>,
}

/// `[links]`: what a text may make a client load.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Links {
    /// Prefixes (`https://example.com/images/`) of the addresses that images, and other links that load by themselves, may
    /// keep, and that resources may have although they are internal. None unless set.
    pub allowed: Vec<String>,
}

impl Links {
    /// The prefixes, read.
    ///
    /// # Errors
    /// A prefix that is none.
    pub(crate) fn prefixes(&self) -> Result<crate::output::Links, InvalidConfig> {
        crate::output::Links::new(&self.allowed).map_err(|why| InvalidConfig::new(format!("links.allowed: {why}")))
    }
}

/// A configuration that cannot be used, in words that say how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidConfig(pub(crate) String);

impl InvalidConfig {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Config {
    /// Reads a file, if there is one, and the variables of the process. What is unsafe together is refused where a server
    /// is made of it, since the command line may still change it.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value of another type.
    pub fn load(file: Option<&Path>) -> Result<Self, InvalidConfig> {
        load::load(file, std::env::vars_os())
    }

    /// Reads TOML text.
    ///
    /// # Errors
    /// As [`Config::load`], and an unsafe combination.
    pub fn parse(text: &str) -> Result<Self, InvalidConfig> {
        let config = load::parse(text, std::iter::empty())?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what is unsafe together.
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let http = &self.http;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
        if !http.path.starts_with('/') || !http.path.bytes().all(plain) {
            return Err(InvalidConfig::new(
                "http.path has to start with `/`, and to be a plain path alone, as in \"/mcp\"",
            ));
        }
        if ["/healthz", "/readyz"].contains(&http.path.as_str()) {
            return Err(InvalidConfig::new(
                "http.path: /healthz and /readyz are the server's own; choose another path",
            ));
        }
        if http.path.starts_with("/.well-known/") {
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
        if let Some(admin) = &self.admin {
            admin.check()?;
        }
        if let Some(otel) = &self.otel {
            otel.check()?;
        }
        self.links.prefixes()?;
        self.audit.check()?;
        self.log.check()?;
        self.auth.check(&self.http.path)?;
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
