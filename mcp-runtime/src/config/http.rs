//! `[http]`: where and to whom the server listens, and its bounds.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::{InvalidConfig, Network, Tls, duration, rate};

/// `[http]`: where and to whom the server listens, and its bounds.
///
/// These bounds have no key: the nesting of a message (less than 128 levels), its values and keys (100,000, and as many
/// again in the arguments of a call), an `initialize` (16 KiB), requests at a time of one session (1,024), a line over
/// stdio (4 MiB), and what HTTP/2 itself needs (windows, a ping each 30 s that has to be answered within 20). How large an
/// answer may be is the tool's own (`max_output`).
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
    /// The server ends TLS itself. An address that is not loopback needs it, or a proxy that does. Needs the feature `tls`.
    pub tls: Option<Tls>,
    /// A proxy in front terminates TLS; it may speak TLS to the server as well.
    pub behind_tls_proxy: bool,
    /// Networks (CIDR) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections at a time; 10,000 unless set.
    pub connections: usize,
    /// Connections at a time from one address (IPv6: one /64) that is no trusted proxy; 200 unless set.
    pub connections_per_address: usize,
    /// Requests at a time over all connections; one more is answered with 503 before its body is read. Streams that stay
    /// open by themselves count as `streams` alone. 2048 unless set.
    pub requests: usize,
    /// Requests at a time of one caller; 512 unless set. Calls in a session that go on without their client count as well.
    pub requests_per_caller: usize,
    /// How large a request's head is at the most, from 8 KiB; `"64KiB"` unless set.
    #[serde(deserialize_with = "rate::one_size")]
    pub head_size: u64,
    /// How long a request's head may take from its first byte; of a connection's first request, from the connection on.
    /// The handshake of `tls` may take as long before that. `"10s"` unless set.
    #[serde(deserialize_with = "duration::one")]
    pub head_timeout: Duration,
    /// How large a request's body is at the most; `"4MiB"` unless set. With `requests` it bounds what all bodies take
    /// together.
    #[serde(deserialize_with = "rate::one_size")]
    pub body_size: u64,
    /// How long a request's body may take; `"10s"` unless set.
    #[serde(deserialize_with = "duration::one")]
    pub body_timeout: Duration,
    /// How long a connection may be open without a request; of HTTP/2, whatever else it says. `"1min"` unless set.
    #[serde(deserialize_with = "duration::one")]
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer that is there for it; `"30s"` unless set.
    #[serde(deserialize_with = "duration::one")]
    pub write_timeout: Duration,
    /// Requests at a time on one connection of HTTP/2; 100 unless set.
    pub http2_streams: u32,
    /// How many requests a connection of HTTP/2 may give up before they are answered, beyond those that are; one more, and
    /// it is ended. 100 unless set.
    pub http2_resets: u32,
    /// How long requests that run may take to finish once the server stops; over stdio, once the client closes its end as
    /// well. Calls that take longer are cut off, and answered `CANCELLED`. `"30s"` unless set.
    #[serde(deserialize_with = "duration::one")]
    pub drain_timeout: Duration,
    /// Sessions at a time, for clients of the revisions before 2026-07-28; with 0 there are none, and such clients are
    /// served without: nobody can be asked anything then. 1000 unless set.
    pub sessions: usize,
    /// Sessions at a time of one caller: one more, and its oldest ends. 20 unless set.
    pub sessions_per_caller: usize,
    /// How long a session may be idle; `"5min"` unless set.
    #[serde(deserialize_with = "duration::one")]
    pub session_idle: Duration,
    /// Streams at a time that stay open by themselves: a session's own, and subscriptions. 1000 unless set.
    pub streams: usize,
    /// Such streams at a time of one caller; 20 unless set.
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
            tls: None,
            behind_tls_proxy: false,
            trusted_proxies: Vec::new(),
            connections: 10_000,
            connections_per_address: 200,
            requests: 2048,
            requests_per_caller: 512,
            head_size: 64 * 1024,
            head_timeout: Duration::from_secs(10),
            body_size: 4 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            http2_streams: 100,
            http2_resets: 100,
            drain_timeout: Duration::from_secs(30),
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
    /// Whether clients reach the server by TLS, wherever it ends.
    pub(crate) fn is_https(&self) -> bool {
        self.tls.is_some() || self.behind_tls_proxy
    }

    /// Refuses what is unsafe together.
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
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
        if self.allowed_origins.iter().any(|origin| origin.contains('*')) {
            return Err(InvalidConfig::new(
                "http.allowed_origins: a wildcard would let every web page call; name each origin, as in \"https://app.example.com\"",
            ));
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(InvalidConfig::new(format!(
                "http.allowed_origins: `{}` is no origin; write scheme and host, as in \"https://app.example.com\"",
                origin.escape_debug()
            )));
        }
        if let Some(host) =
            self.allowed_hosts.iter().find(|host| host.is_empty() || host.contains(['/', '*', ' ', '@']))
        {
            return Err(InvalidConfig::new(format!(
                "http.allowed_hosts: `{}` is no host name; write it as in \"mcp.example.com\"",
                host.escape_debug()
            )));
        }
        self.check_bounds()?;
        if (self.sessions > 0 && self.sessions_per_caller == 0) || (self.streams > 0 && self.streams_per_caller == 0) {
            return Err(InvalidConfig::new(
                "http.sessions_per_caller and http.streams_per_caller have to be at least 1; http.sessions = 0 and \
                 http.streams = 0 turn sessions and streams off",
            ));
        }
        self.tls.as_ref().map_or(Ok(()), Tls::check)?;
        if !self.address.ip().is_loopback() {
            if !self.is_https() {
                return Err(InvalidConfig::new(format!(
                    "http.address: {} is reachable from other machines, and keys would travel in the clear; name a \
                     certificate in http.tls = {{ cert = \"FILE\", key = \"FILE\" }} (--tls-cert, --tls-key), or put a proxy \
                     that terminates TLS in front and set http.behind_tls_proxy = true",
                    self.address
                )));
            }
            if self.allowed_hosts.is_empty() {
                return Err(InvalidConfig::new(format!(
                    "http.address: {} is reachable from other machines; name this server in http.allowed_hosts, as in \
                     [\"mcp.example.com\"]",
                    self.address
                )));
            }
        }
        Ok(())
    }

    /// Refuses bounds that let nothing through, and those that bound nothing.
    fn check_bounds(&self) -> Result<(), InvalidConfig> {
        /// Beyond these, a number is a slip of the finger.
        const MANY: usize = 1_000_000;
        const LONG: Duration = Duration::from_secs(60 * 60);

        for (key, count, most) in [
            ("connections", self.connections, MANY),
            ("connections_per_address", self.connections_per_address, MANY),
            ("requests", self.requests, MANY),
            ("requests_per_caller", self.requests_per_caller, MANY),
            ("http2_streams", self.http2_streams as usize, 10_000),
            ("http2_resets", self.http2_resets as usize, 10_000),
        ] {
            if !(1..=most).contains(&count) {
                return Err(InvalidConfig::new(format!("http.{key} has to be from 1 to {most}")));
            }
        }
        for (key, count) in [("sessions", self.sessions), ("streams", self.streams)] {
            if count > MANY {
                return Err(InvalidConfig::new(format!("http.{key} has to be from 0 to {MANY}")));
            }
        }
        for (key, time) in [
            ("head_timeout", self.head_timeout),
            ("body_timeout", self.body_timeout),
            ("idle_timeout", self.idle_timeout),
            ("write_timeout", self.write_timeout),
            ("drain_timeout", self.drain_timeout),
            ("drain_pause", self.drain_pause.unwrap_or_default()),
            ("session_idle", self.session_idle),
        ] {
            if time > LONG {
                return Err(InvalidConfig::new(format!(
                    "http.{key}: {} bounds nothing; the longest is {}",
                    duration::text(time),
                    duration::text(LONG)
                )));
            }
        }
        if !(8 * 1024..=1024 * 1024).contains(&self.head_size) {
            return Err(InvalidConfig::new("http.head_size has to be from 8KiB to 1MiB"));
        }
        if self.body_size < 1024 {
            return Err(InvalidConfig::new("http.body_size: messages do not fit into less than 1KiB"));
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

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn bounds_that_bound_nothing_or_everything_are_refused() {
        let refused = |key: &str, value: &str| {
            let error = Config::parse(&format!("[http]\n{key} = {value}")).expect_err(key).to_string();
            assert!(error.contains(key) || error.contains(value.trim_matches('"')), "{key} = {value}: {error}");
        };
        for key in ["connections", "connections_per_address", "requests", "http2_streams", "http2_resets"] {
            for value in ["0", "-1", "1000001", "\"5\""] {
                refused(key, value);
            }
        }
        for key in ["head_timeout", "body_timeout", "idle_timeout", "write_timeout", "drain_timeout"] {
            for value in ["\"0s\"", "\"2h\"", "\"10\"", "10"] {
                refused(key, value);
            }
        }
        for (key, value) in
            [("head_size", "\"4KiB\""), ("head_size", "\"2MiB\""), ("body_size", "\"0B\""), ("body_size", "\"512B\"")]
        {
            refused(key, value);
        }
        let config = Config::parse("[http]\nbody_size = \"1MiB\"\nidle_timeout = \"90s\"\nrequests = 1").unwrap();
        assert_eq!((config.http.body_size, config.http.idle_timeout.as_secs(), config.http.requests), (1 << 20, 90, 1));
    }
}
