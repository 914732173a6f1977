//! One record a request of an identified caller, whatever came of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::caller::Caller;
use crate::error::{Correlation, Failure, code};
use crate::output::Counts;
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
    /// The arguments that came as strings and were taken for what the schema asks for, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coerced: Vec<String>,
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
    /// How many links in the answer lost their address, and how many role tokens were broken.
    #[serde(skip_serializing_if = "is_zero")]
    pub defused: usize,
    /// How many secrets were masked in the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub masked: usize,
}

fn agent<S: Serializer>(caller: &Arc<Caller>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(caller.agent())
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The record of one request in the making, shared by everybody who knows something of it: the transport, the handler,
/// the gate. It is written once, when the last of them lets go, whatever happened: there is no way out of a request that
/// leaves no record, and none that leaves two.
#[derive(Clone, Debug)]
pub(crate) struct Recording(Arc<Open>);

#[derive(Debug)]
struct Open {
    sinks: Arc<Sinks>,
    start: Instant,
    correlation: Correlation,
    draft: Mutex<Draft>,
}

#[derive(Debug)]
struct Draft {
    record: CallRecord,
    /// Somebody who knows has said what came of the request.
    decided: bool,
}

impl Recording {
    /// The record of a request that has just arrived. Until somebody knows better it says that it was cancelled.
    pub(crate) fn new(sinks: &Arc<Sinks>, caller: &Arc<Caller>, correlation: Correlation, via: Via) -> Self {
        let record = CallRecord {
            time: Timestamp::now(),
            request: String::new(),
            correlation,
            via,
            method: "unknown",
            tool: None,
            agent: Arc::clone(caller),
            subject: caller.subject().map(str::to_owned),
            credential: caller.credential().to_owned(),
            outcome: code::CANCELLED,
            arguments: Value::Null,
            coerced: Vec::new(),
            violations: Vec::new(),
            duration_us: 0,
            output_bytes: 0,
            removed: 0,
            defused: 0,
            masked: 0,
        };
        let draft = Mutex::new(Draft { record, decided: false });
        Self(Arc::new(Open { sinks: Arc::clone(sinks), start: Instant::now(), correlation, draft }))
    }

    pub(crate) fn correlation(&self) -> Correlation {
        self.0.correlation
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut CallRecord)) {
        edit(&mut self.draft().record);
    }

    /// What the request was.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn identify(&self, method: &'static str, request: &str) {
        self.edit(|record| {
            record.method = method;
            record.request = crate::arguments::shown(request);
        });
    }

    /// What came of it, from who knows.
    pub(crate) fn decide(&self, outcome: &'static str) {
        let mut draft = self.draft();
        draft.record.outcome = outcome;
        draft.decided = true;
    }

    /// What came of it as far as one can tell, unless somebody knew better.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn presume(&self, outcome: &'static str) {
        let mut draft = self.draft();
        if !draft.decided {
            draft.record.outcome = outcome;
        }
    }

    /// The call was served.
    pub(crate) fn served(&self, output_bytes: u64, counts: Counts) {
        self.decide("OK");
        self.edit(|record| record.output_bytes = output_bytes);
        self.sanitised(counts);
    }

    /// What sanitising changed.
    pub(crate) fn sanitised(&self, counts: Counts) {
        let Counts { removed, defused, masked } = counts;
        self.edit(|record| {
            record.removed = removed;
            record.defused = defused;
            record.masked = masked;
        });
    }

    /// The request failed; a cause goes to the log under the correlation id of the request.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.decide(failure.code);
        let mut draft = self.draft();
        draft.record.violations = failure.violations.iter().map(|violation| violation.keyword.clone()).collect();
        if let Some(cause) = &failure.cause {
            self.0.sinks.cause(&draft.record, cause);
        }
    }

    /// A poisoned lock guards fields that are each whole.
    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.0.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let record = &mut self.draft.get_mut().unwrap_or_else(PoisonError::into_inner).record;
        record.duration_us = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.sinks.record(record);
    }
}
