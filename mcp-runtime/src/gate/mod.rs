//! The gate: the one way that every call takes, whatever transport it came by.
//!
//! ```text
//! find tool → scopes without arguments → limits (all checked, then one unit charged) → validate and decode
//!           → scopes filled by arguments → the rest of the cost → permit → guard → run (timeout, panic, cancel)
//!           → sanitise → check against the output schema and bound → one record, whatever happened
//! ```
//!
//! Scopes come before limits, so that a stranger cannot drain a bucket; limits before validation, so that a looping
//! agent pays for its bad calls; a scope with an argument asks first for a grant that could fill it, so that nobody
//! probes the schema of what they can never call; permit and guard come last, since they cost most. A new check goes
//! into `Gate::decide`, in the place that its cost and what it reveals give it.

mod call;
mod charge;
mod listing;
mod run;
mod sent;
mod slots;
mod state;
#[cfg(all(feature = "testing", feature = "http"))]
#[doc(hidden)]
pub mod steps;
mod tools;
mod watchdog;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

#[cfg(any(feature = "http", feature = "stdio"))]
use futures_util::future::{Either, select};
use rmcp::model::ErrorCode;
use tokio::sync::Semaphore;
#[cfg(any(feature = "http", feature = "stdio"))]
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::__private::{Call, Prepared};
use crate::arguments::{self, Malformed};
use crate::caller::Caller;
use crate::config::Config;
use crate::context::CallContext;
use crate::error::{Failure, code};
use crate::input::End;
use crate::json::Document;
use crate::limit::{Memory, Quota};
use crate::output::{Links, OutputBounds};
use crate::policy::ToolPolicy;
use crate::record::{CallRecord, Recording};
use crate::spec::Server;
use crate::telemetry::Sinks;
use run::{finish, panicked, run, suspended};
use sent::Sent;
use slots::Slot;
use tools::Entry;
use watchdog::Watchdog;

#[cfg(feature = "http")]
pub(crate) use call::Body;
pub use call::{Answered, Decision, Outcome, Request};
pub(crate) use listing::canonical;
#[cfg(feature = "http")]
pub(crate) use sent::SMALL;
pub(crate) use state::CallState;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) use state::panic_text;
pub use state::{Given, Refused};
pub use tools::{StartError, Tools};

/// How many threads all blocking tools of a server take at the most.
const BLOCKING_THREADS: usize = 128;

/// A server's tools behind the policy in force.
pub struct Gate {
    server: Box<dyn Prepare>,
    tools: Tools,
    limits: Memory,
    threads: Arc<Semaphore>,
    links: Arc<Links>,
    sinks: Arc<Sinks>,
    watchdog: Watchdog,
}

impl Gate {
    /// Builds the gate of a server: [`Protected`](crate::Protected) does.
    ///
    /// # Errors
    /// A configuration that does not fit the server, a tool that cannot be served.
    pub(crate) fn build<S: Server>(server: Arc<S>, config: &Config, sinks: Sinks) -> Result<Self, StartError> {
        let links = config.links.prefixes()?;
        let names = S::TOOLS.iter().map(|tool| tool.spec.name);
        let watchdog = Watchdog::start(config.log.blocking, names).map_err(StartError::Watchdog)?;
        Ok(Self {
            server: Box::new(server),
            tools: Tools::of::<S>(config)?,
            limits: Memory::default(),
            threads: Arc::new(Semaphore::new(BLOCKING_THREADS)),
            links: Arc::new(links),
            sinks: Arc::new(sinks),
            watchdog,
        })
    }

    /// The tools, and the policy in force.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// How many threads blocking tools keep busy, and how many there are.
    #[cfg(feature = "prometheus")]
    pub(crate) fn threads(&self) -> (usize, usize) {
        (BLOCKING_THREADS.saturating_sub(self.threads.available_permits()), BLOCKING_THREADS)
    }

    /// How many agents and subjects are counted, and how many can be.
    #[cfg(feature = "prometheus")]
    pub(crate) fn counted_callers(&self) -> (usize, usize) {
        (self.limits.len(), self.limits.capacity())
    }

    /// How often each tool was found blocking a thread that it may not block.
    #[cfg(feature = "prometheus")]
    pub(crate) fn blocked(&self) -> Vec<(&'static str, u64)> {
        self.watchdog.blocked().collect()
    }

    /// The running calls of each tool that has a bound on them.
    #[cfg(feature = "prometheus")]
    pub(crate) fn running(&self) -> Vec<crate::telemetry::Running> {
        let bounded = self.tools.all().filter_map(|(tool, entry)| {
            let (now, limit) = entry.slots.running()?;
            Some(crate::telemetry::Running { tool: tool.spec.name, now, limit })
        });
        bounded.collect()
    }

    /// Whether a plain `fn` still runs, answered or not.
    #[cfg(feature = "cli")]
    pub(crate) fn has_busy_threads(&self) -> bool {
        self.threads.available_permits() < BLOCKING_THREADS
    }

    pub(crate) fn sinks(&self) -> &Arc<Sinks> {
        &self.sinks
    }

    /// As [`Gate::call`], until `cut_off`: then a call that still runs is dropped, and what its caller hears is that it was
    /// cancelled.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) async fn call_until(&self, request: Request<'_>, cut_off: &CancellationToken) -> Decision {
        match select(pin!(self.call(request)), pin!(cut_off.cancelled())).await {
            Either::Left((decision, _)) => decision,
            Either::Right(_) => Decision { outcome: Outcome::Failed(Box::new(run::cancelled())), quota: None },
        }
    }

    /// Decides a call, runs it if it may run, and records it.
    pub async fn call(&self, request: Request<'_>) -> Decision {
        let recording = request
            .recording
            .clone()
            .unwrap_or_else(|| Recording::new(&self.sinks, request.caller, request.context.correlation(), request.via));
        let (name, context) = (request.tool, request.context.clone());
        let found = self.tools.find(name);
        recording.call(found.map(|(tool, _)| tool.spec.name), request.id.unwrap_or(context.request_id()));
        let mut quota = None;
        let Request { arguments, read, .. } = request;
        let mut sent = Sent::new(arguments, read);
        let decided = {
            // It is large, and stays where it is made.
            let deciding = pin!(self.decide(request.caller, &mut sent, request.context, found, &mut quota, &recording));
            recording.scopes().around(deciding.instrument(recording.span())).await
        };
        recording.left(quota);
        // Who is over a limit may come back very often: those records stay small.
        if matches!(&decided, Err(Stop::Failed(failure)) if failure.code != code::RATE_LIMITED) {
            self.record_unread(name, &mut sent, &recording);
        }
        let outcome = match decided {
            Ok(answered) => {
                recording.served(answered.bytes, answered.untrusted.len(), answered.counts);
                Outcome::Answered(answered)
            }
            Err(Stop::Failed(mut failure)) => {
                // What the gate itself says holds nothing of the arguments.
                if failure.cause.is_some() || recording.is_admitted() {
                    self.scrub(&mut failure, name, &mut sent);
                }
                // One id for the caller, the record and the log.
                failure.correlation = failure.cause.is_some().then(|| recording.correlation());
                recording.sanitised(failure.sanitise(&self.failure_bounds(name)));
                recording.failed(&failure);
                Outcome::Failed(failure)
            }
            Err(Stop::UnknownTool) => {
                recording.decide(code::INVALID_REQUEST);
                recording.rpc_error(ErrorCode::INVALID_PARAMS.0);
                Outcome::UnknownTool
            }
            Err(Stop::Malformed(malformed)) => {
                recording.decide(code::INVALID_REQUEST);
                recording.rpc_error(ErrorCode::INVALID_PARAMS.0);
                Outcome::Malformed(malformed)
            }
            Err(Stop::Asked(end)) => suspended(end, context.client(), &recording),
        };
        Decision { outcome, quota }
    }

    /// A call that was refused before its arguments were read shows them in its record all the same, if they are small
    /// enough that reading them costs little.
    fn record_unread(&self, name: &str, sent: &mut Sent<'_>, recording: &Recording) {
        let Some((tool, _)) = self.tools.find(name) else { return };
        if let Some(sent) = sent.small() {
            recording.edit(|record| {
                if record.arguments.is_none() {
                    self.record_arguments(record, sent, tool);
                }
            });
        }
    }

    /// Takes what the arguments declare private out of a failure's texts.
    fn scrub(&self, failure: &mut Failure, name: &str, sent: &mut Sent<'_>) {
        let Some((tool, _)) = self.tools.find(name).filter(|(tool, _)| !tool.redacted().is_empty()) else { return };
        if let Some(sent) = sent.members() {
            self.sinks.redactor.scrub(failure, &sent, tool.spec.arguments);
        }
    }

    fn record_arguments(&self, record: &mut CallRecord, sent: &Document<'_>, tool: &ToolPolicy) {
        self.sinks.arguments(record, sent, tool.spec.arguments);
    }

    /// Every check, in the order of this module's page.
    async fn decide(
        &self,
        caller: &Arc<Caller>,
        sent: &mut Sent<'_>,
        context: CallContext,
        found: Option<(&ToolPolicy, &Entry)>,
        quota: &mut Option<Quota>,
        recording: &Recording,
    ) -> Result<Answered, Stop> {
        let Some((tool, entry)) = found else {
            self.charge(caller, None, 1, quota)?;
            return Err(Stop::UnknownTool);
        };
        if let Err(missing) = tool.spec.scope.could_be_met(caller.grants()) {
            // To be refused costs the caller's own limits, and nobody else's.
            self.charge(caller, None, 1, quota)?;
            let missing = match sent.small() {
                Some(sent) if caller.steps_up() => missing.filled(sent),
                _ => missing,
            };
            return Err(Failure::missing_scopes(missing).into());
        }

        self.charge(caller, Some(tool), 1, quota)?;

        let sent = sent.read().map_err(Stop::Malformed)?;
        recording.edit(|record| self.record_arguments(record, sent, tool));
        let coerced = arguments::check(sent, &entry.arguments).map_err(Failure::invalid_arguments)?;
        if !coerced.is_empty() {
            recording.edit(|record| record.coerced = coerced);
        }

        // A plain `fn` that was answered `TIMEOUT` runs on, and hears by this that nobody waits for it.
        let (context, _over) = context.child();
        let state = CallState::new(
            Arc::clone(caller),
            context,
            self.bounds(tool),
            tool.spec.guarded,
            Arc::clone(&self.threads),
            recording.clone(),
        );
        let mut given = Given::new(sent, tool.spec.arguments);
        // Decoding runs code of the arguments' types, and so does dropping what it decoded.
        let prepared = catch_unwind(AssertUnwindSafe(|| self.server.prepare(entry.index, &state, &mut given)));
        let call = prepared.map_err(|panic| panicked(&state::panic_text(panic)))?;
        let admitted = match &call {
            Some(_) if given.violations.is_empty() => self.admit(caller, tool, entry, &given, quota),
            _ => Err(Box::new(Failure::invalid_arguments(given.violations))),
        };
        let call = match (admitted, call) {
            (Ok(slot), Some(call)) => {
                state.admit(slot);
                call
            }
            (Ok(_), None) => return Err(Failure::internal("the tool prepared no call").into()),
            (Err(failure), call) => {
                let dropped = catch_unwind(AssertUnwindSafe(move || drop(call)));
                return Err(dropped
                    .err()
                    .map_or(failure, |panic| Box::new(panicked(&state::panic_text(panic))))
                    .into());
            }
        };

        let watch = self.watchdog.call(entry.index, recording.correlation());
        let answer = run(call, tool, &state, &watch).await?;
        Ok(finish(answer, tool, entry)?)
    }

    /// The checks that need the decoded arguments, and the last one before the guard: is there room to run?
    fn admit(
        &self,
        caller: &Caller,
        tool: &ToolPolicy,
        entry: &Entry,
        given: &Given<'_>,
        quota: &mut Option<Quota>,
    ) -> Result<Slot, Refused> {
        if tool.spec.scope.reads_arguments() {
            let met = tool.spec.scope.met_with(caller.grants(), &given.segments);
            met.map_err(|missing| Box::new(Failure::missing_scopes(missing)))?;
        }
        if given.cost > 1 {
            self.affordable(caller, tool, given.cost)?;
            // A call that comes back pays its first unit again, so the time to wait is that of the whole cost.
            self.charge(caller, Some(tool), given.cost - 1, quota)
                .or_else(|_| self.charge(caller, Some(tool), given.cost, quota))?;
        }
        let slot = entry.slots.take(caller.agent());
        slot.ok_or_else(|| Box::new(state::overloaded("too many calls of this tool run already; try again soon")))
    }

    /// By what rules a tool's output is sanitised and bounded.
    fn bounds(&self, tool: &ToolPolicy) -> OutputBounds {
        OutputBounds { max_bytes: tool.max_output, links: Arc::clone(&self.links), unmasked: tool.unmasked }
    }

    /// By what rules a failure's texts are sanitised: its tool's, if there is such a tool.
    fn failure_bounds(&self, name: &str) -> OutputBounds {
        self.tools.find(name).map_or_else(|| self.handler_bounds(), |(tool, _)| self.bounds(tool))
    }

    /// By what rules the answers of the user's own handler are sanitised.
    pub(crate) fn handler_bounds(&self) -> OutputBounds {
        OutputBounds { max_bytes: u64::MAX, links: Arc::clone(&self.links), unmasked: false }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("server", &self.tools.spec().name).finish_non_exhaustive()
    }
}

/// A call that goes no further.
enum Stop {
    Failed(Box<Failure>),
    UnknownTool,
    Malformed(Malformed),
    Asked(End),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Failed(refused)
    }
}

/// A server whose type is forgotten, so that the gate is compiled once.
trait Prepare: Send + Sync {
    fn prepare<'a>(&'a self, tool: usize, state: &'a CallState, given: &mut Given<'_>) -> Prepared<'a>;
}

impl<S: Server> Prepare for Arc<S> {
    fn prepare<'a>(&'a self, tool: usize, state: &'a CallState, given: &mut Given<'_>) -> Prepared<'a> {
        let tool = S::TOOLS.get(tool)?;
        (tool.prepare)(Call::new(self, state), given)
    }
}
