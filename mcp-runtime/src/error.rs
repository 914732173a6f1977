//! What a call can fail with: the tool's own errors, the framework's, and the one form both have on the wire.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Display};
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::arguments::Violation;
use crate::output::{Counts, OutputBounds, hygiene, plain};
use crate::scope::MissingScopes;
use crate::spec::CodeSpec;

/// The framework's error codes. They are stable: agents and dashboards may match on them.
pub mod code {
    /// No credential, or one that is no longer good.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// A scope is missing, or the tool's guard said no.
    pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
    /// A limit is reached; `retry_after_ms` says when to come back.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// The arguments break the tool's schema; `violations` lists how.
    pub const INVALID_ARGUMENTS: &str = "INVALID_ARGUMENTS";
    /// The tool did not answer in time.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// Too many calls of the tool run already.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// The client went away, or the server is stopping.
    pub const CANCELLED: &str = "CANCELLED";
    /// The answer is larger than the tool may send.
    pub const OUTPUT_TOO_LARGE: &str = "OUTPUT_TOO_LARGE";
    /// The answer breaks the tool's own output schema.
    pub const OUTPUT_INVALID: &str = "OUTPUT_INVALID";
    /// Something that the server needs to decide is not reachable.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// The tool broke; the cause is in the log under the correlation id.
    pub const INTERNAL: &str = "INTERNAL";
    /// In records alone: a request that is none, or names no tool of this server.
    pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
}

/// The longest message of an error, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;

/// A message of the author's own, cleaned: a whole document in the place of a sentence would get around the bound of
/// outputs.
fn sentence(message: &str) -> String {
    let cut = message.floor_char_boundary(MAX_MESSAGE_BYTES);
    let mark = if cut < message.len() { "…" } else { "" };
    format!("{}{mark}", hygiene::clean(&message[..cut]).text)
}

/// An error of a tool, as an agent reasons about it: a stable code, a message, whether to try again.
///
/// Derive it: `#[derive(thiserror::Error, ToolError)]`. The [`Display`] text is the message that the model reads, unless
/// the error is internal; then the model reads a neutral text with a correlation id, and the cause goes to the log.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool",
    label = "this error has no codes",
    note = "derive `mcp_runtime::ToolError` on it, or let the tool write its enum: `#[tool(errors(NotFound = \"…\"))]`"
)]
pub trait ToolError: Display + Send + 'static {
    /// Every code that [`report`](Self::report) can give.
    const CODES: &'static [CodeSpec];

    /// What this error is to the caller.
    fn report(&self) -> Report;
}

/// What a [`ToolError`] is to the caller.
#[derive(Clone, Debug)]
pub struct Report {
    code: &'static str,
    retryable: bool,
    retry_after: Option<Duration>,
    internal: Option<String>,
}

impl Report {
    /// An error that the caller may read, under this code.
    pub fn new(code: &'static str) -> Self {
        Self { code, retryable: false, retry_after: None, internal: None }
    }

    /// An error that stays inside: code `INTERNAL`, `cause` to the log alone.
    pub fn internal(cause: String) -> Self {
        Self { code: code::INTERNAL, retryable: false, retry_after: None, internal: Some(cause) }
    }

    /// The same call may succeed later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// The same call may succeed after this time.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retryable = true;
        self.retry_after = Some(after);
        self
    }
}

/// A guard's no.
///
/// `?` turns any error into one; its text goes to the log, and the model reads only that the call was denied. What the
/// model should read is said with [`Denied::because`].
#[derive(Debug)]
pub struct Denied {
    reason: Option<String>,
    cause: Option<String>,
}

impl Denied {
    /// Denies, and tells the caller why.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), cause: None }
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Denied {
    fn from(error: E) -> Self {
        Self { reason: None, cause: Some(error.into().to_string()) }
    }
}

/// Ties what a caller saw to what the log holds: 128 random bits, ours, never the client's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correlation([u8; 16]);

impl Correlation {
    /// A new id.
    pub fn new() -> Self {
        Self(RANDOM.with_borrow_mut(Random::next))
    }

    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The id as two numbers, for where there is room for nothing else.
    pub(crate) fn halves(self) -> [u64; 2] {
        let bits = u128::from_be_bytes(self.0);
        #[expect(clippy::cast_possible_truncation, reason = "the other half is beside it")]
        [(bits >> 64) as u64, bits as u64]
    }

    pub(crate) fn of_halves([high, low]: [u64; 2]) -> Self {
        Self(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
    }
}

thread_local! {
    static RANDOM: RefCell<Random> = const { RefCell::new(Random { bytes: [0; 1024], left: 0 }) };
}

/// Random bytes in stock, so that not every call asks the system for some. None is given out twice.
struct Random {
    bytes: [u8; 1024],
    left: usize,
}

impl Random {
    fn next(&mut self) -> [u8; 16] {
        if self.left == 0 {
            self.left = match getrandom::fill(&mut self.bytes) {
                Ok(()) => self.bytes.len() / 16,
                // Without randomness the id is less useful and nothing is less safe: it names a line of the log.
                Err(_) => return jiff::Timestamp::now().as_nanosecond().to_be_bytes(),
            };
        }
        self.left -= 1;
        let taken = self.bytes.get_mut(self.left * 16..).and_then(<[u8]>::first_chunk_mut);
        taken.map_or([0; 16], std::mem::take)
    }
}

impl Default for Correlation {
    fn default() -> Self {
        Self::new()
    }
}

impl Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Serialize for Correlation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A call that failed, in the form that every transport renders.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The stable code.
    pub code: &'static str,
    /// What the model reads.
    pub message: Cow<'static, str>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// When it may.
    pub retry_after: Option<Duration>,
    /// The scopes of the operation (`PERMISSION_DENIED`).
    pub required_scopes: Vec<String>,
    /// What is wrong with the arguments (`INVALID_ARGUMENTS`).
    pub violations: Vec<Violation>,
    /// Where the log has more: set by the gate where there is a cause.
    pub correlation: Option<Correlation>,
    /// What the log has, and nobody else.
    pub cause: Option<String>,
}

impl Failure {
    /// A failure of the framework.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: false,
            retry_after: None,
            required_scopes: Vec::new(),
            violations: Vec::new(),
            correlation: None,
            cause: None,
        }
    }

    /// The tool broke: a neutral text and a correlation id for the caller, the cause for the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::logged(code::INTERNAL, "the tool failed; the operator finds the cause under the correlation id", cause)
    }

    /// A failure whose cause stays in the log.
    pub fn logged(code: &'static str, message: &'static str, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(code, message) }
    }

    /// A scope is missing.
    pub fn missing_scopes(missing: MissingScopes) -> Self {
        let message = match missing.0.as_slice() {
            [] => "this call is not allowed".to_owned(),
            [scope] => format!("this call needs the scope {scope}, which your credential does not grant"),
            _ => format!("this call needs the scopes {missing}, which your credential does not all grant"),
        };
        Self { required_scopes: missing.0, ..Self::new(code::PERMISSION_DENIED, message) }
    }

    /// The guard said no.
    pub fn denied(denied: Denied) -> Self {
        let message = match denied.reason {
            Some(reason) => Cow::Owned(sentence(&reason)),
            None => Cow::Borrowed("this call is not allowed for you with these arguments"),
        };
        Self { cause: denied.cause, ..Self::new(code::PERMISSION_DENIED, message) }
    }

    /// The arguments are wrong.
    pub fn invalid_arguments(violations: Vec<Violation>) -> Self {
        let message = match violations.len() {
            1 => "one argument is wrong; nothing was done".to_owned(),
            n => format!("{n} arguments are wrong; nothing was done"),
        };
        Self { violations, ..Self::new(code::INVALID_ARGUMENTS, message) }
    }

    /// A limit is reached. The time is rounded up to the millisecond, so that a caller who waits it out gets through.
    pub fn rate_limited(retry_after: Duration, limit: &str) -> Self {
        let seconds = whole_seconds(retry_after);
        Self {
            retryable: true,
            retry_after: Some(retry_after),
            ..Self::new(code::RATE_LIMITED, format!("the limit of {limit} is reached; try again in {seconds} s"))
        }
    }

    /// The tool's own error.
    pub fn of_tool<E: ToolError>(error: &E) -> Box<Self> {
        let report = error.report();
        Box::new(match report.internal {
            Some(cause) => Self::internal(cause),
            None => Self::of_report(&report, &error.to_string()),
        })
    }

    fn of_report(report: &Report, message: &str) -> Self {
        let message = sentence(message);
        Self { retryable: report.retryable, retry_after: report.retry_after, ..Self::new(report.code, message) }
    }

    /// Sanitises what the model reads of it, at the level of everything that nobody declared.
    pub(crate) fn sanitise(&mut self, bounds: &OutputBounds) -> Counts {
        let mut counts = Counts::default();
        let mut text = |text: &str| {
            let sanitised = plain(text, bounds);
            counts.add(sanitised.counts);
            match sanitised.text {
                Cow::Owned(changed) => Some(changed),
                Cow::Borrowed(_) => None,
            }
        };
        if let Some(changed) = text(&self.message) {
            self.message = changed.into();
        }
        for violation in &mut self.violations {
            for field in [&mut violation.pointer, &mut violation.message] {
                let changed = text(field.as_str());
                *field = changed.unwrap_or_else(|| std::mem::take(field));
            }
        }
        counts
    }

    /// Milliseconds until the same call may succeed, rounded up.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let nanos = self.retry_after?.as_nanos();
        Some(u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// Seconds, rounded up and at least one: who waits them out gets through.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

/// `{"code", "message", "retryable", …}`: what stands in the text block and under `dev.mcp-runtime/error`.
impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("retryable", &self.retryable)?;
        if let Some(after) = self.retry_after_ms() {
            map.serialize_entry("retry_after_ms", &after)?;
        }
        if !self.required_scopes.is_empty() {
            map.serialize_entry("required_scopes", &self.required_scopes)?;
        }
        if !self.violations.is_empty() {
            map.serialize_entry("violations", &self.violations)?;
        }
        if let Some(correlation) = &self.correlation {
            map.serialize_entry("correlation", correlation)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_cause_is_not_on_the_wire() {
        let id = Correlation::new();
        let failure = Failure { correlation: Some(id), ..Failure::internal("SELECT * FROM users at /srv/app.db") };
        let wire = serde_json::to_string(&failure).unwrap();
        assert!(!wire.contains("SELECT") && !wire.contains("srv"), "{wire}");
        assert!(wire.contains(&id.to_string()));
    }

    #[test]
    fn retry_after_is_never_too_early() {
        let failure = Failure::rate_limited(Duration::from_nanos(5_999_000_001), "10/min");
        assert_eq!(failure.retry_after_ms(), Some(6000));
        assert_eq!(failure.message, "the limit of 10/min is reached; try again in 6 s");
        let just_over = Failure::rate_limited(Duration::from_nanos(6_000_000_001), "x");
        assert_eq!(just_over.message, "the limit of x is reached; try again in 7 s");
        assert_eq!(Failure::rate_limited(Duration::from_nanos(1), "x").retry_after_ms(), Some(1));
    }

    #[test]
    fn a_reason_is_cleaned_and_a_cause_is_kept_inside() {
        let failure = Failure::denied(Denied::because("not\u{202e} yours"));
        assert_eq!(failure.message, "not yours");
        let failure = Failure::denied(Denied::because("é".repeat(MAX_MESSAGE_BYTES)));
        assert!(failure.message.len() <= MAX_MESSAGE_BYTES + "…".len() && failure.message.ends_with('…'));
        let failure = Failure::denied(Denied::from("row of accounts"));
        assert!(!serde_json::to_string(&failure).unwrap().contains("accounts"));
        assert_eq!(failure.cause.as_deref(), Some("row of accounts"));
    }
}
