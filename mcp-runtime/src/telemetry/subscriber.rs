//! A `tracing` subscriber for servers that bring none: for people on a terminal, JSON for a pipe.

use std::io::IsTerminal;

use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::{Identity, Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::lines::{Fields, Lines};
use crate::config::{Log, LogFormat};

/// The variable that filters the log, in the syntax of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "RUST_LOG";

/// rmcp's own log stays at `error`, whatever is asked for: below, it prints methods, ids and whole requests as they came,
/// personal data and all. Its service calls every client that goes away an error. What came of a request is in its record.
const QUIET: [&str; 2] = ["rmcp=error", "rmcp::service=off"];

/// Logs to standard error, as `[log]` says; the variable `RUST_LOG` has the last word on what. Does nothing where the
/// program has set a subscriber already. `serve` and `call` do this; a program of its own calls it before it serves.
///
/// A filter that cannot be read is refused where the configuration is checked; here, what can be read of it holds.
pub fn init(log: &Log) {
    set(log, None::<Identity>);
}

/// As [`init`], and sends the program's own spans to the collector, if there is one.
#[cfg(all(feature = "cli", feature = "otel"))]
pub(crate) fn init_with(log: &Log, otel: Option<&super::Otel>) {
    set(log, otel.map(super::Otel::layer));
}

fn set(log: &Log, sent: Option<impl Layer<Layered<EnvFilter, Registry>> + Send + Sync>) {
    let asked = std::env::var(VARIABLE).ok().filter(|asked| !asked.is_empty());
    let asked = asked.as_deref().unwrap_or(&log.filter);
    let is_terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    let base = tracing_subscriber::registry().with(filter(asked)).with(sent);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_timer(SystemTime);
    let _ = if json {
        base.with(lines.fmt_fields(Fields).event_format(Lines)).try_init()
    } else {
        base.with(lines.with_ansi(is_terminal)).try_init()
    };
}

fn filter(asked: &str) -> EnvFilter {
    let asked: Vec<_> = asked.split(',').filter(|directive| !directive.trim_start().starts_with("rmcp")).collect();
    let asked = asked.join(",");
    let filter = EnvFilter::builder().parse_lossy(if asked.is_empty() { "info" } else { &asked });
    QUIET.iter().filter_map(|quiet| quiet.parse().ok()).fold(filter, EnvFilter::add_directive)
}

/// Whether a filter can be read.
pub(crate) fn check(filter: &str) -> Result<(), String> {
    EnvFilter::builder().parse(filter).map(drop).map_err(|error| error.to_string())
}

/// Reports panics as events: the standard hook writes the text as it is, so that an argument in it could forge lines of
/// the log, or show what records leave out. The gate logs the text of a tool's panic, escaped, as the cause of its failure.
#[cfg(feature = "cli")]
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(target: "mcp_runtime::panic", place, thread = thread.name(), "panic");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rmcp_stays_quiet_whatever_is_asked_for() {
        for asked in ["", "info", "trace", "rmcp=trace", "debug,rmcp::transport=trace", " rmcp=debug,info"] {
            let filter = filter(asked).to_string();
            assert!(
                QUIET.iter().all(|quiet| filter.contains(quiet)) && filter.matches("rmcp").count() == 2,
                "{asked}: {filter}"
            );
        }
        assert!(check("info,revenue=debug").is_ok());
        assert!(check("info,=").is_err());
    }
}
