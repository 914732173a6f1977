//! A call on its way through the gate, and the proof that it came through.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Refused;
use crate::caller::Caller;
use crate::context::CallContext;
use crate::error::Denied;
use crate::gate::CallState;

/// What a guard answers.
#[diagnostic::on_unimplemented(
    message = "a guard answers `Result<(), Denied>`, not `{Self}`",
    label = "this function is no guard",
    note = "write `async fn may(caller: &Caller, …) -> Result<(), Denied>`, over all arguments of the tool; \
            `Denied::because(\"…\")` says no"
)]
pub trait Verdict {
    #[doc(hidden)]
    fn verdict(self) -> core::result::Result<(), Denied>;
}

#[diagnostic::do_not_recommend]
impl<D: Into<Denied>> Verdict for core::result::Result<(), D> {
    fn verdict(self) -> core::result::Result<(), Denied> {
        self.map_err(Into::into)
    }
}

/// The state of a call, with its type out of the compiler's sight: every tool's future holds it, and for each the compiler
/// proves that it can move between threads, through every field of every type that it holds. Of this one it knows.
pub(crate) trait State: Send + Sync {
    fn of_call(&self) -> &CallState;
}

impl State for CallState {
    fn of_call(&self) -> &CallState {
        self
    }
}

/// A call that the gate has not let through yet: it holds the server and shows nothing of it.
pub struct Call<'a, S: 'static> {
    server: &'a Arc<S>,
    state: &'a dyn State,
}

impl<S> Clone for Call<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Call<'_, S> {}

impl<'a, S> Call<'a, S> {
    pub(crate) fn new(server: &'a Arc<S>, state: &'a dyn State) -> Self {
        Self { server, state }
    }

    /// The way in for a tool without a guard.
    ///
    /// # Errors
    /// The gate has not admitted the call, or the tool has a guard that was not asked.
    pub fn admitted(self) -> core::result::Result<Admitted<'a, S>, Refused> {
        self.state.of_call().enter(false)?;
        Ok(Admitted { server: self.server, state: self.state })
    }

    /// The way in for a tool with a guard: `guard` is built from the caller and awaited before the server is open.
    ///
    /// # Errors
    /// The gate has not admitted the call, or the guard denied it.
    pub fn guarded<'g, F>(
        self,
        guard: impl FnOnce(&'a Caller) -> F + Send + 'g,
    ) -> BoxFuture<'g, core::result::Result<Admitted<'a, S>, Refused>>
    where
        'a: 'g,
        S: Send + Sync,
        F: Future<Output: Verdict> + Send + 'g,
    {
        // Boxed, so that what it holds is proved to move between threads here, and not in every tool.
        Box::pin(async move {
            let state = self.state.of_call();
            state.enter(true)?;
            state.ask(async move { guard(&state.caller).await.verdict() }).await?;
            Ok(Admitted { server: self.server, state: self.state })
        })
    }
}

/// Proof that the gate let this call through. Only [`Call`] makes it, and only after the gate said so.
pub struct Admitted<'a, S: 'static> {
    server: &'a Arc<S>,
    state: &'a dyn State,
}

impl<S> Clone for Admitted<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Admitted<'_, S> {}

impl<'a, S: Send + Sync + 'static> Admitted<'a, S> {
    /// The server value.
    pub fn server(self) -> &'a S {
        self.server
    }

    /// Who calls.
    pub fn caller(self) -> &'a Caller {
        &self.state.of_call().caller
    }

    /// The call's id, cancellation and way back to the client.
    pub fn context(self) -> &'a CallContext {
        &self.state.of_call().context
    }

    pub(super) fn state(self) -> &'a CallState {
        self.state.of_call()
    }

    /// Runs a plain `fn` on the capped blocking pool.
    ///
    /// # Errors
    /// The pool is full, or the function panicked.
    pub fn blocking<R: Send + 'static>(
        self,
        tool: impl FnOnce(&S, &Caller, &CallContext) -> R + Send + 'static,
    ) -> BoxFuture<'a, core::result::Result<R, Refused>> {
        let server = Arc::clone(self.server);
        let state = self.state.of_call();
        let caller = Arc::clone(&state.caller);
        let context = state.context.clone();
        Box::pin(state.blocking(move || tool(&server, &caller, &context)))
    }
}
