//! `audit verify`, `audit query`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::output::{Output, table};
use super::state::Location;
use super::{Error, Result, now};
use crate::config::Config;
use crate::telemetry::audit::query::{self, Argument, Found, Query, of_operator};
use crate::telemetry::audit::verify::{self, Check, Noted, Report};

#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check that audit files are what the server wrote; fails with the first line that is not
    Verify {
        /// The files, oldest first, and those that the first one names before it [default: `[audit] path`, and the
        /// operator's beside it as a log of its own]
        files: Vec<PathBuf>,
        /// Fail if this line is not in the chain: a check prints the last one, and each seal is logged with both parts
        #[arg(long, value_name = "SEQ:HASH")]
        last: Option<Noted>,
        /// The log that the files are of, if they have other names by now [default: by the name of the last one]
        #[arg(long, value_name = "NAME")]
        log: Option<String>,
        /// Accept lines that no seal covers: behind a crash, and at the end
        #[arg(long)]
        allow_unsealed: bool,
        /// Do not ask for what came before the first file
        #[arg(long)]
        alone: bool,
        /// Check the chain without the key of the state folder: this proves little
        #[arg(long)]
        without_key: bool,
    },
    /// Show who called what, when and for whom
    Query {
        /// The files [default: `[audit] path`, and the operator's beside it]
        files: Vec<PathBuf>,
        /// The agent, with its source or without
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
        /// The tool
        #[arg(long, value_name = "NAME")]
        tool: Option<String>,
        /// On whose behalf
        #[arg(long, value_name = "NAME")]
        subject: Option<String>,
        /// What came of it: OK, an error code, or denied, limited, invalid, admitted
        #[arg(long, value_name = "CODE")]
        outcome: Option<String>,
        /// Not before: a time as in 2026-01-31T12:00:00Z or "2026-01-31 12:00" (UTC), a day, or so long ago as in 2h
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// Before: as --since
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Timestamp>,
        /// The correlation id of an error
        #[arg(long, value_name = "ID")]
        correlation: Option<String>,
        /// The value that an argument had; of a personal one too, which the state folder's key finds
        #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = argument)]
        arguments: Vec<(String, String)>,
        /// At the most so many, the newest of them
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: usize,
    },
}

/// A name, and what stands behind the first `=`.
fn argument(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("an argument is asked for as in `id=17`")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A time, in UTC unless it says otherwise, a day, or how long ago.
fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // As the table prints it, down to the day. A `Date` would read a time as well, and forget it.
    if let Ok(time) = text.parse::<jiff::civil::DateTime>() {
        return time.to_zoned(jiff::tz::TimeZone::UTC).map(|time| time.timestamp()).map_err(|error| error.to_string());
    }
    let ago = crate::config::parse_duration(text).map_err(|_| {
        format!(
            "`{}` is no time: write 2026-01-31T12:00:00Z, \"2026-01-31 12:00\", 2026-01-31 or 2h",
            text.escape_debug()
        )
    })?;
    now().checked_sub(ago).map_err(|error| error.to_string())
}

pub(super) fn audit(audit: Audit, config: &Config, state: impl FnOnce() -> Result<Location>, output: Output) -> Result {
    match audit.command {
        Command::Verify { files, last, log, allow_unsealed, alone, without_key } => {
            let key = if without_key { None } else { Some(state()?.digest_key()?) };
            let check = Check { key, last, log, allow_unsealed, alone };
            let operators = config.audit.path.as_deref().map(of_operator);
            let operators = operators.filter(|file| files.is_empty() && file.is_file());
            verify_files(&or_configured(files, config, false)?, operators, &check, output)
        }
        Command::Query { files, agent, tool, subject, outcome, since, until, correlation, arguments, limit } => {
            // Only personal values need it, and who looks at a file elsewhere may not have it.
            let key = if arguments.is_empty() { None } else { state().and_then(|state| state.digest_key()).ok() };
            let arguments = arguments.iter().map(|(name, value)| Argument::new(name, value, key.as_ref())).collect();
            let asked = Query { agent, tool, subject, outcome, since, until, correlation, arguments, limit };
            query_files(&or_configured(files, config, true)?, &asked, output)
        }
    }
}

fn or_configured(files: Vec<PathBuf>, config: &Config, operator: bool) -> Result<Vec<PathBuf>> {
    if !files.is_empty() {
        return Ok(files);
    }
    let path = config.audit.path.as_ref();
    let path = path.ok_or_else(|| Error::new("which file? Name one, or a configuration with [audit] path"))?;
    let beside = Some(of_operator(path)).filter(|file| operator && file.is_file());
    Ok(std::iter::once(path.clone()).chain(beside).collect())
}

/// Checks files, and the operator's log by itself.
fn verify_files(files: &[PathBuf], operators: Option<PathBuf>, check: &Check, output: Output) -> Result {
    let of_operator = |file| verify::verify(&[file], &Check { last: None, log: None, ..check.clone() });
    let reports = verify::verify(files, check).and_then(|report| Ok((report, operators.map(of_operator).transpose()?)));
    match reports {
        Ok((report, operators)) => output.print(
            || {
                let mut json = report_json(&report);
                if let Some(operators) = &operators {
                    json["operator"] = report_json(operators);
                }
                json
            },
            || std::iter::once(&report).chain(&operators).map(report_text).collect(),
        ),
        Err(broken) => {
            if output.json {
                let file = broken.file.display().to_string();
                output.print(
                    || json!({ "intact": false, "file": file, "line": broken.line, "why": broken.why }),
                    String::new,
                )?;
            }
            Err(broken.into())
        }
    }
}

fn report_json(report: &Report) -> Value {
    json!({
        "intact": true,
        "files": report.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "lines": report.lines,
        "calls": report.calls,
        "seals": report.seals,
        "log": report.log,
        "last": report.last,
        "hash": report.hash,
        "unsealed": report.unsealed,
        "notes": report.notes,
    })
}

fn report_text(report: &Report) -> String {
    let Report { files, lines, calls, seals, last, hash, .. } = report;
    // Names of files are what other files say.
    let names: Vec<_> = files.iter().map(|file| file.display().to_string().escape_debug().to_string()).collect();
    let mut text = format!(
        "intact: {lines} lines, {calls} of them calls, {seals} seals checked, the last is {last}:{hash}\n{}\n",
        names.join("\n")
    );
    for note in &report.notes {
        text.push_str("note: ");
        text.push_str(note);
        text.push('\n');
    }
    text
}

fn query_files(files: &[PathBuf], asked: &Query, output: Output) -> Result {
    let answer = query::query(files, asked)?;
    output.print(
        || answer.calls.iter().filter_map(|call| serde_json::from_str::<Value>(&call.line).ok()).collect(),
        || {
            let heading = ["TIME", "AGENT", "FOR", "CALL", "OUTCOME", "MS", "ARGUMENTS", "CORRELATION"];
            let rows = answer.calls.iter().map(row);
            let mut text = table(&std::iter::once(heading.map(str::to_owned).to_vec()).chain(rows).collect::<Vec<_>>());
            if answer.older > 0 {
                let _ = writeln!(text, "{} older ones left out; see --limit, --until", answer.older);
            }
            text
        },
    )
}

/// A line of the table. What a file says is shown escaped: the file may be somebody else's.
fn row(call: &Found) -> Vec<String> {
    let shown = |text: &str| text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
    vec![
        call.time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        shown(&call.agent),
        call.subject.as_deref().map_or_else(|| "-".to_owned(), shown),
        shown(call.tool.as_deref().unwrap_or(&call.method)),
        shown(&call.outcome),
        format!("{}.{:03}", call.duration_us / 1000, call.duration_us % 1000),
        shown(call.arguments.get()),
        shown(&call.correlation),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_the_table_prints_it() {
        for (text, expected) in [
            ("2026-03-03T10:15:30Z", "2026-03-03T10:15:30Z"),
            ("2026-03-03T10:15:30+02:00", "2026-03-03T08:15:30Z"),
            ("2026-03-03 10:15:30.250", "2026-03-03T10:15:30.25Z"),
            ("2026-03-03T10:15", "2026-03-03T10:15:00Z"),
            ("2026-03-03", "2026-03-03T00:00:00Z"),
        ] {
            assert_eq!(moment(text).map(|time| time.to_string()), Ok(expected.to_owned()), "{text}");
        }
        let ago = moment("2h").unwrap().duration_until(now()).as_secs();
        assert!((7200..7260).contains(&ago), "{ago}");
        for wrong in ["", "tuesday", "2026-13-01", "2026-03-03 25:00", "10:15"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
