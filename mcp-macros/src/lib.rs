//! The attributes of `mcp-runtime`: [`server`](macro@server), [`tool`](macro@tool) and the derive
//! [`ToolError`](derive@ToolError).
//!
//! Everything that production needs of a tool is said in its attribute, and what is left out is a compile error that
//! says what to write. The crate is a part of `mcp-runtime`, which re-exports it; use it from there.
//!
//! Each macro goes the same way: **parse** (every mistake is recorded and none is fatal) → **validate** into a model in
//! which rates, durations, scopes and names are values → **expand** into tokens, which cannot fail. What the compiler
//! says of a syntax error is left to the compiler.

// All of this runs on code that is still being typed: a panic would take completion and every other message away.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::unwrap_used))]

mod docs;
mod error;
mod hygiene;
mod keys;
mod mistakes;
mod options;
#[cfg(test)]
mod robustness;
mod server;
mod value;

use proc_macro::TokenStream;

/// Makes the functions with [`#[tool]`](macro@tool) of an impl block the tools of an MCP server.
///
/// ```
/// use mcp_runtime::{Json, server};
///
/// pub struct Orders { /* … */ }
///
/// #[server(name = "orders", rate = "300/min")]
/// impl Orders {
///     /// How many orders there are.
///     #[tool(scope = "orders.read", rate = "10/min", read_only)]
///     async fn count_orders(&self) -> Json<u64> {
///         Json(self.count().await)
///     }
/// }
/// ```
///
/// The block itself stays as it is: signatures, spans and bodies are untouched. `#[tool]` needs no import. The type may
/// have parameters and lifetimes (`impl<D: Db> Orders<D>`), and has to be `Send + Sync + 'static` to be served.
///
/// # Options
///
/// | option | meaning | without it |
/// | --- | --- | --- |
/// | `name = "orders"` | the name that clients see | compile error |
/// | `rate = "300/min"` | how often one agent may call, over all tools; [a rate](#rates), a list of them, or `rate(agent = …, burst = …)` | compile error, unless `unlimited` |
/// | `unlimited` | one agent may call as often as its tools allow | |
/// | `version = "1.2.0"` | the version that clients see | that of the crate |
/// | `title = "Orders"` | the name for people | none |
/// | `instructions = "…"` | what a model should know before it calls | none |
/// | `timeout = "30s"` | how long a call may run, where the tool does not say; [a duration](#durations) | 30 s |
/// | `handler` | insists on an `impl rmcp::ServerHandler` for prompts and resources; needed where the bounds of that impl are narrower than those of the block | found where there is one |
/// | `crate = ::path` | where the runtime is, if it is not called `mcp_runtime` | `::mcp_runtime` |
///
/// # Rates
///
/// `"COUNT/UNIT"`, such as `"10/min"`. The units are `s`, `sec`, `second`, `min`, `minute`, `h`, `hour` and `day`, the
/// count is 1 to 1,000,000,000. A rate admits its count at once and then one call each UNIT / COUNT (GCRA), unless
/// `burst` says how many it admits at once. A list, `["10/s", "1000/day"]`, holds as a whole.
///
/// # Durations
///
/// A whole number and a unit: `"500ms"`, `"5s"`, `"2min"`, `"1h"`; more than nothing, and a day at the most.
#[proc_macro_attribute]
pub fn server(options: TokenStream, item: TokenStream) -> TokenStream {
    server::server(options.into(), item.into()).into()
}

/// Makes a function of a [`#[server]`](macro@server) block a tool.
///
/// ```
/// #[server(name = "orders", rate = "300/min")]
/// impl Orders {
///     /// The orders of one customer, newest first.
///     #[tool(scope = "customer:{customer}:read", rate = "10/min", timeout = "5s", read_only)]
///     async fn list_orders(
///         &self,
///         caller: &Caller,
///         customer: u32,
///         /// How many at the most.
///         #[arg(range(1..=50), default = 10)]
///         limit: u32,
///     ) -> Result<Json<Vec<Order>>, OrderError> {
///         // …
///     }
/// }
/// ```
///
/// An `async fn` runs where it is called, and must not block: no time-out reaches it while it does, so a watchdog names it
/// in the log. A plain `fn` is a blocking tool: it runs on a capped pool of threads. The
/// parameters are `&self`, at most one `&Caller` and one `&CallContext`, known by these names, and the arguments. The
/// result is `Json<T>`, `String`, `&'static str`, `Text`, `()`, `Content` or `Vec<Content>`, plain or in a `Result` whose
/// error is a [`ToolError`](derive@ToolError).
///
/// # Options
///
/// | option | meaning | without it |
/// | --- | --- | --- |
/// | `scope = "orders.read"` | [what the caller must hold](#scopes); also `scope = all("a", "b")`, `scope = any("a", "b")` | compile error, unless `any_caller` |
/// | `any_caller` | every authenticated caller may call | |
/// | `rate = "10/min"` | how often one agent may call; [a rate](macro@server#rates), a list of them, `rate(agent = …, total = …, burst = 20)` with limits of each agent and of all together (the burst is that of each of the two), or `rate = inherit`, if the server's limit is enough | compile error |
/// | `cost = limit / 10` | what a call weighs: an integer expression over the arguments, which it sees by value | 1 |
/// | `check = path::to::function` | [a check](#checks) over all arguments in their order: `fn(&A1, &A2, …) -> Result<(), String>` | none |
/// | `guard = path::to::function` | a check of one's own, before the tool runs: `async fn(&Caller, &A1, &A2, …) -> Result<(), Denied>` over all arguments in their order; an error or a panic in it denies | none |
/// | `errors(…)` | [the tool's error enum](#errors), written here | the error of the return type |
/// | `timeout = "5s"` | how long a call may run; [a duration](macro@server#durations) | the server's |
/// | `concurrency = 8` | how many calls run at a time; also `concurrency(agent = 2, total = 8)` | no bound |
/// | `max_output = "64KiB"` | how large an answer may be, in `B`, `KiB`, `MiB` or `GiB` | 1 MiB |
/// | `read_only` | the tool changes nothing; this and the next three are hints to the client, each also `= false` | not sent |
/// | `destructive` | what it changes cannot be had back | not sent |
/// | `idempotent` | a second call with the same arguments changes nothing more | not sent |
/// | `open_world` | it deals with things outside of the server | not sent |
/// | `name = "get_order"` | the name on the wire: `[A-Za-z0-9_.-]{1,128}` | that of the function |
/// | `title = "Get an order"` | the name for people | none |
/// | `description = "…"` | what the tool does, for the model | the doc comment; compile error if there is none |
/// | `icons = ["https://…"]` | addresses of icons, `https:` or `data:image/` | none |
///
/// Of a doc comment, the lines of one paragraph are joined, since a model has no use for where they are wrapped; lists,
/// tables, code and indented lines keep theirs.
///
/// Names, titles and descriptions may hold no character that a reviewer does not see and a model reads: controls,
/// bidirectional and zero-width characters, tags.
///
/// # Scopes
///
/// A scope is a scope token of RFC 6749, section 3.3, without wildcards; `.` and `:` part its segments. `{argument}`
/// fills a whole segment with the value of an argument, by the name of the parameter: an integer, a `bool` or a `String`
/// whose text is `[A-Za-z0-9_-]{1,64}`; any other value is denied. An argument that is `pii` or `secret` cannot fill one,
/// since the filled scope stands in refusals and records.
///
/// # Arguments
///
/// Every other parameter is an argument, of a type that is `Deserialize` and `JsonSchema`. What it means is said in its
/// doc comment, what it may be in `#[arg(…)]`. `Option<T>` may be left out; unknown arguments are refused.
///
/// | option of `#[arg]` | meaning |
/// | --- | --- |
/// | `range(1..=240)` | bounds of a number; also `1..`, `..=240`, `0.0..1.0` |
/// | `length(1..=40)` | length of a text, in characters; `length(2)` is exact |
/// | `items(1..=50)` | length of a list |
/// | `pattern = "^[A-Z]{2}$"` | a regular expression without look-around, which runs in linear time |
/// | `format = "date"` | a format of JSON Schema, asserted: `date`, `date-time`, `duration`, `email`, `hostname`, `ipv4`, `ipv6`, `json-pointer`, `regex`, `time`, `uri`, `uri-reference`, `uuid` |
/// | `default = 12` | stands in where the argument is left out; an expression of the argument's type |
/// | `rename = "orderId"` | the name on the wire |
/// | `header = "Region"` | mirrored in the header `Mcp-Param-Region`; for integers, texts and booleans |
/// | `flatten` | the fields of a struct stand beside the other arguments; what they are named is not looked at, so `pii` or `secret` has to be said for all of them where one is personal |
/// | `strict` | nothing of another type is coerced |
/// | `check = path::to::function` | [a check](#checks) of the decoded value: `fn(&T) -> Result<(), String>` |
/// | `pii` | personal: records hold a keyed digest |
/// | `secret` | secret: records hold nothing of it |
/// | `plain` | neither, although its name sounds like it |
///
/// An argument whose name sounds personal or secret must say which of `pii`, `secret` and `plain` it is. The words are
/// address, API key, access key, account number, authorization, bearer, birth (birthday, birthdate, date of birth, dob),
/// card, cookie, credential, cvc, cvv, email, fax, first, last, full or family name, surname, iban, licence, mail, mobile,
/// national id, otp, passcode, passphrase, passport, passwd, password, phone, pin, private key, pwd, secret, social
/// security, ssn, tax id, tax number, telephone, token and vat id: as whole words of the name, also in the plural.
///
/// # Checks
///
/// What a schema cannot say is checked by a function: `check` on an argument sees its value, `check` on the tool sees all
/// of them. It is a plain `fn`; what it returns as an error, a `String`, a `&'static str` or a `CheckError`, stands in the
/// answer among the other violations, and the model reads it.
///
/// ```
/// fn weekday(day: &jiff::civil::Date) -> Result<(), &'static str> {
///     if day.weekday().to_monday_one_offset() < 6 { Ok(()) } else { Err("must be a weekday") }
/// }
///
/// fn in_order(from: &Date, until: &Date) -> Result<(), CheckError> {
///     if from <= until { Ok(()) } else { Err(CheckError::new("must not be before `from`").at("/until")) }
/// }
///
/// /// The orders between two days.
/// #[tool(scope = "orders.read", rate = "10/min", check = in_order)]
/// async fn orders_between(&self, #[arg(check = weekday)] from: Date, until: Date) -> Json<Vec<Order>> { /* … */ }
/// ```
///
/// Checks run once everything is decoded, before the guard and before the call counts as running. All of them run, so that
/// one answer has everything; the tool's sees values that an argument's own check refused. A panic in one is `INTERNAL`.
/// What needs the caller, or has to wait, is a `guard`.
///
/// # Errors
///
/// Where an enum of one's own is too much, `errors(…)` writes it: variants as in an enum, fields with names, each with
/// its message, which captures the fields.
///
/// ```
/// /// Find an order.
/// #[tool(scope = "orders.read", rate = "10/min", errors(
///     NotFound { id: u32 } = "no order has id {id}",
///     #[tool_error(retry_after = "30s")]
///     Loading = "the warehouse is loading",
/// ))]
/// async fn find_order(&self, id: u32) -> Result<Json<Order>, FindOrderError> { /* … */ }
/// ```
///
/// The enum is called like the function, `FindOrderError`, and is `pub` beside the block. One more variant, `Internal`,
/// takes every other error that `?` meets: the caller reads a neutral text, the log has the cause. The enum is no
/// `std::error::Error` itself, which is what lets `?` take every error; an error of another tool becomes `Internal` like
/// the rest, so tools that share errors share an enum.
///
/// # Placement
///
/// The attribute works in a `#[server]` block alone, which reads it: anywhere else it is a compile error that says so.
/// `#[cfg(…)]` beside it, or on an argument, takes the tool or the argument away; `#[cfg_attr(…, tool(…))]` is not read.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    server::lone_tool(&options.into(), item.into()).into()
}

/// Gives the variants of an error enum codes that an agent can rely on.
///
/// ```
/// #[derive(Debug, thiserror::Error, ToolError)]
/// pub enum OrderError {
///     #[error("no order has id {id}")]
///     OrderNotFound { id: u32 },                    // ORDER_NOT_FOUND
///     #[error("the warehouse is loading")]
///     #[tool_error(retry_after = "30s")]
///     WarehouseLoading,                             // WAREHOUSE_LOADING
///     #[error(transparent)]
///     #[tool_error(internal)]
///     Database(#[from] std::io::Error),             // INTERNAL; the cause goes to the log alone
/// }
/// ```
///
/// The code is the variant's name in `SCREAMING_SNAKE_CASE`, the message its `Display`. A struct is one error, named like
/// the struct without a final `Error`. Two variants share a code only where both spell it out; the codes of the framework
/// (`TIMEOUT`, `RATE_LIMITED`, …) are taken.
///
/// # Options
///
/// | option of `#[tool_error]` | meaning |
/// | --- | --- |
/// | `code = "GONE"` | another code |
/// | `retryable` | the same call may succeed later |
/// | `retry_after = "30s"` | and after this time; [a duration](macro@server#durations) |
/// | `internal` | the caller reads `INTERNAL` and a neutral text; the error goes to the log, with its sources |
/// | `expose` | the caller reads the message, although it is made of another error |
/// | `crate = ::path` | on the enum or struct: where the runtime is, if it is not called `mcp_runtime` |
///
/// # Errors that carry errors
///
/// The text of another error may hold SQL, paths or secrets. A variant that carries one must say `internal` or `expose`:
/// one with `#[from]`, `#[source]` or `#[error(transparent)]`, one with a field whose type is an error or becomes a boxed
/// one (`anyhow::Error`, `Box<dyn Error + Send + Sync>`, also behind an alias, and inside of the type as it is written:
/// `Option<io::Error>`), and one with a field of a type parameter. A text that was made from an error (`e.to_string()`)
/// cannot be seen: whether a `String` says too much is a matter of review.
#[proc_macro_derive(ToolError, attributes(tool_error))]
pub fn tool_error(item: TokenStream) -> TokenStream {
    error::derive(item.into()).into()
}
