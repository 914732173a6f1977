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
//! - the end of the log being cut off just behind a seal, or all of it. Keep the newest line's number and hash elsewhere:
//!   each seal is an event of the log (target `mcp_runtime::audit`, fields `seq` and `hash`), and
//!   `audit verify --last SEQ:HASH` fails if that line is not in the chain, whatever was written behind the cut,
//! - records that were dropped before they got here: those are counted in lines of their own,
//! - a call that ends its process (an abort, no memory left, `kill -9`), and calls that were still in the queue when it
//!   ended so: a record is made when a call is over, and waits its turn.
//!
//! Each `head` names its log, which is the file's name without the number: a copy of one log is no other, and
//! `audit verify --log NAME` is for one that was given another name since.
//!
//! # How it is written
//!
//! A call hands its record to a bounded queue; a thread of the file's own writes the line, hashes and seals. When the queue
//! is full, `when_full = "drop"` counts the record as lost, and `"block"` lets the call wait for room, `deadline` at the
//! most: its worker thread lends its other tasks to another one meanwhile, which only a runtime with several threads can
//! do. With `block`, serve on such a one. One process writes a file: it is locked, and another one does not start. The
//! commands `call` and `revoke`, which may run beside a server, have a file of their own, `audit.operator.jsonl` beside
//! `audit.jsonl`, and hold it no longer than they write.
//!
//! A disk that is full or broken loses nothing at first: up to 4 MiB of lines wait in memory for it, and what comes then
//! is lost and counted. Meanwhile no record of them counts as written, `Protected::flush` says `false`, and `/metrics`
//! counts `mcp_runtime_sink_flush_failures_total`. The log says how many lines the end of the process lost.
//!
//! At `rotate` bytes the file gets the number of its last line into its name (`audit.000000004711.jsonl`), and a new one is
//! begun that names it. A start that finds no file, or none with a whole line, goes on behind the newest one that was set
//! aside: a process may end between the two. A file that was moved or deleted is noticed, and a new one begun in its place;
//! a tool that copies and truncates breaks the chain.

mod chain;
mod disk;
mod file;
#[cfg(feature = "cli")]
mod late;
mod lines;
mod names;
mod order;
pub mod query;
mod resume;
#[cfg(all(test, unix))]
mod tests;
pub mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{self, Fsync};
use crate::record::CallRecord;
use crate::telemetry::redact::Key;
use crate::telemetry::{Dropped, Sink, SinkError};
use chain::{Before, Chain};
use disk::{Disk, System};
use file::AuditFile;
#[cfg(feature = "cli")]
pub(crate) use late::LateAudit;
use names::log_of;

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
    /// Nothing in it is a line of an audit log.
    #[error("the file {} has no line of an audit log; move it away, and a new one is begun", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to another log.
    #[error(
        "the file {} was begun as {}; give it that name again, or move it away, and a new one is begun",
        path.display(),
        log.escape_debug()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// The log that it says it is of.
        log: String,
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
    /// Files were made or given names that the disk may not know.
    moved: bool,
    /// The name of a file that is full, until the new one has been begun.
    predecessor: Option<String>,
}

impl Audit {
    /// Opens the file, or makes it, readable by its owner alone, and goes on where it ends.
    ///
    /// # Errors
    /// A folder that is not there or not writable, a symbolic link, something that is no audit file or one of another log,
    /// a file that another process writes.
    pub(crate) fn open(path: &Path, options: &config::Audit, key: &[u8; 32]) -> Result<Self, AuditError> {
        Self::open_on(&(Arc::new(System) as Arc<dyn Disk>), path, options, key)
    }

    fn open_on(disk: &Arc<dyn Disk>, path: &Path, options: &config::Audit, key: &[u8; 32]) -> Result<Self, AuditError> {
        let failed = |source| AuditError::Io { path: path.to_owned(), source };
        let (file, found) = AuditFile::open(path, disk)?;
        let key = Key::new(key).derive(LABEL);
        let mut buffer = Vec::with_capacity(2 * WRITE);
        let chain = match resume::resume(&key, &found, &mut buffer) {
            Some(chain) => {
                let log = file.lines().and_then(lines::Lines::head).map_err(failed)?.and_then(|head| head.log);
                if let Some(log) = log.filter(|log| *log != log_of(path)) {
                    return Err(AuditError::Other { path: path.to_owned(), log });
                }
                chain
            }
            None if resume::is_unbegun(&found) => resume::begin(&key, path, &found, &mut buffer).map_err(failed)?,
            None => return Err(AuditError::Foreign { path: path.to_owned() }),
        };
        let now = Instant::now();
        let mut audit = Self {
            file,
            chain,
            buffer,
            options: options.clone(),
            sealed: now,
            synced: now,
            unsynced: false,
            moved: found.is_empty(),
            predecessor: None,
        };
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
            // The lines so far belong to the file that is open, wherever it is now. Nobody writes it behind them.
            self.seal();
            self.put()?;
            self.sync()?;
            self.begin(new);
        }
        self.put()?;
        if self.file.length() >= self.options.rotate {
            self.seal();
            self.put()?;
            self.sync()?;
            self.predecessor = Some(self.file.set_aside(self.chain.seq())?);
            self.moved = true;
            let new = self.file.anew()?;
            self.begin(new);
            self.put()?;
        }
        Ok(())
    }

    /// Writes the lines to the file that is open.
    fn put(&mut self) -> std::io::Result<()> {
        self.unsynced = true;
        self.file.write(&mut self.buffer)?;
        if self.options.fsync == Fsync::Always { self.sync() } else { Ok(()) }
    }

    fn begin(&mut self, file: AuditFile) {
        let log = log_of(file.path());
        self.file = file;
        self.moved = true;
        let before = Before { predecessor: self.predecessor.take(), ..Before::default() };
        self.chain.head(&mut self.buffer, &log, &before);
    }

    fn seal(&mut self) {
        self.sealed = Instant::now();
        if self.chain.unsealed() > 0 {
            self.chain.seal(&mut self.buffer);
        }
    }

    /// Makes sure of what was written, and of the names of files. What failed is asked for again the next time.
    fn sync(&mut self) -> std::io::Result<()> {
        if self.options.fsync != Fsync::Never {
            if self.unsynced {
                self.file.sync()?;
                self.unsynced = false;
            }
            if self.moved {
                self.file.sync_folder()?;
                self.moved = false;
            }
        }
        self.synced = Instant::now();
        Ok(())
    }

    /// What happened to a line: it is in the file, or will be with the next one. A line that is kept is not lost, though
    /// the file may not take it now.
    fn settle(&mut self) {
        if self.chain.unsealed() >= self.options.seal_lines {
            self.seal();
        }
        if self.buffer.len() >= WRITE
            && let Err(error) = self.write_out()
        {
            tracing::debug!(target: "mcp_runtime::audit", %error, "the audit file could not be written");
        }
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
        self.settle();
        Ok(())
    }

    fn dropped(&mut self, dropped: &Dropped) -> Result<(), SinkError> {
        if self.buffer.len() >= KEEP {
            self.write_out()?;
        }
        self.chain.dropped(&mut self.buffer, dropped);
        // Told again, it would count twice.
        self.settle();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.chain.unsealed() > 0 && self.sealed.elapsed() >= self.options.seal_interval {
            self.seal();
        }
        self.write_out()?;
        // One that failed is asked for again at once.
        if self.options.fsync == Fsync::Always || self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        Ok(())
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.seal();
        if let Err(error) = self.write_out().and_then(|()| self.sync()) {
            let lines = self.buffer.split(|byte| *byte == b'\n').count() - 1;
            tracing::error!(
                target: "mcp_runtime::audit",
                %error,
                lines,
                "the end of the audit file could not be written; these lines of it are lost"
            );
        }
    }
}
