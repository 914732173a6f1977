//! A `tracing` subscriber for servers that bring none: for people on a terminal, JSON for a pipe.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// The variable that filters the log, in the syntax of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "RUST_LOG";

/// rmcp's own log stays at `warn`, whatever is asked for: below, it prints whole requests, personal data and all.
const QUIET: &str = "rmcp=warn";

/// Logs to standard error. Does nothing where the program has set a subscriber already.
pub(crate) fn init() {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let asked: Vec<_> = asked.split(',').filter(|directive| !directive.trim_start().starts_with("rmcp")).collect();
    let asked = asked.join(",");
    let filter = EnvFilter::builder().parse_lossy(if asked.is_empty() { "info" } else { &asked });
    let filter = match QUIET.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_timer(SystemTime);
    let _ = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}

/// Reports panics as events: the standard hook writes the text as it is, so that an argument in it could forge lines of
/// the log, or show what records leave out. The gate logs the text of a tool's panic, escaped, as the cause of its failure.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(target: "mcp_runtime::panic", place, thread = thread.name(), "panic");
    }));
}
