//! Whether audit files are what the server wrote.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::LABEL;
use super::chain::{Hash, NONE, Pieces, hash, hex, key_id};
use super::lines::{Line, Lines, Raw, is_sealed_by};
use super::names::log_of;
use super::order::Order;
use crate::telemetry::redact::Key;

/// What something in between is.
const NO_LINE: &str = "it is no line of an audit log";

/// More files than a log has.
const MAX_FILES: usize = 100_000;

/// What a check looks for, and what it puts up with.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// The state folder's key; without it only the chain is checked, which proves little.
    pub key: Option<[u8; 32]>,
    /// This line has to be in the chain.
    pub last: Option<Noted>,
    /// The log that the files are of; without it, the one that the last of them is of by its name.
    pub log: Option<String>,
    /// Lines that no seal covers are accepted: behind a crash, and at the end.
    pub allow_unsealed: bool,
    /// What came before the first file is not asked for.
    pub alone: bool,
}

/// A line that was noted elsewhere: its number and its hash, `16:3f…` as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Noted {
    /// Its number.
    pub seq: u64,
    /// The SHA-256 of it, in hexadecimal digits.
    pub hash: String,
}

impl FromStr for Noted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let noted = text.split_once(':').and_then(|(seq, hash)| {
            let hash = hash.to_ascii_lowercase();
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(Self { seq: seq.parse().ok()?, hash }).filter(|_| is_hash)
        });
        noted.ok_or_else(|| {
            "write SEQ:HASH, as each seal logs them and a check prints them: the number alone proves nothing".to_owned()
        })
    }
}

/// What a check found in files that are as the server wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The files, oldest first.
    pub files: Vec<PathBuf>,
    /// All lines.
    pub lines: u64,
    /// Lines of calls.
    pub calls: u64,
    /// Seals that were checked.
    pub seals: u64,
    /// The log, as its files say.
    pub log: String,
    /// The number of the last line.
    pub last: u64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
    /// Lines at the end that no seal covers yet.
    pub unsealed: u64,
    /// What an operator should know, a sentence each.
    pub notes: Vec<String>,
}

/// The first thing that is not as the server wrote it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// The line of the file, counted from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name of a file may be what another file says.
        let file = self.file.display().to_string();
        match self.line {
            0 => write!(f, "{}: {}", file.escape_debug(), self.why),
            line => write!(f, "{}, line {line}: {}", file.escape_debug(), self.why),
        }
    }
}

impl std::error::Error for Broken {}

/// Checks files in their order, oldest first, and before them those that the first one names as what came before it.
///
/// # Errors
/// The first line that was changed, removed, put elsewhere or made by somebody else; a file that cannot be read.
pub fn verify(files: &[PathBuf], check: &Check) -> Result<Report, Broken> {
    let broken = |file: &Path, line, why: String| Broken { file: file.to_owned(), line, why };
    let newest = files.last().map_or_else(PathBuf::new, PathBuf::clone);
    let mut order = Order::new(files).map_err(|error| broken(&newest, 0, error.to_string()))?;
    let mut known: HashSet<PathBuf> = files.iter().cloned().collect();
    while let Some(first) = order.files.front().filter(|_| !check.alone) {
        let head = order.lines(first).and_then(Lines::head).map_err(|error| broken(first, 0, error.to_string()))?;
        let Some(head) = head else { break };
        let Some(name) = head.predecessor else { break };
        let named = |why: &str| broken(first, 1, why.to_owned());
        // A name as this log's files get them, and nothing that leads elsewhere.
        let is_name = Path::new(&name).file_name().is_some_and(|file| file == name.as_str());
        if !is_name || head.log.as_ref() != Some(&log_of(Path::new(&name))) || known.len() > MAX_FILES {
            return Err(named("the file before it has no usable name"));
        }
        let before = first.with_file_name(&name);
        if !known.insert(before.clone()) {
            return Err(named("the files name each other in a circle"));
        }
        if !std::fs::symlink_metadata(&before).is_ok_and(|found| found.is_file()) {
            let name = name.escape_debug();
            return Err(named(&format!(
                "the file before it, {name}, is not there; with --alone what came before is not asked for"
            )));
        }
        order.files.push_front(before);
    }
    let mut walk = Walk::new(check, log_of(&newest));
    for file in &order.files {
        let lines = order.lines(file).map_err(|error| broken(file, 0, error.to_string()))?;
        walk.file(file, lines)?;
        walk.report.files.push(file.clone());
    }
    walk.end(&order)
}

/// Where a check is.
struct Walk<'a> {
    check: &'a Check,
    key: Option<Key>,
    /// The log that all files have to be of.
    log: String,
    report: Report,
    /// The number and the hash of the line before; `None` before the first.
    before: Option<(u64, Hash)>,
    /// What could not be read since then, and in which line it begins: the next one has to say why.
    torn: Option<(u64, Pieces)>,
    /// The line that was noted elsewhere was there.
    noted: bool,
}

impl<'a> Walk<'a> {
    fn new(check: &'a Check, log: String) -> Self {
        let key = check.key.as_ref().map(|key| Key::new(key).derive(LABEL));
        let log = check.log.clone().unwrap_or(log);
        let report = Report { log: log.clone(), ..Report::default() };
        Self { check, key, log, report, before: None, torn: None, noted: false }
    }

    fn file(&mut self, file: &Path, mut lines: Lines) -> Result<(), Broken> {
        let broken = |line, why: String| Broken { file: file.to_owned(), line, why };
        let mut number = 0;
        let mut begun = false;
        while let Some(raw) = lines.next().map_err(|error| broken(number + 1, error.to_string()))? {
            number += 1;
            let Raw { bytes, fed, .. } = &raw;
            let Some(read) = raw.read() else {
                self.torn.get_or_insert_with(|| (number, Pieces::default())).1.add(bytes, *fed);
                continue;
            };
            let line_hash = hash(bytes);
            if !begun && read.kind != "head" {
                let why = "the file does not begin with its first line; lines before it were removed";
                return Err(broken(self.torn.take().map_or(number, |(line, _)| line), why.to_owned()));
            }
            begun = true;
            self.line(&read, bytes).map_err(|problem| match problem {
                Problem::Here(why) => broken(number, why),
                Problem::Before(why) if number > 1 => broken(number - 1, why),
                Problem::Before(why) => broken(1, format!("of the last line of the file before: {why}")),
                Problem::Torn(line) => broken(line, NO_LINE.to_owned()),
                Problem::Gap(expected) => broken(number, gap(file, expected, read.seq)),
            })?;
            self.before = Some((read.seq, line_hash));
            self.note(&read, &line_hash).map_err(|why| broken(number, why))?;
        }
        if number == 0 {
            return Err(broken(0, "it is empty, although every audit file begins with a line".to_owned()));
        }
        Ok(())
    }

    /// Looks for the line that was noted elsewhere.
    fn note(&mut self, read: &Line, hash: &Hash) -> Result<(), String> {
        let Some(noted) = self.check.last.as_ref().filter(|noted| noted.seq == read.seq) else { return Ok(()) };
        self.noted = noted.hash == hex(hash);
        if self.noted {
            return Ok(());
        }
        Err("it is not the line that was noted under this number: the log was cut off before it and gone on with, or it is \
             another one"
            .to_owned())
    }

    fn line(&mut self, read: &Line, line: &[u8]) -> Result<(), Problem> {
        match (self.torn.take(), &read.torn) {
            (None, None) => {}
            (Some((at, torn)), Some(told)) if torn.clone().torn().as_ref() == Some(told) => {
                self.report.notes.push(format!("line {at} is torn: a process ended while it was written"));
            }
            (Some((at, _)), _) => return Err(Problem::Torn(at)),
            (None, Some(_)) => return Err(Problem::Before("a torn line was removed".to_owned())),
        }
        self.place(read)?;
        match (&self.key, &read.seal) {
            (Some(key), Some(_)) if !is_sealed_by(key, line) => {
                let other = read.key.as_ref().is_some_and(|id| *id != key_id(key));
                let why = if other {
                    "it is sealed with another key"
                } else {
                    "its seal is wrong: it was changed or made by somebody without the key"
                };
                return Err(Problem::Here(why.to_owned()));
            }
            (_, None) if matches!(read.kind.as_str(), "head" | "seal" | "recovered") => {
                return Err(Problem::Here("its seal was removed".to_owned()));
            }
            _ => {}
        }
        if read.kind == "head" {
            self.head(read)?;
        }
        let report = &mut self.report;
        report.lines += 1;
        report.last = read.seq;
        match read.kind.as_str() {
            "call" => report.calls += 1,
            // The server looked no further back than it had to: what has no seal is counted here.
            "head" | "recovered" if read.unsealed.max(report.unsealed) > 0 => {
                let unsealed = read.unsealed.max(report.unsealed);
                let first = read.seq.saturating_sub(unsealed);
                let why = format!(
                    "the {unsealed} lines before (numbers {first} to {}) were never sealed: a process crashed, or somebody else wrote them",
                    read.seq - 1
                );
                if !self.check.allow_unsealed {
                    return Err(Problem::Here(format!("{why}; --allow-unsealed accepts them")));
                }
                report.notes.push(why);
            }
            "dropped" => report.notes.push(format!("line number {} tells of records that were dropped", read.seq)),
            _ => {}
        }
        if read.seal.is_some() {
            report.seals += u64::from(self.key.is_some());
            report.unsealed = 0;
        } else {
            report.unsealed += 1;
        }
        Ok(())
    }

    /// The first line of a file: whose it is, and how it came to be.
    fn head(&mut self, read: &Line) -> Result<(), Problem> {
        match &read.log {
            Some(log) if *log == self.log => {}
            Some(log) => {
                return Err(Problem::Here(format!(
                    "it belongs to the log {}, not to {}: it is a copy, or was given another name; --log says which log it is",
                    log.escape_debug(),
                    self.log.escape_debug()
                )));
            }
            None => return Err(Problem::Here("it does not say which log it belongs to".to_owned())),
        }
        if read.resumed {
            self.report.notes.push(format!(
                "before line number {} there was no file: a process ended while it put a full one aside, or the newest one \
                 was removed; a line that was noted elsewhere tells which (--last)",
                read.seq
            ));
        }
        Ok(())
    }

    /// Its number, and the hash of the line before.
    fn place(&self, read: &Line) -> Result<(), Problem> {
        let Some((seq, before)) = self.before else {
            if self.check.alone || (read.seq == 1 && read.prev == hex(&NONE)) {
                return Ok(());
            }
            let why = "the log begins in the middle, and the file before is not named; name it before this one";
            return Err(Problem::Here(why.to_owned()));
        };
        if read.seq != seq + 1 {
            return Err(Problem::Gap(seq + 1));
        }
        if read.prev != hex(&before) {
            return Err(Problem::Before("it was changed: the next line has another hash of it".to_owned()));
        }
        Ok(())
    }

    fn end(mut self, order: &Order) -> Result<Report, Broken> {
        self.report.hash = self.before.as_ref().map(|(_, hash)| hex(hash)).unwrap_or_default();
        let file = order.newest();
        let whole = |why: String| Broken { file: file.clone(), line: 0, why };
        // A server that runs will seal the end, and no other process can write the file meanwhile unnoticed.
        let lenient = order.is_written() || self.check.allow_unsealed;
        if let Some((line, _)) = self.torn.take() {
            if !lenient {
                let why = "it is not whole, and no server has gone on behind it yet".to_owned();
                return Err(Broken { file, line, why });
            }
            self.report.notes.push("the last line is not whole".to_owned());
        }
        if let Some(noted) = self.check.last.as_ref().filter(|_| !self.noted) {
            let why = if self.report.last < noted.seq {
                "and that one was written: the end was cut off"
            } else {
                "and the files begin behind that one; name those before them"
            };
            let last = self.report.last;
            return Err(whole(format!("the chain ends with line number {last}, {} was noted, {why}", noted.seq)));
        }
        let unsealed = self.report.unsealed;
        if unsealed > 0 {
            let why = format!("the last {unsealed} lines are not sealed");
            if !lenient {
                return Err(whole(format!(
                    "{why}, and no server writes the file: a process crashed, or somebody else wrote them; --allow-unsealed accepts them"
                )));
            }
            self.report.notes.push(why);
        }
        if self.key.is_none() {
            self.report.notes.push(
                "without the key no seal was checked: whoever can write the file could have made the chain".to_owned(),
            );
        }
        Ok(self.report)
    }
}

/// What is wrong, and with which line.
enum Problem {
    Here(String),
    Before(String),
    Torn(u64),
    /// This number should have come.
    Gap(u64),
}

/// Whether the line that should have come was removed, or put elsewhere.
fn gap(file: &Path, expected: u64, found: u64) -> String {
    let mut elsewhere = false;
    if let Ok(mut lines) = Lines::open(file) {
        while let Ok(Some(raw)) = lines.next() {
            elsewhere |= raw.read().is_some_and(|line| line.seq == expected);
        }
    }
    if found < expected {
        format!("it has the number {found}, and {expected} should follow: it was put here, or written by somebody else")
    } else if elsewhere {
        format!("it has the number {found}, and {expected} should follow, which stands elsewhere: lines were reordered")
    } else if found == expected + 1 {
        format!("the line with the number {expected} was removed before it")
    } else {
        format!("the lines with the numbers {expected} to {} were removed before it", found - 1)
    }
}
