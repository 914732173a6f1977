//! The one door through which generated code enters the runtime. Nothing here is part of the public API.
//!
//! A generated `prepare` function decodes its arguments from [`Given`], states its facts (what fills the segments of
//! the scope, what the call costs), and hands back a future that the gate has not run yet. The future reaches the
//! server value only through [`Call::admitted`], which fails until the gate has let the call through: running a tool
//! unchecked does not type-check.

use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rmcp::ServerHandler;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::decode;
use crate::caller::Caller;
use crate::context::CallContext;
use crate::error::Denied;
use crate::gate::CallState;
use crate::output::{Answer, ToolResult};
use crate::scope::ScopeSegment;
use crate::transport::forward::{Forward, Forwarded};

pub use crate::error::{Report, ToolError};
pub use crate::gate::{Given, Refused};
pub use crate::scope::{Requirement, Template};
pub use crate::spec::{
    Annotations, ArgumentSpec, Bounds, CodeSpec, Concurrency, Number, OutputSpec, Rule, Server, ServerSpec, Size, Tool,
    ToolSpec, Window,
};
pub use core::marker::{Send, Sync};
pub use core::option::Option::{self, None, Some};
pub use core::result::Result::{self, Err, Ok};
pub use core::{assert, concat, env, format_args, stringify, write};
pub use std::convert::{From, Into};
pub use std::string::{String, ToString};
pub use std::time::Duration;
pub use std::{fmt as std_fmt, primitive};

/// The attributes, for the probe that keeps an import of `tool` from counting as unused.
pub mod attributes {
    pub use mcp_macros::tool;
}

/// What `?` in a tool with `errors(…)` takes.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the prepared call comes to.
pub type Outcome = core::result::Result<Answer, Refused>;

/// The prepared call; `None` if an argument did not decode (the violations are in [`Given`]).
pub type Prepared<'a> = core::option::Option<Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>>;

/// Boxes the call. A tool that holds something across an `await` that cannot move between threads fails here.
pub fn tool_must_be_send<'a, F>(future: F) -> Prepared<'a>
where
    F: Future<Output = Outcome> + Send + 'a,
{
    core::option::Option::Some(Box::pin(future))
}

/// All calls share the server. A type that cannot move between threads, or not be shared by them, fails here, and
/// nowhere else.
pub const fn server_must_be_send_and_sync<S: Send + Sync + 'static>() {}

// ---------------------------------------------------------------------------------------------------- arguments

/// What a parameter of a tool can be, other than `&self`, `&Caller` and `&CallContext`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a tool",
    label = "this type has no JSON Schema, or cannot be decoded from JSON",
    note = "derive both on the type: `#[derive(serde::Deserialize, schemars::JsonSchema)]`"
)]
pub trait Argument: Sized {
    #[doc(hidden)]
    fn schema(generator: &mut SchemaGenerator) -> Schema;
    #[doc(hidden)]
    fn decode(value: core::option::Option<Value>) -> core::result::Result<Self, decode::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema> Argument for T {
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }

    fn decode(value: core::option::Option<Value>) -> core::result::Result<Self, decode::Error> {
        decode::decode(value)
    }
}

/// The one place where a type has to be an argument: schema and decoding both go through here, so that a type that is
/// none is reported once.
pub const fn arg<T: Argument>() -> Arg<T> {
    Arg { schema: T::schema, decode: T::decode, optional: || T::decode(core::option::Option::None).is_ok() }
}

/// An argument's type, erased to what the gate and the generated function need.
pub struct Arg<T> {
    schema: fn(&mut SchemaGenerator) -> Schema,
    decode: fn(core::option::Option<Value>) -> core::result::Result<T, decode::Error>,
    optional: fn() -> bool,
}

impl<T> Arg<T> {
    /// The argument's entry in the table.
    pub const fn spec(self, name: &'static str, description: &'static str, rules: &'static [Rule]) -> ArgumentSpec {
        ArgumentSpec { name, description, schema: self.schema, optional: self.optional, rules }
    }

    /// Decodes the argument at this place of the table; a failure is noted in `given`.
    pub fn take(self, given: &mut Given, index: usize) -> core::option::Option<T> {
        match (self.decode)(given.take(index)) {
            Ok(value) => Some(value),
            Err(error) => {
                given.refuse(index, error);
                None
            }
        }
    }
}

/// `range(…)` in one line.
pub const fn range(
    minimum: core::option::Option<Number>,
    maximum: core::option::Option<Number>,
    exclusive: bool,
) -> Rule {
    Rule::Range(Bounds { minimum, maximum, exclusive })
}

/// `length(…)` in one line.
pub const fn length(min: core::option::Option<u64>, max: core::option::Option<u64>) -> Rule {
    Rule::Length(Size { min, max })
}

/// `items(…)` in one line.
pub const fn items(min: core::option::Option<u64>, max: core::option::Option<u64>) -> Rule {
    Rule::Items(Size { min, max })
}

/// A default, as the JSON that stands in for the missing argument.
pub fn default<T: Serialize>(value: T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// What a cost expression may be. A cost below 1 counts as 1.
#[diagnostic::on_unimplemented(message = "a cost is an integer, not `{Self}`", label = "not an integer")]
pub trait Cost {
    #[doc(hidden)]
    fn cost(self) -> u64;
}

macro_rules! cost_of_integers {
    ($($ty:ty)*) => {$(
        impl Cost for $ty {
            fn cost(self) -> u64 {
                // Below zero is below one; above u64 is above every burst.
                if self < 1 { 1 } else { u64::try_from(self).unwrap_or(u64::MAX) }
            }
        }
    )*};
}
cost_of_integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Given {
    /// An argument's value fills `{name}` in the scope.
    pub fn fill<T: ScopeSegment>(&mut self, name: &'static str, value: &T) {
        self.segments.push((name, value.segment()));
    }

    /// What the call weighs.
    pub fn cost<C: Cost>(&mut self, cost: C) {
        self.cost = cost.cost();
    }
}

impl ToolSpec {
    /// The tool of this entry, run by a generated function.
    #[doc(hidden)]
    pub const fn run_by<S: 'static>(self, prepare: for<'a> fn(Call<'a, S>, &mut Given) -> Prepared<'a>) -> Tool<S> {
        Tool { spec: self, prepare }
    }
}

// --------------------------------------------------------------------------------------------------------- call

/// A call that the gate has not let through yet: it holds the server and shows nothing of it.
pub struct Call<'a, S: 'static> {
    server: &'a Arc<S>,
    state: &'a CallState,
}

impl<S> Clone for Call<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Call<'_, S> {}

impl<'a, S> Call<'a, S> {
    pub(crate) fn new(server: &'a Arc<S>, state: &'a CallState) -> Self {
        Self { server, state }
    }

    /// The way in for a tool without a guard.
    ///
    /// # Errors
    /// The gate has not admitted the call, or the tool has a guard that was not asked.
    pub fn admitted(self) -> core::result::Result<Admitted<'a, S>, Refused> {
        self.state.enter(false)?;
        Ok(Admitted { server: self.server, state: self.state })
    }

    /// The way in for a tool with a guard: `guard` is built from the caller and awaited before the server is open.
    ///
    /// # Errors
    /// The gate has not admitted the call, or the guard denied it.
    pub async fn guarded<F, D>(
        self,
        guard: impl FnOnce(&'a Caller) -> F + Send,
    ) -> core::result::Result<Admitted<'a, S>, Refused>
    where
        F: Future<Output = core::result::Result<(), D>> + Send,
        D: Into<Denied>,
    {
        self.state.enter(true)?;
        self.state.ask(async move { guard(&self.state.caller).await.map_err(Into::into) }).await?;
        Ok(Admitted { server: self.server, state: self.state })
    }
}

/// Proof that the gate let this call through. Only [`Call`] makes it, and only after the gate said so.
pub struct Admitted<'a, S: 'static> {
    server: &'a Arc<S>,
    state: &'a CallState,
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
        &self.state.caller
    }

    /// The call's id, cancellation and way back to the client.
    pub fn context(self) -> &'a CallContext {
        &self.state.context
    }

    /// Runs a plain `fn` on the capped blocking pool.
    ///
    /// # Errors
    /// The pool is full, or the function panicked.
    pub async fn blocking<R: Send + 'static>(
        self,
        tool: impl FnOnce(&S, &Caller, &CallContext) -> R + Send + 'static,
    ) -> core::result::Result<R, Refused> {
        let server = Arc::clone(self.server);
        let caller = Arc::clone(&self.state.caller);
        let context = self.state.context.clone();
        self.state.blocking(move || tool(&server, &caller, &context)).await
    }
}

// ------------------------------------------------------------------------------------------------------- output

/// The one place where a type has to be a result of a tool.
pub const fn result<R: ToolResult>() -> Returned<R> {
    Returned {
        spec: OutputSpec { schema: R::schema, codes: R::CODES },
        answer: |value, state| value.answer(state.bounds),
    }
}

/// A result's type, erased like [`Arg`].
pub struct Returned<R> {
    spec: OutputSpec,
    answer: fn(R, &CallState) -> Outcome,
}

impl<R> Returned<R> {
    /// The tool's entry in the table, with this result and nothing else said.
    pub const fn tool(self, name: &'static str, description: &'static str) -> ToolSpec {
        ToolSpec::new(name, description, self.spec)
    }

    /// Sanitises and bounds what the tool returned.
    ///
    /// # Errors
    /// The tool's own error, or an output that cannot be sent.
    pub fn answer<S>(self, admitted: Admitted<'_, S>, value: R) -> Outcome {
        (self.answer)(value, admitted.state)
    }
}

/// The text of an error that stays in the log, with its sources: found by what the value can do, so that `anyhow`,
/// boxed errors and plain texts all tell what they know. The derive writes `(&&&Cause(&self.field)).describe()`.
pub struct Cause<'a, T: ?Sized>(pub &'a T);

/// An error that is one by trait.
pub trait DescribeError {
    #[doc(hidden)]
    fn describe(&self) -> std::string::String;
}

impl<T: std::error::Error + ?Sized> DescribeError for &&Cause<'_, T> {
    fn describe(&self) -> std::string::String {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

/// An error that lends itself as one (`anyhow::Error`, `Box<dyn Error + Send + Sync>`), or any other text.
pub trait DescribeDisplay {
    #[doc(hidden)]
    fn describe(&self) -> std::string::String;
}

impl<T: Display + ?Sized> DescribeDisplay for &Cause<'_, T> {
    fn describe(&self) -> std::string::String {
        // The alternate form of anyhow and eyre writes the chain.
        format!("{:#}", self.0)
    }
}

/// A value that says nothing of itself.
pub trait DescribeNothing {
    #[doc(hidden)]
    fn describe(&self) -> std::string::String;
}

impl<T: ?Sized> DescribeNothing for Cause<'_, T> {
    fn describe(&self) -> std::string::String {
        "no description".to_owned()
    }
}

/// What an `errors(…)` enum keeps of an error that `?` turned into its `Internal` variant.
pub struct InternalCause(Box<dyn std::error::Error + Send + Sync>);

impl InternalCause {
    /// Keeps the error for the log.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The error's report: code `INTERNAL`, cause to the log alone.
    pub fn report(&self) -> Report {
        Report::internal((&&&Cause(&*self.0)).describe())
    }
}

impl fmt::Debug for InternalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Questions to a type, answered at compile time: `Is::<T>::ERROR` is the inherent constant where the bound holds and the
/// trait's elsewhere. A field carries an error if `(Is::<T>::ERROR || Is::<T>::SEND_ERROR) && !Is::<T>::TEXT`: texts
/// convert into boxed errors too and are none.
pub struct Is<T: ?Sized>(core::marker::PhantomData<T>);

/// The answers where the bounds do not hold.
pub trait IsNot {
    #[doc(hidden)]
    const ERROR: bool = false;
    #[doc(hidden)]
    const SEND_ERROR: bool = false;
    #[doc(hidden)]
    const TEXT: bool = false;
}
impl<T: ?Sized> IsNot for Is<T> {}

impl<T: Into<Box<dyn std::error::Error>>> Is<T> {
    #[doc(hidden)]
    pub const ERROR: bool = true;
}
impl<T: Into<Box<dyn std::error::Error + Send + Sync>>> Is<T> {
    #[doc(hidden)]
    pub const SEND_ERROR: bool = true;
}
impl<T: AsRef<str> + ?Sized> Is<T> {
    #[doc(hidden)]
    pub const TEXT: bool = true;
}

/// The hints of a tool (`read_only`, `destructive`, `idempotent`, `open_world`) in one line: 1 is true, -1 is false, 0 is
/// not sent.
pub const fn hints([read_only, destructive, idempotent, open_world]: [i8; 4]) -> Annotations {
    const fn hint(hint: i8) -> core::option::Option<bool> {
        match hint {
            0 => core::option::Option::None,
            hint => core::option::Option::Some(hint > 0),
        }
    }
    Annotations {
        read_only: hint(read_only),
        destructive: hint(destructive),
        idempotent: hint(idempotent),
        open_world: hint(open_world),
    }
}

// ------------------------------------------------------------------------------------------------------ handler

/// The user's own `impl rmcp::ServerHandler`, made callable where only `S: Server` is known.
pub struct Handler<S>(pub(crate) fn(Arc<S>) -> Arc<dyn Forward>);

impl<S> Clone for Handler<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Handler<S> {}

/// Finds the impl at the concrete type: `FindHandler::<Revenue>::HANDLER` is the inherent constant where there is one
/// and the trait's elsewhere.
pub struct FindHandler<S>(core::marker::PhantomData<S>);

/// The answer for servers without a `ServerHandler` of their own.
pub trait NoHandler<S> {
    #[doc(hidden)]
    const HANDLER: core::option::Option<Handler<S>> = core::option::Option::None;
}
impl<S> NoHandler<S> for FindHandler<S> {}

impl<S: ServerHandler> FindHandler<S> {
    #[doc(hidden)]
    pub const HANDLER: core::option::Option<Handler<S>> =
        core::option::Option::Some(Handler(|s| Arc::new(Forwarded(s))));
}

/// A server with a `ServerHandler` of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `impl ServerHandler`, and `handler` insists on one",
    label = "`mcp_runtime::rmcp::ServerHandler` is not implemented for this type",
    note = "write the impl beside the `#[server]` block, or leave `handler` out"
)]
pub trait OwnHandler: Sized {
    #[doc(hidden)]
    const OWN: Handler<Self>;
}

#[diagnostic::do_not_recommend]
impl<S: ServerHandler> OwnHandler for S {
    const OWN: Handler<S> = Handler(|s| Arc::new(Forwarded(s)));
}

/// `#[server(handler)]`: insists on the impl.
pub const fn handler<S: OwnHandler>() -> core::option::Option<Handler<S>> {
    core::option::Option::Some(S::OWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::needless_borrow, reason = "the form of the generated code, which does not know the type")]
    fn a_cause_tells_its_chain() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        struct Mute;
        let number = "x".parse::<u32>().unwrap_err();
        assert_eq!((&&&Cause(&Outer(number))).describe(), "outer: invalid digit found in string");
        let boxed: Box<dyn std::error::Error + Send + Sync> = "plain".into();
        assert_eq!((&&&Cause(&boxed)).describe(), "plain");
        assert_eq!((&&&Cause(&Mute)).describe(), "no description");
    }

    #[test]
    fn costs_are_at_least_one() {
        assert_eq!(Cost::cost(0_u32), 1);
        assert_eq!(Cost::cost(-5_i64), 1);
        assert_eq!(Cost::cost(7_usize), 7);
        assert_eq!(Cost::cost(u128::MAX), u64::MAX);
    }
}
