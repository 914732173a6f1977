//! `[otel]`: traces, metrics and logs for an OpenTelemetry collector.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{InvalidConfig, duration};

/// The largest queue: what waits there is memory.
const MAX_QUEUE: usize = 1_000_000;

/// `[otel]`: where traces, metrics and logs are sent. Needs the feature `otel`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Otel {
    /// The collector, as in `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// How to talk to it; by the port unless set: 4318 is HTTP, all others are gRPC.
    pub protocol: Option<OtelProtocol>,
    /// A file of `name: value` lines that go with every export, as collectors ask for keys.
    pub headers_file: Option<PathBuf>,
    /// `service.name`; the server's name unless set.
    pub service: Option<String>,
    /// More attributes of the resource, as `"deployment.environment.name" = "production"`.
    pub resource: BTreeMap<String, String>,
    /// What is sent: all three unless set.
    pub signals: Vec<OtelSignal>,
    /// The share of traces that are kept, from 0 to 1; all unless set.
    pub sampling: f64,
    /// What a trace context of a caller is worth.
    pub trace_context: TraceContext,
    /// Spans and logs show the arguments of calls, redacted. They do not unless set.
    pub arguments: bool,
    /// How many spans, and how many log records, wait to be sent at the most; more are dropped.
    pub queue: usize,
    /// How long a span or a log record waits at the most (`"5s"`).
    #[serde(deserialize_with = "duration::one")]
    pub delay: Duration,
    /// How often metrics are sent (`"60s"`).
    #[serde(deserialize_with = "duration::one")]
    pub interval: Duration,
    /// How long one export may take (`"10s"`).
    #[serde(deserialize_with = "duration::one")]
    pub timeout: Duration,
    /// How long the end of the server waits for what is not sent yet (`"5s"`).
    #[serde(deserialize_with = "duration::one")]
    pub flush: Duration,
}

impl Default for Otel {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            protocol: None,
            headers_file: None,
            service: None,
            resource: BTreeMap::new(),
            signals: vec![OtelSignal::Traces, OtelSignal::Metrics, OtelSignal::Logs],
            sampling: 1.0,
            trace_context: TraceContext::default(),
            arguments: false,
            queue: 2048,
            delay: Duration::from_secs(5),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            flush: Duration::from_secs(5),
        }
    }
}

/// How to talk to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtelProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP: `/v1/traces` and so on are put behind the endpoint.
    Http,
}

/// One kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtelSignal {
    /// A span a request, and the spans that tools make through `tracing`.
    Traces,
    /// Durations and counters.
    Metrics,
    /// A log record a request.
    Logs,
}

/// What the trace context in a request's `_meta` is worth. Whoever can call can write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceContext {
    /// It names the parent of the request's span. Whether the span is kept is decided here, whatever the caller says.
    #[default]
    Parent,
    /// As `parent`, and a caller's word on whether the span is kept is taken: for callers who are trusted with that.
    Trusted,
    /// The request's span begins a trace of its own, with a link to the caller's.
    Link,
    /// It is not looked at.
    Ignore,
}

impl Otel {
    /// Whether this is sent.
    #[cfg(feature = "otel")]
    pub(crate) fn sends(&self, signal: OtelSignal) -> bool {
        self.signals.contains(&signal)
    }

    /// How to talk to the collector.
    #[cfg(feature = "otel")]
    pub(crate) fn protocol(&self) -> OtelProtocol {
        let port = || self.endpoint.parse::<http::Uri>().ok()?.port_u16();
        self.protocol.unwrap_or_else(|| if port() == Some(4318) { OtelProtocol::Http } else { OtelProtocol::Grpc })
    }

    /// Refuses what cannot work, and all of it where it is not built in.
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        let invalid = |why: &str| Err(InvalidConfig::new(format!("otel.{why}")));
        if !cfg!(feature = "otel") {
            return Err(InvalidConfig::new(
                "otel: this program is built without the feature `otel` of mcp-runtime; turn it on or leave [otel] out",
            ));
        }
        let endpoint = self.endpoint.parse::<http::Uri>().ok().filter(|uri| uri.authority().is_some());
        match endpoint.as_ref().and_then(http::Uri::scheme_str) {
            Some("http") => {}
            Some("https") if cfg!(feature = "otel-tls") => {}
            Some("https") => {
                return invalid(
                    "endpoint: this program is built without the feature `otel-tls` of mcp-runtime; turn it on, or send \
                     to a collector on this machine",
                );
            }
            _ => return invalid("endpoint has to be the address of a collector, as in \"http://127.0.0.1:4317\""),
        }
        if endpoint.is_some_and(|uri| uri.authority().is_some_and(|authority| authority.as_str().contains('@'))) {
            return invalid("endpoint: a password in an address ends up in logs; put it into otel.headers_file");
        }
        if !(0.0..=1.0).contains(&self.sampling) {
            return invalid("sampling is a share, from 0 to 1");
        }
        if self.signals.is_empty() {
            return invalid("signals: there has to be one at least; to send nothing leave [otel] out");
        }
        if self.service.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return invalid("service: a service has a name");
        }
        if !(1..=MAX_QUEUE).contains(&self.queue) {
            return invalid(&format!("queue has to be between 1 and {MAX_QUEUE}"));
        }
        let times = [("delay", self.delay), ("interval", self.interval), ("timeout", self.timeout)];
        match times.iter().find(|(_, time)| time.is_zero()) {
            Some((key, _)) => invalid(&format!("{key} has to be longer than nothing")),
            None => Ok(()),
        }
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests {
    use super::*;
    use crate::config::Config;

    fn otel(keys: &str) -> Result<Otel, InvalidConfig> {
        Config::parse(&format!("[otel]\n{keys}")).map(|config| config.otel.unwrap())
    }

    #[test]
    fn the_port_says_how_to_talk_unless_the_key_does() {
        for (keys, expected) in [
            ("endpoint = \"http://127.0.0.1:4317\"", OtelProtocol::Grpc),
            ("endpoint = \"http://127.0.0.1:4318\"", OtelProtocol::Http),
            ("endpoint = \"http://collector\"", OtelProtocol::Grpc),
            ("endpoint = \"http://collector\"\nprotocol = \"http\"", OtelProtocol::Http),
            ("endpoint = \"http://collector:4318\"\nprotocol = \"grpc\"", OtelProtocol::Grpc),
        ] {
            assert_eq!(otel(keys).unwrap().protocol(), expected, "{keys}");
        }
    }

    #[test]
    fn what_cannot_work_stops_the_start() {
        for (keys, word) in [
            ("", "otel.endpoint"),
            ("endpoint = \"collector:4317\"", "otel.endpoint"),
            ("endpoint = \"ftp://collector\"", "otel.endpoint"),
            ("endpoint = \"http://user:word@collector\"", "headers_file"),
            ("endpoint = \"http://c\"\nsampling = 1.5", "otel.sampling"),
            ("endpoint = \"http://c\"\nsampling = nan", "otel.sampling"),
            ("endpoint = \"http://c\"\nsignals = []", "otel.signals"),
            ("endpoint = \"http://c\"\nsignals = [\"traces\", \"profiles\"]", "profiles"),
            ("endpoint = \"http://c\"\nservice = \" \"", "otel.service"),
            ("endpoint = \"http://c\"\nqueue = 0", "otel.queue"),
            ("endpoint = \"http://c\"\ndelay = \"0s\"", "delay"),
            ("endpoint = \"http://c\"\ntrace_context = \"follow\"", "follow"),
            ("endpoint = \"http://c\"\nendpont = \"x\"", "endpont"),
        ] {
            let error = otel(keys).unwrap_err();
            assert!(error.0.contains(word), "{keys}: {error}");
        }
        #[cfg(not(feature = "otel-tls"))]
        assert!(otel("endpoint = \"https://c\"").unwrap_err().0.contains("otel-tls"));
        #[cfg(feature = "otel-tls")]
        assert!(otel("endpoint = \"https://c\"").is_ok());
    }
}

#[cfg(all(test, not(feature = "otel")))]
mod without {
    #[test]
    fn what_is_not_built_in_is_refused_by_the_name_of_its_feature() {
        let error = crate::config::Config::parse("[otel]\nendpoint = \"http://127.0.0.1:4317\"").unwrap_err();
        assert!(error.to_string().contains("the feature `otel`"), "{error}");
    }
}
