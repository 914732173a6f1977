//! `[log]`, `[redaction]` and `[audit]`: what is kept of calls, and where.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{InvalidConfig, duration, rate};

/// `[log]`: what the server writes to standard error, unless the program has set a subscriber of `tracing` by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter` (`"info,revenue=debug"`); the variable `RUST_LOG`
    /// overrides it. `"info"` unless set. rmcp is never heard below `error`: it prints whole requests.
    pub filter: String,
    /// An `async fn` tool that keeps its thread for as long, instead of waiting, is reported by name: `"1s"` unless set,
    /// `"10ms"` at the least; `"off"` turns that off.
    #[serde(deserialize_with = "blocking")]
    pub blocking: Option<Duration>,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info".to_owned(), blocking: Some(Duration::from_secs(1)) }
    }
}

/// How the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people, colours on a terminal alone.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Log {
    /// Refuses a filter that cannot be read.
    #[cfg_attr(
        not(feature = "log"),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "nothing reads it")
    )]
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        #[cfg(feature = "log")]
        crate::telemetry::subscriber::check(&self.filter)
            .map_err(|why| InvalidConfig::new(format!("log.filter: {why}; write it as in \"info,revenue=debug\"")))?;
        Ok(())
    }
}

/// `[redaction]`: what is replaced in texts that nobody declared, by its form. To switch a class off loosens what logs,
/// spans and the audit protect.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a class of its own")]
pub struct Redaction {
    /// E-mail addresses. True unless set, as are all.
    pub emails: bool,
    /// Telephone numbers in the forms that [`redact`](crate::telemetry::redact) lists.
    pub phones: bool,
    /// Numbers of payment cards.
    pub cards: bool,
    /// International bank account numbers.
    pub ibans: bool,
    /// IP addresses.
    pub addresses: bool,
    /// Tokens, keys, passwords.
    pub credentials: bool,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { emails: true, phones: true, cards: true, ibans: true, addresses: true, credentials: true }
    }
}

impl Redaction {
    /// For what its author declared to be plain: nobody means a token by that.
    pub(crate) fn credentials_alone(&self) -> Self {
        let credentials = self.credentials;
        Self { credentials, emails: false, phones: false, cards: false, ibans: false, addresses: false }
    }
}

/// `[audit]`: the file that gets a line for each call. [`audit`](crate::telemetry::audit) says what it proves.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Audit {
    /// The file; none unless set.
    pub path: Option<PathBuf>,
    /// How many records wait for the file at the most. 8192 unless set.
    pub queue: usize,
    /// What happens to a record that finds the queue full.
    pub when_full: WhenFull,
    /// How long a call waits for room at the most, with `when_full = "block"`. One second unless set.
    #[serde(deserialize_with = "time")]
    pub deadline: Duration,
    /// When the disk is made sure of.
    pub fsync: Fsync,
    /// So many lines are sealed together at the most. 1000 unless set.
    pub seal_lines: u64,
    /// A line is not left unsealed for longer. A minute unless set.
    #[serde(deserialize_with = "time")]
    pub seal_interval: Duration,
    /// At this size a file is put aside and a new one begun. 64 MiB unless set.
    #[serde(deserialize_with = "size")]
    pub rotate: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            path: None,
            queue: 8192,
            when_full: WhenFull::default(),
            deadline: Duration::from_secs(1),
            fsync: Fsync::default(),
            seal_lines: 1000,
            seal_interval: Duration::from_secs(60),
            rotate: 64 << 20,
        }
    }
}

/// What happens to a record that finds the queue of the audit file full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It is dropped: counted, and told of in a line of its own.
    #[default]
    Drop,
    /// The call waits for room, `deadline` at the most, before it is dropped. Its thread's other tasks go on elsewhere
    /// meanwhile; a runtime with one thread stands still.
    Block,
}

/// When the disk is made sure of an audit file. Until then a crash of the machine, not of the process, loses lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fsync {
    /// The system writes when it likes.
    Never,
    /// Once a second.
    #[default]
    Interval,
    /// Whenever lines are written. No call waits for that, but the queue fills while the disk is busy.
    Always,
}

/// A shorter time would report what is no mistake.
const LEAST_BLOCKING: Duration = Duration::from_millis(10);

fn blocking<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "off" {
        return Ok(None);
    }
    duration::parse(&text).ok().filter(|bound| *bound >= LEAST_BLOCKING).map(Some).ok_or_else(|| {
        let text = text.escape_debug();
        D::Error::custom(format!(
            "log.blocking: `{text}` is no time of 10ms or more, as in \"1s\"; \"off\" turns it off"
        ))
    })
}

/// The smallest size at which a file is put aside.
const LEAST: u64 = 4096;

impl Audit {
    /// Refuses what cannot work.
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        if !(1..=1_000_000).contains(&self.queue) {
            return Err(InvalidConfig::new("audit.queue has to be between 1 and 1000000 records"));
        }
        if self.seal_lines == 0 {
            return Err(InvalidConfig::new("audit.seal_lines has to be at least 1"));
        }
        if self.rotate < LEAST {
            return Err(InvalidConfig::new("audit.rotate has to be at least \"4KiB\""));
        }
        if self.deadline > Duration::from_secs(60) {
            return Err(InvalidConfig::new("audit.deadline: no call should wait for longer than \"60s\""));
        }
        Ok(())
    }

    /// How long a call waits for the queue.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (self.when_full == WhenFull::Block).then_some(self.deadline)
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration::option(deserializer).map(Option::unwrap_or_default)
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    rate::size(deserializer).map(Option::unwrap_or_default)
}
