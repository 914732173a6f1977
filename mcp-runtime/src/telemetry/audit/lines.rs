//! The lines of audit files as they are read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::chain::{SEAL, Torn, hex};
use crate::telemetry::redact::Key;

/// The longest line, in bytes; the server writes none that is a tenth of it.
const MAX_LINE: u64 = 1024 * 1024;

/// How many lines are looked through for the first that can be read.
const MAX_TORN: usize = 1000;

/// What a line says of its place in the chain.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) kind: String,
    pub(super) seq: u64,
    pub(super) prev: String,
    pub(super) seal: Option<String>,
    pub(super) log: Option<String>,
    pub(super) predecessor: Option<String>,
    #[serde(default)]
    pub(super) resumed: bool,
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) unsealed: u64,
    pub(super) torn: Option<Torn>,
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

/// A line without its line feed, or a part of what is longer than any line.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) bytes: Vec<u8>,
    /// A line feed came behind it.
    pub(super) fed: bool,
    /// It goes on.
    cut: bool,
}

impl Raw {
    /// What it says, if it is a line of an audit log.
    pub(super) fn read(&self) -> Option<Line> {
        if self.cut { None } else { Line::read(&self.bytes) }
    }
}

/// The lines of a file. It ends with the first that has no line feed: whatever comes behind that was written while it was
/// read.
pub(super) struct Lines {
    reader: BufReader<File>,
    ended: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::from(File::open(path)?))
    }

    /// Those of an open file, from the first one on. One reader of a file at a time: they share a place in it.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(Self::from(file))
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Raw>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        (&mut self.reader).take(MAX_LINE).read_until(b'\n', &mut bytes)?;
        let fed = bytes.last() == Some(&b'\n');
        if fed {
            bytes.pop();
            return Ok(Some(Raw { bytes, fed, cut: false }));
        }
        let cut = bytes.len() as u64 == MAX_LINE;
        self.ended = !cut;
        Ok(if bytes.is_empty() { None } else { Some(Raw { bytes, fed, cut }) })
    }

    /// The first line that can be read, if that is the head of a file.
    pub(super) fn head(mut self) -> io::Result<Option<Line>> {
        for _ in 0..MAX_TORN {
            let Some(raw) = self.next()? else { break };
            if let Some(line) = raw.read() {
                return Ok(Some(line).filter(|line| line.kind == "head"));
            }
        }
        Ok(None)
    }
}

impl From<File> for Lines {
    fn from(file: File) -> Self {
        Self { reader: BufReader::with_capacity(256 * 1024, file), ended: false }
    }
}
