//! The steps of a call by themselves, for the benchmark that adds them up. Nothing of a server goes through here.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;

use super::run::{finish, run};
use super::state::{CallState, Given};
use super::{Answered, Decision, Gate, Outcome, slots::Slot};
use crate::arguments;
use crate::auth::Authenticate;
use crate::caller::Caller;
use crate::context::CallContext;
use crate::error::Correlation;
use crate::json::{Document, read};
use crate::output::{Answer, ToolResult};
use crate::record::{CallRecord, Recording, Via};
use crate::transport::http::direct;

/// Arguments that were read.
#[derive(Clone, Debug)]
pub struct Sent<'t>(Document<'t>);

/// A record in the making.
#[derive(Debug)]
pub struct Begun(Recording);

/// What one call of a tool consists of.
#[derive(Debug)]
pub struct Steps<'g> {
    gate: &'g Gate,
    tool: &'static str,
    caller: Arc<Caller>,
}

impl<'g> Steps<'g> {
    /// The steps of calls of this tool.
    ///
    /// # Panics
    /// If there is no such tool.
    pub fn new(gate: &'g Gate, tool: &'static str, caller: Arc<Caller>) -> Self {
        assert!(gate.tools.find(tool).is_some(), "there is no tool `{tool}`");
        Self { gate, tool, caller }
    }

    /// Arguments, read strictly.
    pub fn read<'t>(&self, text: &'t str) -> Sent<'t> {
        Sent(read::object(text).unwrap_or_default())
    }

    /// Finds the tool, and asks for its scopes.
    pub fn scopes(&self) -> bool {
        let tool = self.gate.tools.find(self.tool);
        tool.is_some_and(|(tool, _)| tool.spec.scope.could_be_met(self.caller.grants()).is_ok())
    }

    /// Charges the limits.
    pub fn limits(&self) -> bool {
        let tool = self.gate.tools.find(self.tool).map(|(tool, _)| tool);
        self.gate.charge(&self.caller, tool, 1, &mut None).is_ok()
    }

    /// Checks the arguments against the schema.
    pub fn validate<'t>(&self, mut sent: Sent<'t>) -> Option<Sent<'t>> {
        let (_, entry) = self.gate.tools.find(self.tool)?;
        arguments::check(&mut sent.0, &entry.arguments).is_ok().then_some(sent)
    }

    /// A record in the making.
    pub fn begin(&self) -> Begun {
        Begun(Recording::new(&self.gate.sinks, &self.caller, Correlation::new(), Via::Process))
    }

    /// Decodes the arguments, and runs the tool with everything that bounds it.
    pub async fn run(&self, sent: &Sent<'_>, begun: &Begun) -> Option<Answer> {
        let (tool, entry) = self.gate.tools.find(self.tool)?;
        let recording = begun.0.clone();
        let context = CallContext::unseen(recording.correlation());
        let bounds = self.gate.bounds(tool);
        let threads = Arc::clone(&self.gate.threads);
        let caller = Arc::clone(&self.caller);
        let state = CallState::new(caller, context, bounds, tool.spec.guarded, threads, recording);
        let mut given = Given::new(&sent.0, tool.spec.arguments);
        let call = self.gate.server.prepare(entry.index, &state, &mut given)?;
        state.admit(Slot::default());
        let watch = self.gate.watchdog.call(entry.index, state.context.correlation());
        run(call, tool, &state, &watch).await.ok()
    }

    /// Sanitises what a tool gives back.
    pub fn sanitise<R: ToolResult>(&self, value: R) -> Option<Answer> {
        let (tool, _) = self.gate.tools.find(self.tool)?;
        value.answer(&self.gate.bounds(tool)).ok()
    }

    /// Checks an answer against the output schema, and gives it its final form.
    pub fn finish(&self, answer: Answer) -> Option<Answered> {
        let (tool, entry) = self.gate.tools.find(self.tool)?;
        finish(answer, tool, entry).ok()
    }

    /// Records a call: its arguments redacted, to wherever the gate's records go.
    pub fn record(&self, sent: &Sent<'_>) {
        let Some((tool, _)) = self.gate.tools.find(self.tool) else { return };
        let Begun(recording) = self.begin();
        recording.call(Some(tool.spec.name), "1");
        recording.edit(|record| self.gate.record_arguments(record, &sent.0, tool));
        recording.decide(CallRecord::OK);
    }

    /// Waits until the sinks have let go of every record.
    pub fn settle(&self) {
        self.gate.sinks.flush(Duration::from_secs(1));
    }

    /// Writes an answer as HTTP sends it.
    pub fn render(&self, answered: Answered) -> http::Response<impl http_body::Body> {
        direct::rendered(Decision { outcome: Outcome::Answered(answered), quota: None })
    }

    /// Reads a message, and compares it with the headers; gives how long its arguments are.
    pub fn envelope(&self, headers: &HeaderMap, body: &[u8]) -> Option<usize> {
        direct::described(headers, body)
    }

    /// Finds out who calls.
    pub async fn identify(&self, authenticate: &dyn Authenticate, parts: &Parts) -> bool {
        crate::auth::verify(authenticate, parts).await.is_ok()
    }
}
