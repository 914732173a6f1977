//! The state of one call between the gate and the generated code.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::slots::Slot;
use crate::arguments::{ByParameter, CheckError, MAX_VIOLATIONS, Violation, decode, escape, is_flattened};
use crate::caller::Caller;
use crate::context::CallContext;
use crate::error::{Denied, Failure, code};
use crate::json::Document;
use crate::output::OutputBounds;
use crate::record::Recording;
use crate::spec::ArgumentSpec;

/// A call that goes no further.
pub type Refused = Box<Failure>;

/// Decoded arguments on their way to the tool, and what the generated code says of the call.
pub struct Given<'d> {
    sent: ByParameter<'d>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) segments: Vec<(&'static str, String)>,
    pub(crate) cost: u64,
}

impl<'d> Given<'d> {
    pub(super) fn new(document: &'d Document<'d>, arguments: &'static [ArgumentSpec]) -> Self {
        let sent = ByParameter::new(document, arguments);
        Self { sent, violations: Vec::new(), segments: Vec::new(), cost: 1 }
    }

    pub(crate) fn sent(&mut self, index: usize) -> decode::Sent<'d> {
        self.sent.get(index)
    }

    /// Notes that an argument met its schema and not its type.
    pub(crate) fn refuse(&mut self, index: usize, error: decode::Error) {
        let place = self.place(index);
        self.note(Violation::new(format!("{place}{}", error.pointer), "decode", error.message));
    }

    /// Notes that a check refused an argument; `None` for all of them.
    pub(crate) fn refuse_by_check(&mut self, index: Option<usize>, error: &CheckError) {
        let place = index.map_or_else(String::new, |index| self.place(index));
        self.note(error.violation(&place));
    }

    fn note(&mut self, violation: Violation) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(violation);
        }
    }

    /// Where an argument stands, as a JSON pointer.
    fn place(&self, index: usize) -> String {
        match self.sent.arguments().get(index) {
            Some(argument) if !is_flattened(argument) => format!("/{}", escape(argument.name)),
            _ => String::new(),
        }
    }
}

/// How far a call is. It only moves forward.
const PREPARED: u8 = 0;
const ADMITTED: u8 = 1;
const GUARDED: u8 = 2;
const RUNNING: u8 = 3;

/// One call: who, under what bounds, and how far it is.
pub(crate) struct CallState {
    pub(crate) caller: Arc<Caller>,
    pub(crate) context: CallContext,
    pub(crate) bounds: OutputBounds,
    guarded: bool,
    phase: AtomicU8,
    /// The place among the running calls. A blocking tool takes a share of it to its thread, so that a call that was
    /// answered `TIMEOUT` counts until the thread is back.
    slot: OnceLock<Slot>,
    threads: Arc<Semaphore>,
    recording: Recording,
}

impl CallState {
    pub(super) fn new(
        caller: Arc<Caller>,
        context: CallContext,
        bounds: OutputBounds,
        guarded: bool,
        threads: Arc<Semaphore>,
        recording: Recording,
    ) -> Self {
        let phase = AtomicU8::new(PREPARED);
        Self { caller, context, bounds, guarded, phase, slot: OnceLock::new(), threads, recording }
    }

    /// The gate's word: everything but the guard has been checked. Only the gate has the slot to say it with.
    pub(super) fn admit(&self, slot: Slot) {
        if self.slot.set(slot).is_ok() {
            self.phase.store(ADMITTED, Ordering::Release);
        }
    }

    /// Whether the guard was asked and has not answered yet.
    pub(super) fn is_being_guarded(&self) -> bool {
        self.phase.load(Ordering::Acquire) == GUARDED
    }

    /// Lets generated code in, once, and only by the door that the tool's table names.
    pub(crate) fn enter(&self, by_guard: bool) -> Result<(), Refused> {
        let next = if by_guard { GUARDED } else { RUNNING };
        let entered = by_guard == self.guarded
            && self.phase.compare_exchange(ADMITTED, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !entered {
            return Err(Box::new(Failure::internal("the tool was reached around the gate")));
        }
        if !by_guard {
            self.recording.admitted();
        }
        Ok(())
    }

    /// Asks the guard. An error, a panic and a time-out of it are denials.
    pub(crate) async fn ask(&self, guard: impl Future<Output = Result<(), Denied>> + Send) -> Result<(), Refused> {
        match AssertUnwindSafe(guard).catch_unwind().await {
            Ok(Ok(())) => {
                self.phase.store(RUNNING, Ordering::Release);
                self.recording.admitted();
                Ok(())
            }
            Ok(Err(denied)) => Err(Box::new(Failure::denied(denied))),
            Err(panic) => Err(Box::new(guard_broke(&format!("the guard panicked: {}", panic_text(panic))))),
        }
    }

    /// The tool has returned: what comes now is made of its answer.
    pub(crate) fn returned(&self) {
        self.recording.returned();
    }

    /// Runs a plain function on the blocking pool; the thread counts until it is back.
    pub(crate) async fn blocking<R: Send + 'static>(
        &self,
        tool: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Refused> {
        let Ok(thread) = Arc::clone(&self.threads).try_acquire_owned() else {
            return Err(Box::new(overloaded("all threads for blocking tools are taken")));
        };
        let slot = self.slot.get().cloned();
        let span = tracing::Span::current();
        let scopes = self.recording.scopes();
        let running = tokio::task::spawn_blocking(move || {
            let _counted = (thread, slot);
            let _entered = scopes.enter();
            span.in_scope(tool)
        });
        running.await.map_err(|error| {
            let cause = match error.try_into_panic() {
                Ok(panic) => format!("the tool panicked: {}", panic_text(panic)),
                Err(_) => "the server is stopping".to_owned(),
            };
            Box::new(Failure::internal(cause))
        })
    }
}

/// The guard gave no answer that one could act on.
pub(super) fn guard_broke(cause: &str) -> Failure {
    Failure::logged(code::PERMISSION_DENIED, "this call is not allowed for you with these arguments", cause)
}

/// There is no room to run.
pub(super) fn overloaded(message: &'static str) -> Failure {
    Failure { retryable: true, ..Failure::new(code::OVERLOADED, message) }
}

/// What a panic says, for the log. What it carries is dropped here, since that may panic as well.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is no text".to_owned()
    };
    if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(panic))) {
        std::mem::forget(another);
    }
    text
}
