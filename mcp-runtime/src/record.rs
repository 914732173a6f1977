//! One record a request of an identified caller, whatever came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::caller::Caller;
use crate::error::{Correlation, Failure, code};
use crate::telemetry::Sinks;

/// Which way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

/// What a request came to.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CallRecord {
    /// When it arrived.
    pub time: Timestamp,
    /// The client's id of the request, cut at 64 bytes.
    pub request: String,
    /// Our id: the same as in the error that the caller saw, and in the log.
    pub correlation: Correlation,
    /// Which way it came.
    pub via: Via,
    /// The JSON-RPC method; `unknown` for one that MCP does not have.
    pub method: &'static str,
    /// The tool; `None` if the request names none of this server's.
    pub tool: Option<&'static str>,
    /// The agent, with its source.
    #[serde(serialize_with = "agent")]
    pub agent: Arc<Caller>,
    /// On whose behalf.
    pub subject: Option<String>,
    /// The id of the credential.
    pub credential: String,
    /// `OK` or the error code.
    pub outcome: &'static str,
    /// The arguments, redacted as their declarations say.
    pub arguments: Value,
    /// Keywords of the schema that the arguments broke.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
    /// From arrival to answer, in microseconds.
    pub duration_us: u64,
    /// The answer's content, in bytes of JSON.
    pub output_bytes: u64,
    /// How many code points were removed from the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed: usize,
}

fn agent<S: Serializer>(caller: &Arc<Caller>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(caller.agent())
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A record in the making. Dropped before it is finished, it says that the request was cancelled: there is no way out
/// of a call that leaves no record.
///
/// A request has one record, and two who could write it: the transport, which sees every request, and the gate, which
/// knows more of a call. The gate claims the record as it starts; the transport writes one if nobody has.
#[derive(Debug)]
pub(crate) struct Recording {
    sinks: Arc<Sinks>,
    start: Instant,
    record: Box<CallRecord>,
    claim: Claim,
}

#[derive(Debug)]
enum Claim {
    /// Ours to write.
    Held,
    /// Written if nobody has claimed it by then.
    AtTheEnd(Arc<AtomicBool>),
    /// Somebody else's.
    Lost,
}

impl Recording {
    /// The record of a request, written at the end if nobody else claimed it.
    pub(crate) fn new(
        sinks: &Arc<Sinks>,
        caller: &Arc<Caller>,
        request: &str,
        correlation: Correlation,
        via: Via,
        claimed: &Arc<AtomicBool>,
    ) -> Self {
        let record = CallRecord {
            time: Timestamp::now(),
            request: crate::arguments::shown(request),
            correlation,
            via,
            method: "unknown",
            tool: None,
            agent: Arc::clone(caller),
            subject: caller.subject().map(str::to_owned),
            credential: caller.credential().to_owned(),
            outcome: code::CANCELLED,
            arguments: Value::Null,
            violations: Vec::new(),
            duration_us: 0,
            output_bytes: 0,
            removed: 0,
        };
        let claim = Claim::AtTheEnd(Arc::clone(claimed));
        Self { sinks: Arc::clone(sinks), start: Instant::now(), record: Box::new(record), claim }
    }

    /// Takes the record over from whoever else could write it.
    pub(crate) fn claim(mut self) -> Self {
        if let Claim::AtTheEnd(claimed) = &self.claim {
            self.claim = if claimed.swap(true, Ordering::AcqRel) { Claim::Lost } else { Claim::Held };
        }
        self
    }

    /// Whether somebody else writes it.
    #[cfg(feature = "stdio")]
    pub(crate) fn is_claimed(&self) -> bool {
        match &self.claim {
            Claim::Held => false,
            Claim::AtTheEnd(claimed) => claimed.load(Ordering::Acquire),
            Claim::Lost => true,
        }
    }

    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut CallRecord)) {
        edit(&mut self.record);
    }

    /// The call was served.
    pub(crate) fn served(&mut self, output_bytes: u64, removed: usize) {
        self.record.outcome = "OK";
        self.record.output_bytes = output_bytes;
        self.record.removed = removed;
    }

    /// The call failed; a cause goes to the log under the correlation id of the call.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.record.outcome = failure.code;
        self.record.violations = failure.violations.iter().map(|violation| violation.keyword.clone()).collect();
        if let Some(cause) = &failure.cause {
            self.sinks.cause(&self.record, cause);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let ours = match &self.claim {
            Claim::Held => true,
            Claim::AtTheEnd(claimed) => !claimed.swap(true, Ordering::AcqRel),
            Claim::Lost => false,
        };
        if ours {
            self.record.duration_us = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.sinks.record(&self.record);
        }
    }
}
