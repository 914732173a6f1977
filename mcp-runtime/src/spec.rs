//! What the macros say of a server and its tools: constant tables, all data.
//!
//! A [`Server`] is implemented by `#[server]` and by nothing else. Its [`ServerSpec`] and [`ToolSpec`]s are what the
//! attributes declared, checked at compile time; [`Gate`](crate::gate::Gate) turns them, together with the
//! configuration, into the policy in force.

use std::time::Duration;

use rmcp::schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::__private::{Call, Given, Handler, Prepared};
use crate::scope::Requirement;

/// How long a tool runs at the most, where neither the tool nor the server says.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How large an answer is at the most, in bytes of JSON, where the tool does not say.
pub const DEFAULT_MAX_OUTPUT: u64 = 1024 * 1024;

/// The largest count of a [`Window`].
pub const MAX_RATE: u32 = 1_000_000_000;

/// A server: what `#[server]` makes of an impl block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a server",
    label = "no `#[server]` block makes this type one",
    note = "write `#[mcp_runtime::server(name = \"…\", rate = \"…\")]` on its impl block"
)]
pub trait Server: Sized + Send + Sync + 'static {
    /// What the attribute says of the server.
    const SPEC: ServerSpec;
    /// The tools, in the order of the source.
    const TOOLS: &'static [Tool<Self>];
    /// The user's own `impl rmcp::ServerHandler`, for prompts and resources, where there is one.
    const HANDLER: Option<Handler<Self>>;
}

/// What `#[server(…)]` says.
#[derive(Clone, Copy, Debug)]
pub struct ServerSpec {
    /// The name that clients see.
    pub name: &'static str,
    /// The version that clients see.
    pub version: &'static str,
    /// The name for people.
    pub title: Option<&'static str>,
    /// What a model should know before it calls.
    pub instructions: Option<&'static str>,
    /// Limits of one agent over all tools; empty if `unlimited`.
    pub rate: &'static [Window],
    /// How long a tool of this server runs at the most.
    pub timeout: Duration,
}

impl ServerSpec {
    /// A server of this name, version and per-agent limit, with the defaults for all else.
    pub const fn new(name: &'static str, version: &'static str, rate: &'static [Window]) -> Self {
        Self { name, version, title: None, instructions: None, rate, timeout: DEFAULT_TIMEOUT }
    }
}

/// A tool: its data, and the generated function that decodes, calls and encodes.
pub struct Tool<S: 'static> {
    /// What the attribute says.
    pub spec: ToolSpec,
    /// Decodes the arguments and prepares the call; runs nothing of the tool's own.
    pub prepare: for<'a> fn(Call<'a, S>, &mut Given) -> Prepared<'a>,
}

/// What `#[tool(…)]` and the function's signature say.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the function, and none excludes another")]
pub struct ToolSpec {
    /// `[A-Za-z0-9_.-]{1,128}`, unique in the server.
    pub name: &'static str,
    /// The name for people.
    pub title: Option<&'static str>,
    /// What the tool does, for the model.
    pub description: &'static str,
    /// `https:` or `data:` URIs.
    pub icons: &'static [&'static str],
    /// What the caller must hold.
    pub scope: Requirement,
    /// Limits of this tool for one agent; empty if the server's limit is enough (`rate = inherit`).
    pub agent_rate: &'static [Window],
    /// Limits of this tool over all agents.
    pub total_rate: &'static [Window],
    /// A call may weigh more than 1.
    pub costed: bool,
    /// A `guard` decides before the tool runs.
    pub guarded: bool,
    /// How long one call runs at the most; the server's if `None`.
    pub timeout: Option<Duration>,
    /// How many calls run at a time.
    pub concurrency: Concurrency,
    /// How large an answer is at the most, in bytes of JSON.
    pub max_output: u64,
    /// Hints for the client. Nothing here decides by them.
    pub annotations: Annotations,
    /// A plain `fn`, which runs on the blocking pool.
    pub blocking: bool,
    /// The function takes a [`CallContext`](crate::CallContext): it may have more to say to the client than its answer.
    pub contextual: bool,
    /// The arguments, in the order of the function.
    pub arguments: &'static [ArgumentSpec],
    /// What comes back.
    pub output: OutputSpec,
}

impl ToolSpec {
    /// A tool that every authenticated caller may call, within the server's limit: the macro sets the rest.
    pub const fn new(name: &'static str, description: &'static str, output: OutputSpec) -> Self {
        Self {
            name,
            title: None,
            description,
            icons: &[],
            scope: Requirement::AnyCaller,
            agent_rate: &[],
            total_rate: &[],
            costed: false,
            guarded: false,
            timeout: None,
            concurrency: Concurrency { agent: None, total: None },
            max_output: DEFAULT_MAX_OUTPUT,
            annotations: Annotations { read_only: None, destructive: None, idempotent: None, open_world: None },
            blocking: false,
            contextual: false,
            arguments: &[],
            output,
        }
    }
}

impl ToolSpec {
    /// Whether the tool may be called again when nobody knows whether it ran.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.annotations.idempotent == Some(true) || self.annotations.read_only == Some(true)
    }
}

/// A limit: `count` calls in `period`, `burst` of them at once.
///
/// The algorithm is GCRA: `burst` calls are admitted at once and then one each `period / count`, so that at most
/// `burst + count - 1` calls pass in any `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Calls in a period, 1 to [`MAX_RATE`].
    pub count: u32,
    /// The period.
    pub period: Duration,
    /// Calls at once, at least 1.
    pub burst: u32,
}

impl Window {
    /// `count` calls in `seconds` seconds, `burst` of them at once.
    pub const fn new(count: u32, seconds: u32, burst: u32) -> Self {
        Self { count, period: Duration::from_secs(seconds as u64), burst }
    }
}

/// How many calls of a tool run at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// Of one agent.
    pub agent: Option<u32>,
    /// Of all agents.
    pub total: Option<u32>,
}

/// The tool annotations of MCP (`readOnlyHint` …); `None` is not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The tool changes nothing.
    pub read_only: Option<bool>,
    /// What the tool changes cannot be had back.
    pub destructive: Option<bool>,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: Option<bool>,
    /// The tool deals with things outside of this server.
    pub open_world: Option<bool>,
}

/// An argument: name, description, type and rules.
#[derive(Clone, Copy, Debug)]
pub struct ArgumentSpec {
    /// The name on the wire.
    pub name: &'static str,
    /// What it means, for the model; may be empty.
    pub description: &'static str,
    /// The JSON Schema of its type.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Whether the type decodes from nothing (`Option<T>`, by type and not by spelling).
    pub optional: fn() -> bool,
    /// What `#[arg(…)]` says.
    pub rules: &'static [Rule],
}

/// One option of `#[arg(…)]`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// `range(1..=240)`, bounds of a number.
    Range(Bounds),
    /// `length(1..=40)`, in characters (code points) of a string.
    Length(Size),
    /// `items(1..=50)`, of an array.
    Items(Size),
    /// `pattern = "^[A-Z]{2}$"`, a regular expression that runs in linear time.
    Pattern(&'static str),
    /// `format = "email"`, asserted.
    Format(&'static str),
    /// `default = 12`: stands in where the argument is left out.
    Default(fn() -> Value),
    /// `pii`: records hold a keyed digest.
    Pii,
    /// Records hold the value as it is: its name sounds personal, and it is not.
    Plain,
    /// `secret`: records hold nothing of it.
    Secret,
    /// `header = "Region"`: mirrored in `Mcp-Param-Region` (`x-mcp-header`).
    Header(&'static str),
    /// `flatten`: the properties of a struct stand beside the other arguments.
    Flatten,
    /// `strict`: nothing of another type is coerced.
    Strict,
}

/// Bounds of a number; `None` is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The lower bound, inclusive.
    pub minimum: Option<Number>,
    /// The upper bound.
    pub maximum: Option<Number>,
    /// `1..240` leaves the upper bound out, `1..=240` takes it in.
    pub exclusive: bool,
}

/// A number as the attribute wrote it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A literal without a point.
    Integer(i128),
    /// A literal with one.
    Float(f64),
}

/// Bounds of a length, both inclusive; `None` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// At least.
    pub min: Option<u64>,
    /// At most.
    pub max: Option<u64>,
}

/// What a tool returns: the schema of its structured content, if it has any, and the codes of its errors.
#[derive(Clone, Copy, Debug)]
pub struct OutputSpec {
    /// The schema of the value; `None` for text and content blocks.
    pub schema: fn(&mut SchemaGenerator) -> Option<Schema>,
    /// The tool's own error codes.
    pub codes: &'static [CodeSpec],
}

/// An error code that a tool can return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSpec {
    /// In `SCREAMING_SNAKE_CASE`.
    pub code: &'static str,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}
