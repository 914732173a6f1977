//! The audit file: one line of JSON a record, appended.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::record::CallRecord;
use crate::telemetry::{Sink, SinkError};

/// An audit file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the audit file {}: {source}; check [audit] path and the rights of its folder", path.display())]
pub struct AuditError {
    path: PathBuf,
    source: io::Error,
}

/// An open audit file.
#[derive(Debug)]
pub struct Audit {
    file: Open,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Kept between lines, so that a line costs no allocation.
    line: Vec<u8>,
    /// The last line may have been written in part: the next one starts anew.
    torn: bool,
}

impl Audit {
    /// Opens a file for appending; makes it, readable by its owner alone, if it is not there.
    ///
    /// # Errors
    /// A folder that is not there or not writable, a symbolic link, something that is no file.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let failed = |source| AuditError { path: path.to_owned(), source };
        if let Ok(found) = std::fs::symlink_metadata(path)
            && !found.is_file()
        {
            return Err(failed(io::Error::other("it is a link or no regular file")));
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mut permissions = file.metadata().map_err(failed)?.permissions();
            if permissions.mode() & 0o077 != 0 {
                permissions.set_mode(permissions.mode() & 0o700);
                file.set_permissions(permissions).map_err(failed)?;
            }
        }
        Ok(Self { file: Open { file, line: Vec::with_capacity(1024), torn: false } })
    }

    /// Appends a record in one write, so that lines of several processes do not mix.
    fn append(&mut self, record: &CallRecord) -> io::Result<()> {
        let Open { file, line, torn } = &mut self.file;
        line.clear();
        if *torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut *line, record)?;
        line.push(b'\n');
        *torn = true;
        file.write_all(line)?;
        *torn = false;
        Ok(())
    }
}

impl Sink for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
        Ok(self.append(record)?)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_could_read_is_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        Audit::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
