//! Configuration: a TOML file, and variables that override it.
//!
//! Attributes are the defaults. The configuration overrides rates, timeouts, concurrency and output bounds and can
//! disable a tool; it can never remove a scope or a guard. An unknown key, a tool that does not exist or an unsafe
//! combination stops the start.

mod admin;
mod auth;
mod duration;
mod http;
mod load;
mod network;
mod otel;
mod rate;
mod telemetry;
mod tls;

use std::collections::BTreeMap;
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
pub use http::{Http, List, RateLimited};
pub use network::Network;
pub use otel::{Otel, OtelProtocol, OtelSignal, TraceContext};
pub use rate::{Rate, Rates};
pub use telemetry::{Audit, Fsync, Log, LogFormat, Redaction, WhenFull};
pub use tls::Tls;

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
        self.http.check()?;
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
