//! The record of one request in the making.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use super::{CallRecord, Decided, Latency, Marks, Origin, Redacted, Via, micros};
use crate::caller::Caller;
use crate::error::{Correlation, Failure, code};
use crate::limit::Quota;
use crate::output::Counts;
use crate::telemetry::{Begun, Scopes, Sinks};

/// The record of one request in the making, shared by everybody who knows something of it: the transport, the handler,
/// the gate. It is written once, when the last of them lets go, whatever happened: there is no way out of a request that
/// leaves no record, and none that leaves two.
#[derive(Clone, Debug)]
pub(crate) struct Recording(Arc<Open>);

#[derive(Debug)]
struct Open {
    sinks: Arc<Sinks>,
    correlation: Correlation,
    draft: Mutex<Draft>,
    /// What those who watch have begun.
    scopes: OnceLock<Scopes>,
    /// Of a call.
    span: OnceLock<tracing::Span>,
}

#[derive(Debug)]
struct Draft {
    record: CallRecord,
    marks: Marks,
    /// Somebody who knows has said what came of the request.
    decided: bool,
    /// Where it came from, if somebody follows traces.
    origin: Origin,
}

impl Recording {
    /// The record of a request that has just arrived. Until somebody knows better it says that it was cancelled.
    pub(crate) fn new(sinks: &Arc<Sinks>, caller: &Arc<Caller>, correlation: Correlation, via: Via) -> Self {
        Self::over(sinks, caller, correlation, via, None)
    }

    /// The record of a request that came over this version of HTTP.
    #[cfg(feature = "http")]
    pub(crate) fn over_http(sinks: &Arc<Sinks>, caller: &Arc<Caller>, version: http::Version) -> Self {
        Self::over(sinks, caller, Correlation::new(), Via::Http, http_version(version))
    }

    fn over(
        sinks: &Arc<Sinks>,
        caller: &Arc<Caller>,
        correlation: Correlation,
        via: Via,
        http_version: Option<&'static str>,
    ) -> Self {
        sinks.arrived();
        // Put together in its place: it is large.
        Self(Arc::new(Open {
            sinks: Arc::clone(sinks),
            correlation,
            draft: Mutex::new(Draft {
                record: CallRecord {
                    time: Timestamp::now(),
                    request: String::new(),
                    correlation,
                    via,
                    revision: None,
                    http_version,
                    method: "unknown",
                    tool: None,
                    caller: Arc::clone(caller),
                    decision: Decided::Undecided,
                    outcome: code::CANCELLED,
                    rpc_code: None,
                    trace: None,
                    arguments: Redacted::default(),
                    arguments_digest: None,
                    coerced: Vec::new(),
                    violations: Vec::new(),
                    duration_us: 0,
                    latency: Latency::default(),
                    output_bytes: 0,
                    untrusted: 0,
                    removed: 0,
                    defused: 0,
                    masked: 0,
                    quota: None,
                },
                marks: Marks::new(),
                decided: false,
                origin: Origin::default(),
            }),
            scopes: OnceLock::new(),
            span: OnceLock::new(),
        }))
    }

    pub(crate) fn correlation(&self) -> Correlation {
        self.0.correlation
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut CallRecord)) {
        edit(&mut self.draft().record);
    }

    /// Where the request came from. Not asked unless somebody follows traces.
    pub(crate) fn came_from(&self, tell: impl FnOnce(&mut Origin)) {
        if self.0.sinks.is_traced() {
            tell(&mut self.draft().origin);
        }
    }

    /// It is answered with a JSON-RPC error of this code.
    pub(crate) fn rpc_error(&self, code: i32) {
        self.draft().record.rpc_code = Some(code);
    }

    /// What the request was. Those who watch hear of it, unless it is a tool call: the gate says when that begins.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn identify(&self, method: &'static str, request: &str) {
        let request = self.0.sinks.redactor.name(request);
        let mut draft = self.draft();
        draft.record.method = method;
        draft.record.request = request;
        if method != "tools/call" {
            self.0.begin(&mut draft);
        }
    }

    /// The revision of the protocol that the client speaks; one that MCP does not have is none.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn speaks(&self, revision: &str) {
        self.edit(|record| record.revision = known_revision(revision));
    }

    /// The gate has the call, and knows its tool.
    pub(crate) fn call(&self, tool: Option<&'static str>, request: &str) {
        let request = self.0.sinks.redactor.name(request);
        let mut draft = self.draft();
        draft.marks.gate = Some(Instant::now());
        draft.record.method = "tools/call";
        draft.record.tool = tool;
        draft.record.request = request;
        // From here on, who goes away has cancelled a call.
        draft.record.outcome = code::CANCELLED;
        draft.decided = true;
        self.0.begin(&mut draft);
        let span = tracing::info_span!(
            target: "mcp_runtime::call",
            "tools/call",
            tool,
            agent = %draft.record.caller.agent(),
            correlation = %self.0.correlation,
        );
        let _ = self.0.span.set(span);
    }

    /// What happens for the call happens within this.
    pub(crate) fn scopes(&self) -> Scopes {
        self.0.scopes.get().cloned().unwrap_or_default()
    }

    /// The call's span, for a subscriber of `tracing`.
    pub(crate) fn span(&self) -> tracing::Span {
        self.0.span.get().cloned().unwrap_or_else(tracing::Span::none)
    }

    /// Every check is passed: the tool runs.
    pub(crate) fn admitted(&self) {
        let mut draft = self.draft();
        draft.marks.tool = Some(Instant::now());
        draft.record.decision = Decided::Admitted;
    }

    /// Whether the tool ran.
    pub(crate) fn is_admitted(&self) -> bool {
        self.draft().record.decision == Decided::Admitted
    }

    /// The tool is back.
    pub(crate) fn returned(&self) {
        self.draft().marks.returned = Some(Instant::now());
    }

    /// What came of it, from who knows.
    pub(crate) fn decide(&self, outcome: &'static str) {
        self.draft().decide(outcome);
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
    pub(crate) fn served(&self, output_bytes: u64, untrusted: usize, counts: Counts) {
        let mut draft = self.draft();
        draft.decide(CallRecord::OK);
        draft.record.output_bytes = output_bytes;
        draft.record.untrusted = untrusted;
        draft.sanitised(counts);
    }

    /// What sanitising changed.
    pub(crate) fn sanitised(&self, counts: Counts) {
        self.draft().sanitised(counts);
    }

    /// What is left of the caller's limits.
    pub(crate) fn left(&self, quota: Option<Quota>) {
        self.edit(|record| record.quota = quota);
    }

    /// The request failed; a cause goes to the log under the correlation id of the request.
    pub(crate) fn failed(&self, failure: &Failure) {
        let mut draft = self.draft();
        draft.decide(failure.code);
        draft.record.violations.clear();
        for violation in &failure.violations {
            let counts = &mut draft.record.violations;
            match counts.iter_mut().find(|(keyword, _)| *keyword == violation.keyword) {
                Some((_, count)) => *count += 1,
                None => counts.push((violation.keyword.clone(), 1)),
            }
        }
        if let Some(cause) = &failure.cause {
            self.span().in_scope(|| self.0.sinks.cause(&draft.record, cause));
        }
    }

    /// A poisoned lock guards fields that are each whole.
    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.0.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Tells those who watch, once.
    fn begin(&self, draft: &mut Draft) {
        if self.sinks.is_watched() && self.scopes.get().is_none() {
            let scopes = self.sinks.begin(&Begun::of(&draft.record, &draft.origin));
            draft.record.trace = scopes.traced();
            let _ = self.scopes.set(scopes);
        }
    }
}

impl Draft {
    fn decide(&mut self, outcome: &'static str) {
        self.record.outcome = outcome;
        self.decided = true;
        self.marks.decided = Some(Instant::now());
    }

    fn sanitised(&mut self, counts: Counts) {
        let Counts { removed, defused, masked } = counts;
        self.record.removed = removed;
        self.record.defused = defused;
        self.record.masked = masked;
    }

    /// The record as it is kept; what is left here is of no more use.
    fn finish(&mut self) -> CallRecord {
        let end = Instant::now();
        let record = &mut self.record;
        if record.decision == Decided::Undecided {
            record.decision = Decided::of(record.outcome);
        }
        let is_answered = record.outcome == CallRecord::OK;
        record.rpc_code = if is_answered { None } else { record.rpc_code.or_else(|| rpc_code(record)) };
        CallRecord {
            duration_us: micros(end.saturating_duration_since(self.marks.start)),
            latency: self.marks.latency(end),
            request: std::mem::take(&mut record.request),
            arguments: std::mem::take(&mut record.arguments),
            coerced: std::mem::take(&mut record.coerced),
            violations: std::mem::take(&mut record.violations),
            caller: Arc::clone(&record.caller),
            ..*record
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let draft = self.draft.get_mut().unwrap_or_else(PoisonError::into_inner);
        let record = Arc::new(draft.finish());
        let scopes = self.scopes.take().unwrap_or_default();
        let span = self.span.take().unwrap_or_else(tracing::Span::none);
        self.sinks.record(&record, &scopes, &span);
        self.sinks.left();
    }
}

/// A revision of the protocol, if MCP has it.
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) fn known_revision(revision: &str) -> Option<&'static str> {
    use rmcp::model::ProtocolVersion;
    let mut known = ProtocolVersion::KNOWN_VERSIONS.iter().rev().map(ProtocolVersion::as_str);
    known.find(|known| *known == revision)
}

/// A version of HTTP, as the conventions of OpenTelemetry name it.
#[cfg(feature = "http")]
pub(crate) fn http_version(version: http::Version) -> Option<&'static str> {
    match version {
        http::Version::HTTP_10 => Some("1.0"),
        http::Version::HTTP_11 => Some("1.1"),
        http::Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// The JSON-RPC error that an outcome is answered with, where nobody said more: only calls can fail with a result.
fn rpc_code(record: &CallRecord) -> Option<i32> {
    let is_call = record.method == "tools/call";
    match record.outcome {
        code::INVALID_REQUEST if record.decision != Decided::Admitted => Some(-32600),
        _ if is_call => None,
        code::RATE_LIMITED => Some(429),
        code::OVERLOADED | code::UNAVAILABLE => Some(503),
        code::INTERNAL | code::TIMEOUT => Some(-32603),
        _ => None,
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    #[test]
    fn versions_of_http_have_few_names() {
        use http::Version;
        let versions = [Version::HTTP_09, Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3];
        assert_eq!(versions.map(http_version), [None, Some("1.0"), Some("1.1"), Some("2"), None]);
    }
}
