//! An audit file that is open only while it is written, for commands that run beside each other.

use std::path::{Path, PathBuf};

use super::{Audit, AuditError};
use crate::config;
use crate::record::CallRecord;
use crate::telemetry::{Dropped, Sink, SinkError};

/// Keeps the few records of a command, and has the file for a moment when they are written: a tool that runs for long
/// keeps no other command out of the audit.
pub(crate) struct LateAudit {
    path: PathBuf,
    options: config::Audit,
    key: [u8; 32],
    records: Vec<CallRecord>,
}

impl LateAudit {
    /// # Errors
    /// As [`Audit::open`]: what could not be recorded is not begun.
    pub(crate) fn open(path: &Path, options: &config::Audit, key: &[u8; 32]) -> Result<Self, AuditError> {
        drop(Audit::open(path, options, key)?);
        Ok(Self { path: path.to_owned(), options: options.clone(), key: *key, records: Vec::new() })
    }
}

impl Sink for LateAudit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
        self.records.push(record.clone());
        Ok(())
    }

    fn dropped(&mut self, dropped: &Dropped) -> Result<(), SinkError> {
        Audit::open(&self.path, &self.options, &self.key)?.dropped(dropped)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let mut audit = Audit::open(&self.path, &self.options, &self.key)?;
        while let Some(record) = self.records.first() {
            audit.write(record)?;
            self.records.remove(0);
        }
        audit.flush()
    }
}
