//! The one door through which generated code enters the runtime. Nothing here is part of the public API.
//!
//! A generated `prepare` function decodes its arguments from [`Given`], states its facts (what fills the segments of
//! the scope, what the call costs), and hands back a future that the gate has not run yet. The future reaches the
//! server value only through [`Call::admitted`], which fails until the gate has let the call through: running a tool
//! unchecked does not type-check.

mod argument;
mod call;
mod error;
mod handler;

use std::future::Future;
use std::pin::Pin;

use crate::gate::CallState;
use crate::output::{Answer, ToolResult};

pub use crate::error::{Report, ToolError};
pub use crate::gate::{Given, Refused};
pub use crate::scope::{Requirement, Template};
pub use crate::spec::{
    Annotations, CodeSpec, Concurrency, Number, OutputSpec, Rule, Server, ServerSpec, Tool, ToolSpec, Window,
};
pub use argument::{Argument, Cost, DefaultValue, arg, default, integers, items, length, range};
pub use call::{Admitted, Call, Verdict};
pub use core::marker::{Send, Sync};
pub use core::option::Option::{self, None, Some};
pub use core::result::Result::{self, Err, Ok};
pub use core::{env, write};
pub use error::{
    BoxError, Cause, DescribeDisplay, DescribeError, DescribeNothing, Field, Harmless, InternalCause, Is, IsNot,
    no_field_may_leak,
};
pub use handler::{FindHandler, Handler, NoHandler, OwnHandler, handler};
pub use std::convert::{From, Into};
pub use std::string::{String, ToString};
pub use std::time::Duration;
pub use std::{fmt as std_fmt, primitive};

/// The attributes, for the probe that keeps an import of `tool` from counting as unused.
pub mod attributes {
    pub use mcp_macros::tool;
}

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

impl ToolSpec {
    /// The tool of this entry, run by a generated function.
    #[doc(hidden)]
    pub const fn run_by<S: 'static>(self, prepare: for<'a> fn(Call<'a, S>, &mut Given) -> Prepared<'a>) -> Tool<S> {
        Tool { spec: self, prepare }
    }
}

/// The one place where a type has to be a result of a tool.
pub const fn result<R: ToolResult>() -> Returned<R> {
    Returned {
        spec: OutputSpec { schema: R::schema, codes: R::CODES },
        answer: |value, state| {
            state.returned();
            value.answer(&state.bounds)
        },
    }
}

/// A result's type, erased like `Arg`.
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
    pub fn answer<S: Send + Sync + 'static>(self, admitted: Admitted<'_, S>, value: R) -> Outcome {
        (self.answer)(value, admitted.state())
    }
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
