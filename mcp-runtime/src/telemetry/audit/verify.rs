//! Whether audit files are what the server wrote.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::LABEL;
use super::chain::{Hash, NONE, SEAL, Torn, hash, hex, key_id};
use crate::telemetry::redact::Key;

/// The longest line, in bytes; the server writes none that is a tenth of it.
const MAX_LINE: u64 = 1024 * 1024;

/// More files than a log has.
const MAX_FILES: usize = 100_000;

/// What a line says of its place in the chain.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) kind: String,
    pub(super) seq: u64,
    prev: String,
    pub(super) seal: Option<String>,
    pub(super) predecessor: Option<String>,
    key: Option<String>,
    #[serde(default)]
    unsealed: u64,
    torn: Option<Torn>,
}

impl Line {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// Whether the seal of a line is right.
pub(super) fn is_sealed_by(key: &Key, line: &[u8]) -> bool {
    let Some(at) = line.windows(SEAL.len()).rposition(|part| part == SEAL.as_bytes()) else { return false };
    let body = line.get(..at).unwrap_or_default();
    let seal = line.get(at + SEAL.len()..).unwrap_or_default();
    let expected = format!("{}\"}}", hex(&key.full(body)));
    bool::from(seal.ct_eq(expected.as_bytes()))
}

/// What a check looks for, and what it puts up with.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// The state folder's key; without it only the chain is checked, which proves little.
    pub key: Option<[u8; 32]>,
    /// The chain has to reach this line.
    pub last: Option<u64>,
    /// Lines that no seal covers are accepted: behind a crash, and at the end.
    pub allow_unsealed: bool,
    /// What came before the first file is not asked for.
    pub alone: bool,
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
    /// The number of the last line.
    pub last: u64,
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
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.why),
            line => write!(f, "{}, line {line}: {}", self.file.display(), self.why),
        }
    }
}

impl std::error::Error for Broken {}

/// Checks files in their order, oldest first, and before them those that the first one names as what came before it.
///
/// # Errors
/// The first line that was changed, removed, put elsewhere or made by somebody else; a file that cannot be read.
pub fn verify(files: &[PathBuf], check: &Check) -> Result<Report, Broken> {
    let whole = |file: &Path, why: String| Broken { file: file.to_owned(), line: 0, why };
    let mut order: VecDeque<PathBuf> = files.iter().cloned().collect();
    while let Some(first) = order.front().filter(|_| !check.alone) {
        let Some(name) = predecessor(first).map_err(|error| whole(first, error.to_string()))? else { break };
        // A name, and nothing that leads elsewhere.
        if Path::new(&name).file_name().is_none_or(|file| file != name.as_str()) || order.len() > MAX_FILES {
            return Err(Broken {
                file: first.clone(),
                line: 1,
                why: "the file before it has no usable name".to_owned(),
            });
        }
        let before = first.with_file_name(&name);
        if order.contains(&before) {
            return Err(Broken {
                file: first.clone(),
                line: 1,
                why: "the files name each other in a circle".to_owned(),
            });
        }
        if std::fs::symlink_metadata(&before).is_err() {
            let why =
                format!("the file before it, {name}, is not there; with --alone what came before is not asked for");
            return Err(Broken { file: first.clone(), line: 1, why });
        }
        order.push_front(before);
    }
    let mut walk = Walk::new(check);
    for file in &order {
        walk.file(file)?;
        walk.report.files.push(file.clone());
    }
    let last = order.back().map_or_else(PathBuf::new, PathBuf::clone);
    walk.end(&last)
}

/// The name of the file before, by the first line.
fn predecessor(file: &Path) -> io::Result<Option<String>> {
    let mut lines = Lines::open(file)?;
    let Some(line) = lines.next()? else { return Ok(None) };
    Ok(Line::read(&line).filter(|line| line.kind == "head").and_then(|line| line.predecessor))
}

/// The lines of a file, each of a bounded length.
pub(super) struct Lines(BufReader<File>);

impl Lines {
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        Ok(Self(BufReader::with_capacity(256 * 1024, File::open(file)?)))
    }

    /// The next line without its line feed.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.0).take(MAX_LINE).read_until(b'\n', &mut line)?;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) if line.len() as u64 >= MAX_LINE - 1 => Err(io::Error::other("a line has no end")),
            Some(byte) => {
                line.push(byte);
                Ok(Some(line))
            }
        }
    }
}

/// Where a check is.
struct Walk<'a> {
    check: &'a Check,
    key: Option<Key>,
    report: Report,
    /// The number and the hash of the line before; `None` before the first.
    before: Option<(u64, Hash)>,
    /// A line that could not be read: the next one has to say why.
    torn: Option<(u64, Torn)>,
}

impl<'a> Walk<'a> {
    fn new(check: &'a Check) -> Self {
        let key = check.key.as_ref().map(|key| Key::new(key).derive(LABEL));
        Self { check, key, report: Report::default(), before: None, torn: None }
    }

    fn file(&mut self, file: &Path) -> Result<(), Broken> {
        let broken = |line, why: String| Broken { file: file.to_owned(), line, why };
        let mut lines = Lines::open(file).map_err(|error| broken(0, error.to_string()))?;
        let mut number = 0;
        while let Some(line) = lines.next().map_err(|error| broken(number + 1, error.to_string()))? {
            number += 1;
            let Some(read) = Line::read(&line) else {
                if let Some((torn, _)) = self.torn {
                    return Err(broken(torn, "it is no line of an audit log".to_owned()));
                }
                self.torn = Some((number, Torn { bytes: line.len() as u64, sha256: hex(&hash(&line)) }));
                continue;
            };
            let line_hash = hash(&line);
            self.line(&read, &line, number).map_err(|problem| match problem {
                Problem::Here(why) => broken(number, why),
                Problem::Before(why) if number > 1 => broken(number - 1, why),
                Problem::Before(why) => broken(1, format!("of the last line of the file before: {why}")),
                Problem::Torn(line) => broken(line, "it is no line of an audit log".to_owned()),
                Problem::Gap(expected) => broken(number, gap(file, expected, read.seq)),
            })?;
            self.before = Some((read.seq, line_hash));
        }
        if number == 0 {
            return Err(broken(0, "it is empty, although every audit file begins with a line".to_owned()));
        }
        Ok(())
    }

    fn line(&mut self, read: &Line, line: &[u8], number: u64) -> Result<(), Problem> {
        if number == 1 && read.kind != "head" {
            return Err(Problem::Here(
                "the file does not begin with its first line; lines before it were removed".into(),
            ));
        }
        match (self.torn.take(), &read.torn) {
            (None, None) => {}
            (Some((at, torn)), Some(told)) if torn == *told => {
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
        let report = &mut self.report;
        report.lines += 1;
        report.last = read.seq;
        match read.kind.as_str() {
            "call" => report.calls += 1,
            "recovered" if read.unsealed > 0 => {
                let first = read.seq.saturating_sub(read.unsealed);
                let why = format!(
                    "the {} lines before (numbers {first} to {}) were never sealed: a process crashed, or somebody else wrote them",
                    read.unsealed,
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

    fn end(mut self, last: &Path) -> Result<Report, Broken> {
        let whole = |why: String| Broken { file: last.to_owned(), line: 0, why };
        let writing = is_written(last);
        if let Some((line, _)) = self.torn.take() {
            if !writing && !self.check.allow_unsealed {
                let why = "it is not whole, and no server has gone on behind it yet".to_owned();
                return Err(Broken { file: last.to_owned(), line, why });
            }
            self.report.notes.push("the last line is not whole".to_owned());
        }
        if let Some(expected) = self.check.last.filter(|expected| self.report.last < *expected) {
            let why = format!(
                "the chain ends with line number {}, and {expected} was written: the end was cut off",
                self.report.last
            );
            return Err(whole(why));
        }
        let unsealed = self.report.unsealed;
        if unsealed > 0 {
            let why = format!("the last {unsealed} lines are not sealed");
            // A server that runs will seal them, and no other process can write the file meanwhile unnoticed.
            if !writing && !self.check.allow_unsealed {
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
        while let Ok(Some(line)) = lines.next() {
            elsewhere |= Line::read(&line).is_some_and(|line| line.seq == expected);
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

/// Whether a server writes the file at this moment.
fn is_written(file: &Path) -> bool {
    File::open(file).is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}
