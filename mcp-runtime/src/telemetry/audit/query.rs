//! Who did it: the lines of calls that meet what is asked for.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::lines::Lines;
use super::order::Order;
use crate::__private::arg;
use crate::config::Redaction;
use crate::json::Document;
use crate::spec::{ArgumentSpec, Rule};
use crate::telemetry::redact::Redactor;

pub use super::names::of_operator;

/// What is asked for; what is not set is not asked for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// The agent, with its source or without (`key:reporting`, `reporting`).
    pub agent: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// On whose behalf.
    pub subject: Option<String>,
    /// The outcome (`OK`, `RATE_LIMITED`), or what the gate made of it (`denied`).
    pub outcome: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// The correlation id.
    pub correlation: Option<String>,
    /// Values of arguments, as records have them.
    pub arguments: Vec<Argument>,
    /// At the most so many, the newest of them.
    pub limit: usize,
}

/// The value of an argument that is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Argument {
    name: String,
    value: String,
    /// What stands in records for the value, of an argument that is personal.
    digest: Option<String>,
}

impl Argument {
    /// An argument, by its name and its value: a text without quotes, anything else as JSON. Personal values are found with
    /// the key of the state folder that the records were made with.
    pub fn new(name: &str, value: &str, key: Option<&[u8; 32]>) -> Self {
        const PERSONAL: &[ArgumentSpec] = &[arg::<String>().spec("value", "", &[Rule::Pii])];
        let digest = key.and_then(|key| {
            let sent = Document::of(&json!({ "value": value }));
            let redacted = Redactor::new(key, &Redaction::default()).redact(&sent, PERSONAL);
            let redacted: Value = serde_json::from_str(redacted.as_str()).ok()?;
            redacted["value"].as_str().map(str::to_owned)
        });
        Self { name: name.to_owned(), value: value.to_owned(), digest }
    }

    fn matches(&self, arguments: &Map<String, Value>) -> bool {
        match arguments.get(&self.name) {
            None => false,
            Some(Value::String(text)) => *text == self.value || self.digest.as_ref() == Some(text),
            Some(value) => serde_json::to_string(value).is_ok_and(|text| text == self.value),
        }
    }
}

/// A call as its line tells it.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Found {
    /// When.
    pub time: Timestamp,
    /// Which tool, or which method where there is none.
    pub tool: Option<String>,
    /// The method.
    pub method: String,
    /// Who.
    pub agent: String,
    /// For whom.
    pub subject: Option<String>,
    /// What the gate made of it.
    pub decision: String,
    /// What came of it.
    pub outcome: String,
    /// The correlation id.
    pub correlation: String,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// With what, redacted.
    pub arguments: Box<RawValue>,
    /// The whole line.
    #[serde(skip)]
    pub line: String,
}

impl Query {
    fn matches(&self, found: &Found) -> bool {
        let is = |asked: &Option<String>, value: Option<&str>| {
            asked.as_deref().is_none_or(|asked| value.is_some_and(|value| value == asked))
        };
        // `key:reporting` is asked for as `reporting` too; a client's name stands behind an issuer with colons of its own.
        let agent = |asked: &String| {
            found.agent == *asked
                || found.agent.strip_suffix(asked.as_str()).is_some_and(|source| source.ends_with(':'))
        };
        self.agent.as_ref().is_none_or(agent)
            && is(&self.tool, found.tool.as_deref())
            && is(&self.subject, found.subject.as_deref())
            && (is(&self.outcome, Some(&found.outcome)) || is(&self.outcome, Some(&found.decision)))
            && is(&self.correlation, Some(&found.correlation))
            && self.since.is_none_or(|since| found.time >= since)
            && self.until.is_none_or(|until| found.time < until)
            && self.has_arguments(found)
    }

    fn has_arguments(&self, found: &Found) -> bool {
        if self.arguments.is_empty() {
            return true;
        }
        let sent = serde_json::from_str(found.arguments.get());
        sent.is_ok_and(|sent| self.arguments.iter().all(|argument| argument.matches(&sent)))
    }
}

/// What was found, oldest first, and how much older is left out.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The calls.
    pub calls: VecDeque<Found>,
    /// How many more there are that are older.
    pub older: u64,
}

/// A file that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display().to_string().escape_debug())]
#[non_exhaustive]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// A call by its time, and by its place where several came at a time.
struct Newest {
    place: (Timestamp, u64),
    call: Found,
}

impl PartialEq for Newest {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Newest {}

impl PartialOrd for Newest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Newest {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

/// Looks through files, and through those that they name as what came before them, each once. Lines that cannot be read
/// are passed over: [`verify`](super::verify::verify) is what tells of them.
///
/// # Errors
/// A file that cannot be read.
pub fn query(files: &[PathBuf], query: &Query) -> Result<Answer, Unreadable> {
    let mut seen = HashSet::new();
    let mut search = Search { query, newest: BinaryHeap::new(), met: 0 };
    for file in files {
        let unreadable = |path: &Path, source| Unreadable { path: path.to_owned(), source };
        let mut order = Order::new(std::slice::from_ref(file)).map_err(|error| unreadable(file, error))?;
        follow(&mut order).map_err(|(path, error)| unreadable(&path, error))?;
        for path in &order.files {
            // By whatever name it was asked for.
            if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                order.lines(path).and_then(|lines| search.look(lines)).map_err(|error| unreadable(path, error))?;
            }
        }
    }
    let calls: Vec<_> = search.newest.into_sorted_vec();
    // The order of a heap of what is turned round is the other way round.
    let calls: VecDeque<_> = calls.into_iter().rev().map(|Reverse(newest)| newest.call).collect();
    Ok(Answer { older: search.met - calls.len() as u64, calls })
}

/// Puts before a file those that are still there of what came before.
fn follow(order: &mut Order) -> Result<(), (PathBuf, io::Error)> {
    while let Some(first) = order.files.front() {
        let head = order.lines(first).and_then(Lines::head).map_err(|error| (first.clone(), error))?;
        let Some(name) = head.and_then(|head| head.predecessor) else { break };
        let before = first.with_file_name(Path::new(&name).file_name().unwrap_or_default());
        if order.files.contains(&before) || !before.is_file() {
            break;
        }
        order.files.push_front(before);
    }
    Ok(())
}

/// A question that is being answered.
struct Search<'a> {
    query: &'a Query,
    /// The newest so far, the oldest of them on top; files of several processes overlap in time.
    newest: BinaryHeap<Reverse<Newest>>,
    met: u64,
}

impl Search<'_> {
    fn look(&mut self, mut lines: Lines) -> io::Result<()> {
        while let Some(raw) = lines.next()? {
            let Ok(line) = String::from_utf8(raw.bytes) else { continue };
            let Ok(mut call) = serde_json::from_str::<Found>(&line) else { continue };
            if !self.query.matches(&call) {
                continue;
            }
            call.line = line;
            self.met += 1;
            self.newest.push(Reverse(Newest { place: (call.time, self.met), call }));
            if self.newest.len() > self.query.limit.max(1) {
                self.newest.pop();
            }
        }
        Ok(())
    }
}
