//! The audit file: one line of JSON a call, chained and sealed.
//!
//! `[audit] path` names a file that only grows. Each line is an object with a `kind`: a `call` has the fields of a
//! [`CallRecord`]; the others tell of the file itself:
//!
//! | kind | says |
//! | --- | --- |
//! | `call` | what one request came to |
//! | `head` | the file begins here, and which one came before it |
//! | `seal` | everything up to here is what the server wrote |
//! | `dropped` | so many records could not be written, denials by their code |
//! | `recovered` | the last process did not end as it should: lines that it never sealed, a line that is torn |
//!
//! # What the chain proves
//!
//! Every line has a number (`seq`) and the SHA-256 of the line before it (`prev`), over files too. That finds what was
//! changed, removed or put elsewhere by accident, and tells which line. Whoever can write to the file could compute a chain
//! anew, so lines of the other kinds but `dropped` also carry a `seal`: HMAC-SHA-256 of the line, and with its `prev` of
//! all before it, under a key derived from the state folder's (label `mcp-runtime audit seal v1`). A seal is written every
//! `seal_lines` lines, every `seal_interval`, when the file is changed and at the end.
//!
//! So **who has write access to the file and not the key can change nothing before the last seal without being found**, by
//! `audit verify`. It does not show:
//!
//! - what somebody changes who has the key too, as the server's own user and root do,
//! - lines behind the last seal being changed: keep `seal_interval` short,
//! - the end of the log being cut off just behind a seal. Keep the number of the newest line elsewhere: each seal is an
//!   event of the log (target `mcp_runtime::audit`), and `audit verify --last SEQ` fails if the chain ends before it,
//! - records that were dropped before they got here: those are counted in lines of their own.
//!
//! # How it is written
//!
//! A call hands its record to a bounded queue; a thread of the file's own writes the line, hashes and seals. When the queue
//! is full, `when_full = "drop"` counts the record as lost, and `"block"` lets the call wait for room, `deadline` at the
//! most. One process writes a file: it is locked, and another one does not start. The `call` command, which may run beside
//! a server, has a file of its own, `audit.operator.jsonl` beside `audit.jsonl`.
//!
//! At `rotate` bytes the file gets the number of its last line into its name (`audit.000000004711.jsonl`), and a new one is
//! begun that names it. A file that was moved or deleted is noticed, and a new one begun in its place; a tool that copies
//! and truncates breaks the chain.

mod chain;
mod file;
pub mod query;
mod resume;
#[cfg(all(test, unix))]
mod tests;
pub mod verify;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::{self, Fsync};
use crate::record::CallRecord;
use crate::telemetry::redact::Key;
use crate::telemetry::{Dropped, Sink, SinkError};
use chain::Chain;
use file::AuditFile;

/// The label of the key that seals are made with.
const LABEL: &str = "audit seal";

/// So much is written at once; a line is not held back longer than until the queue is empty.
const WRITE: usize = 64 * 1024;

/// So much is kept at the most while the file cannot be written. What comes then is lost, and counted.
const KEEP: usize = 4 * 1024 * 1024;

/// How often a file on disk is made sure of, where that is done at intervals.
const SYNC: Duration = Duration::from_secs(1);

/// An audit file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// It cannot be opened or written.
    #[error("cannot write the audit file {}: {source}; check [audit] path and the rights of its folder", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process writes it.
    #[error(
        "another process writes the audit file {}; give each server an [audit] path of its own, or stop the other one",
        path.display()
    )]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// It ends with something that is no line of an audit log.
    #[error(
        "the file {} does not end with a line of an audit log; move it away, and a new one is begun",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// An open audit file.
#[derive(Debug)]
pub(crate) struct Audit {
    file: AuditFile,
    chain: Chain,
    /// Lines that are not in the file yet.
    buffer: Vec<u8>,
    options: config::Audit,
    sealed: Instant,
    synced: Instant,
    /// Something was written that the disk may not have.
    unsynced: bool,
    /// The name of a file that is full, until the new one has been begun.
    predecessor: Option<String>,
}

impl Audit {
    /// Opens the file, or makes it, readable by its owner alone, and goes on where it ends.
    ///
    /// # Errors
    /// A folder that is not there or not writable, a symbolic link, something that is no audit file, a file that another
    /// process writes.
    pub(crate) fn open(path: &Path, options: &config::Audit, key: &[u8; 32]) -> Result<Self, AuditError> {
        let failed = |source| AuditError::Io { path: path.to_owned(), source };
        let (file, found) = AuditFile::open(path)?;
        let key = Key::new(key).derive(LABEL);
        let mut buffer = Vec::with_capacity(2 * WRITE);
        let chain = match found {
            None => {
                let mut chain = Chain::new(key);
                chain.head(&mut buffer, None);
                chain
            }
            Some(end) => {
                resume::resume(key, &end, &mut buffer).ok_or_else(|| AuditError::Foreign { path: path.to_owned() })?
            }
        };
        let now = Instant::now();
        let options = options.clone();
        let mut audit =
            Self { file, chain, buffer, options, sealed: now, synced: now, unsynced: false, predecessor: None };
        audit.write_out().map_err(failed)?;
        Ok(audit)
    }

    /// Puts the lines into the file, whichever that is by now.
    fn write_out(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.file.is_gone() {
            let new = self.file.anew()?;
            // The lines so far belong to the file that is open, wherever it is now.
            self.seal();
            self.file.write(&mut self.buffer)?;
            self.begin(new);
        }
        self.unsynced = true;
        self.file.write(&mut self.buffer)?;
        if self.options.fsync == Fsync::Always {
            self.sync()?;
        }
        if self.file.length() >= self.options.rotate {
            self.seal();
            self.file.write(&mut self.buffer)?;
            self.sync()?;
            self.predecessor = Some(self.file.set_aside(self.chain.seq())?);
            let new = self.file.anew()?;
            self.begin(new);
            self.file.write(&mut self.buffer)?;
        }
        Ok(())
    }

    fn begin(&mut self, file: AuditFile) {
        self.file = file;
        self.chain.head(&mut self.buffer, self.predecessor.take().as_deref());
    }

    fn seal(&mut self) {
        self.sealed = Instant::now();
        if self.chain.unsealed() > 0 {
            self.chain.seal(&mut self.buffer);
        }
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.synced = Instant::now();
        if self.unsynced && self.options.fsync != Fsync::Never {
            self.file.sync()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// What happened to a line: it is in the file, or will be with the next one.
    fn settle(&mut self) -> std::io::Result<()> {
        if self.chain.unsealed() >= self.options.seal_lines {
            self.seal();
        }
        if self.buffer.len() >= WRITE { self.write_out() } else { Ok(()) }
    }
}

impl Sink for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
        if self.buffer.len() >= KEEP {
            self.write_out()?;
        }
        self.chain.call(&mut self.buffer, record);
        // A line that is kept is not lost, though the file may not take it now.
        if let Err(error) = self.settle() {
            tracing::debug!(target: "mcp_runtime::audit", %error, "the audit file could not be written");
        }
        Ok(())
    }

    fn dropped(&mut self, dropped: &Dropped) -> Result<(), SinkError> {
        if self.buffer.len() >= KEEP {
            self.write_out()?;
        }
        self.chain.dropped(&mut self.buffer, dropped);
        Ok(self.settle()?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.chain.unsealed() > 0 && self.sealed.elapsed() >= self.options.seal_interval {
            self.seal();
        }
        self.write_out()?;
        if self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        Ok(())
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.seal();
        if let Err(error) = self.write_out().and_then(|()| self.sync()) {
            tracing::error!(target: "mcp_runtime::audit", %error, "the end of the audit file could not be written");
        }
    }
}
