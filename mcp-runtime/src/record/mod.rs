//! One record a request of an identified caller, whatever came of it.
//!
//! A [`CallRecord`] is made while the request is served and handed on once, when the last of those who know something of
//! it lets go: served, denied, limited, invalid, timed out, cancelled or panicked. [`telemetry`](crate::telemetry) says
//! who gets it.

mod arguments;
mod line;
mod origin;
mod recording;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::caller::{Agent, Caller};
use crate::error::{Correlation, code};
use crate::limit::{Quota, rate_text};

pub use arguments::{Digest, Redacted};
pub use origin::{Origin, Traced};
pub(crate) use recording::Recording;
#[cfg(feature = "http")]
pub(crate) use recording::http_version;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use recording::known_revision;

/// Which way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Via {
    /// Streamable HTTP.
    Http,
    /// Standard input and output.
    Stdio,
    /// The operator's `call` command.
    Operator,
    /// A client in the same process.
    Process,
}

impl Via {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stdio => "stdio",
            Self::Operator => "operator",
            Self::Process => "process",
        }
    }
}

/// What the gate made of a request. What came of one that was admitted is in [`CallRecord::outcome`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Decided {
    /// It was let through: a tool ran, or another method was answered.
    Admitted,
    /// A scope is missing, or the guard said no.
    #[serde(rename = "denied")]
    Rejected,
    /// A limit was reached, or there was no room to run.
    Limited,
    /// It was no request, named no tool of this server, or its arguments break the schema.
    Invalid,
    /// It ended before anything was decided: the client went away, or the server failed.
    #[default]
    Undecided,
}

impl Decided {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Rejected => "denied",
            Self::Limited => "limited",
            Self::Invalid => "invalid",
            Self::Undecided => "undecided",
        }
    }

    /// What a code means for a request that no tool was run for.
    fn of(outcome: &str) -> Self {
        match outcome {
            CallRecord::OK => Self::Admitted,
            code::PERMISSION_DENIED | code::UNAUTHENTICATED => Self::Rejected,
            code::RATE_LIMITED | code::OVERLOADED => Self::Limited,
            code::INVALID_ARGUMENTS | code::INVALID_REQUEST => Self::Invalid,
            _ => Self::Undecided,
        }
    }
}

/// Where the time of a request went, in whole microseconds. A phase that was not reached took none; what is left of
/// [`CallRecord::duration_us`] went into writing the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// From arrival to the gate: the body was read, the protocol's own part was done.
    pub queue_us: u64,
    /// In the gate's checks, the guard with them.
    pub gate_us: u64,
    /// In the tool.
    pub tool_us: u64,
    /// Sanitising what the tool returned, and checking it against its schema and bound.
    pub output_us: u64,
}

/// What a request came to.
///
/// It serializes as the object that a line of the audit file holds, with these names. Nothing in it needs to be redacted
/// or escaped any more: `arguments` is redacted, names are refused with control characters where they are issued, and
/// `request` is cleaned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRecord {
    /// When it arrived.
    pub time: Timestamp,
    /// The client's id of the request, cleaned, redacted, and cut at 64 bytes. Empty for a notification.
    pub request: String,
    /// Our id: the same as in the error that the caller saw, and in the log.
    pub correlation: Correlation,
    /// Which way it came.
    pub via: Via,
    /// The revision of the protocol, if the client named one that MCP has.
    pub revision: Option<&'static str>,
    /// The version of HTTP that it came over: `1.0`, `1.1` or `2`; `None` for one that came another way. It is for metrics
    /// and spans: what a record serializes as does not have it.
    pub http_version: Option<&'static str>,
    /// The JSON-RPC method; `unknown` for one that MCP does not have.
    pub method: &'static str,
    /// The tool; `None` if the request names none of this server's, so that no client makes up names of its own.
    pub tool: Option<&'static str>,
    /// Who called: agent, subject and credential.
    pub caller: Arc<Caller>,
    /// What the gate made of it.
    pub decision: Decided,
    /// [`OK`](Self::OK), [`INPUT_REQUIRED`](Self::INPUT_REQUIRED), or the error code: the framework's, or the tool's own.
    pub outcome: &'static str,
    /// The code of the JSON-RPC error that it was answered with; `None` for one that was answered with a result, be it a
    /// tool's error.
    pub rpc_code: Option<i32>,
    /// Its span, where requests are traced.
    pub trace: Option<Traced>,
    /// The arguments, redacted as their declarations and `[redaction]` say.
    pub arguments: Redacted,
    /// A keyed digest of all arguments as they came: equal for equal arguments, whatever the order of their keys.
    pub arguments_digest: Option<Digest>,
    /// The arguments that came as strings and were taken for what the schema asks for, by name.
    pub coerced: Vec<String>,
    /// How often each keyword of the schema was broken, never by what.
    pub violations: Vec<(String, u32)>,
    /// From arrival to answer, in microseconds.
    pub duration_us: u64,
    /// Where that time went.
    pub latency: Latency,
    /// The answer's content, in bytes of JSON.
    pub output_bytes: u64,
    /// How many texts of others stand in the answer.
    pub untrusted: usize,
    /// How many code points were removed from the answer.
    pub removed: usize,
    /// How many links in the answer lost their address, and how many role tokens were broken.
    pub defused: usize,
    /// How many secrets were masked in the answer.
    pub masked: usize,
    /// What was left of the tightest of the caller's own limits.
    pub quota: Option<Quota>,
}

impl CallRecord {
    /// The outcome of a request that was served.
    pub const OK: &'static str = "OK";

    /// The outcome of a call that its client has to answer questions for: no error, and not the end of it.
    pub const INPUT_REQUIRED: &'static str = "INPUT_REQUIRED";

    /// The program that called.
    pub fn agent(&self) -> &Agent {
        self.caller.agent()
    }

    /// On whose behalf.
    pub fn subject(&self) -> Option<&str> {
        self.caller.subject()
    }

    /// The id of the credential, never the secret.
    pub fn credential(&self) -> &str {
        self.caller.credential()
    }

    /// Whether the gate turned the request away: these records are never lost without a word.
    pub fn is_denial(&self) -> bool {
        matches!(self.decision, Decided::Rejected | Decided::Limited | Decided::Invalid)
    }
}

impl Serialize for CallRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("request", &self.request)?;
        map.serialize_entry("correlation", &self.correlation)?;
        map.serialize_entry("via", self.via.as_str())?;
        map.serialize_entry("revision", &self.revision)?;
        map.serialize_entry("method", self.method)?;
        map.serialize_entry("tool", &self.tool)?;
        map.serialize_entry("agent", &Shown(self.agent()))?;
        map.serialize_entry("subject", &self.subject())?;
        map.serialize_entry("credential", self.credential())?;
        map.serialize_entry("decision", self.decision.as_str())?;
        map.serialize_entry("outcome", self.outcome)?;
        if let Some(Traced { trace, span, .. }) = &self.trace {
            map.serialize_entry("trace", &format_args!("{trace:032x}"))?;
            map.serialize_entry("span", &format_args!("{span:016x}"))?;
        }
        map.serialize_entry("arguments", &self.arguments)?;
        if let Some(digest) = &self.arguments_digest {
            map.serialize_entry("arguments_digest", digest)?;
        }
        if !self.coerced.is_empty() {
            map.serialize_entry("coerced", &self.coerced)?;
        }
        if !self.violations.is_empty() {
            map.serialize_entry("violations", &Pairs(&self.violations))?;
        }
        map.serialize_entry("duration_us", &self.duration_us)?;
        map.serialize_entry("latency", &self.latency)?;
        map.serialize_entry("output_bytes", &self.output_bytes)?;
        for (name, count) in [
            ("untrusted", self.untrusted),
            ("removed", self.removed),
            ("defused", self.defused),
            ("masked", self.masked),
        ] {
            if count > 0 {
                map.serialize_entry(name, &count)?;
            }
        }
        if let Some(quota) = &self.quota {
            map.serialize_entry("quota", &Left { limit: rate_text(&quota.window), remaining: quota.remaining })?;
        }
        map.end()
    }
}

/// What is left of a limit.
#[derive(Serialize)]
struct Left {
    limit: String,
    remaining: u64,
}

struct Shown<'a>(&'a Agent);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Names with their counts, as an object.
struct Pairs<'a>(&'a [(String, u32)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

/// Whole microseconds.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// When a request reached what.
#[derive(Clone, Copy, Debug)]
struct Marks {
    start: Instant,
    gate: Option<Instant>,
    tool: Option<Instant>,
    returned: Option<Instant>,
    decided: Option<Instant>,
}

impl Marks {
    fn new() -> Self {
        Self { start: Instant::now(), gate: None, tool: None, returned: None, decided: None }
    }

    /// The time of each phase. One that was not left ended when the request did.
    fn latency(&self, end: Instant) -> Latency {
        let end = self.decided.unwrap_or(end);
        let between =
            |from: Option<Instant>, to: Instant| from.map_or(0, |from| micros(to.saturating_duration_since(from)));
        Latency {
            queue_us: between(Some(self.start), self.gate.unwrap_or(end)),
            gate_us: between(self.gate, self.tool.unwrap_or(end)),
            tool_us: between(self.tool, self.returned.unwrap_or(end)),
            output_us: between(self.returned, end),
        }
    }
}

/// A record for tests of what gets records.
#[cfg(test)]
pub(crate) fn sample(outcome: &'static str) -> CallRecord {
    let agent = Agent::key("reporting").expect("a name");
    CallRecord {
        time: Timestamp::now(),
        request: "1".to_owned(),
        correlation: Correlation::new(),
        via: Via::Process,
        revision: None,
        http_version: None,
        method: "tools/call",
        tool: Some("find"),
        caller: Arc::new(Caller::new(agent, "k1").on_behalf_of("carol").expect("a name")),
        decision: Decided::of(outcome),
        outcome,
        arguments: Redacted::new("{\"id\":17}".to_owned()),
        arguments_digest: None,
        coerced: Vec::new(),
        violations: vec![("minimum".to_owned(), 2)],
        duration_us: 1500,
        latency: Latency::default(),
        output_bytes: 10,
        untrusted: 0,
        removed: 0,
        defused: 0,
        masked: 0,
        quota: None,
        rpc_code: None,
        trace: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_that_was_not_reached_took_no_time() {
        let start = Instant::now();
        let at = |ms| Some(start + Duration::from_millis(ms));
        let marks = Marks { start, gate: at(1), tool: None, returned: None, decided: None };
        let latency = marks.latency(start + Duration::from_millis(5));
        assert_eq!(latency, Latency { queue_us: 1000, gate_us: 4000, tool_us: 0, output_us: 0 });
        let marks = Marks { start, gate: at(1), tool: at(3), returned: at(10), decided: at(11) };
        let latency = marks.latency(start + Duration::from_millis(500));
        assert_eq!(latency, Latency { queue_us: 1000, gate_us: 2000, tool_us: 7000, output_us: 1000 });
    }
}
