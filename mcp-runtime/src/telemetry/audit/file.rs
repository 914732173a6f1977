//! The file itself: locked, private, and the one that its path names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::AuditError;

/// How long a file that another process writes is waited for: the one before may be about to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a file's end is read to go on behind it. Seals stand closer together than that.
const END: u64 = 32 * 1024 * 1024;

/// An audit file that this process alone writes.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl AuditFile {
    /// Opens or makes a file, readable by its owner alone. With it comes the end of what is in it already.
    ///
    /// # Errors
    /// See [`Audit::open`](super::Audit::open).
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Vec<u8>>), AuditError> {
        let failed = |source| AuditError::Io { path: path.to_owned(), source };
        let mut file = private(path).map_err(failed)?;
        let end = Instant::now() + PATIENCE;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
                TryLockError::WouldBlock => return Err(AuditError::Busy { path: path.to_owned() }),
                TryLockError::Error(source) => return Err(failed(source)),
            }
        }
        let length = file.metadata().map_err(failed)?.len();
        let found = if length > 0 { Some(last(&mut file, length).map_err(failed)?) } else { None };
        Ok((Self { path: path.to_owned(), file, length }, found))
    }

    /// Its size in bytes, as far as this process wrote it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends what is in the buffer, and takes that out of it: what was not written is still there.
    pub(super) fn write(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut written = 0;
        let mut outcome = Ok(());
        while written < buffer.len() {
            match self.file.write(&buffer[written..]) {
                Ok(0) => outcome = Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => outcome = Err(error),
            }
            if outcome.is_err() {
                break;
            }
        }
        buffer.drain(..written);
        let before = self.length;
        self.length += written as u64;
        let found = self.file.metadata().map_or(self.length, |metadata| metadata.len());
        if found != self.length {
            // Whoever it was broke the chain, and `audit verify` shows where.
            tracing::error!(
                target: "mcp_runtime::audit",
                expected = self.length,
                found,
                before,
                "somebody else has written to the audit file"
            );
            self.length = found;
        }
        outcome
    }

    /// Makes sure that the disk has it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether the path names another file by now, or none. Where the system cannot tell, it does not.
    pub(super) fn is_gone(&self) -> bool {
        match (fs::symlink_metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(open)) => identity(&named) != identity(&open),
            (Err(error), _) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Gives the file the name that it keeps: the number of its last line in it.
    pub(super) fn set_aside(&self, seq: u64) -> io::Result<String> {
        let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let stem = part(self.path.file_stem()).unwrap_or_default();
        let extension = part(self.path.extension()).map_or_else(String::new, |extension| format!(".{extension}"));
        for attempt in 0..100 {
            let again = if attempt == 0 { String::new() } else { format!("-{attempt}") };
            let name = format!("{stem}.{seq:012}{again}{extension}");
            let to = self.path.with_file_name(&name);
            if fs::symlink_metadata(&to).is_err() {
                fs::rename(&self.path, &to)?;
                return Ok(name);
            }
        }
        Err(io::Error::other("all names that a full audit file could get are taken"))
    }

    /// The file that is now at the path; it is made if there is none.
    pub(super) fn anew(&self) -> io::Result<Self> {
        let file = private(&self.path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process writes the new audit file"),
            TryLockError::Error(error) => error,
        })?;
        let length = file.metadata()?.len();
        Ok(Self { path: self.path.clone(), file, length })
    }
}

/// The file of the call command beside a server's.
pub fn of_operator(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match path.extension() {
        Some(extension) => path.with_file_name(format!("{stem}.operator.{}", extension.to_string_lossy())),
        None => path.with_file_name(format!("{stem}.operator")),
    }
}

/// Opens a file for appending, and takes the rights of others away.
fn private(path: &Path) -> io::Result<File> {
    if let Ok(found) = fs::symlink_metadata(path)
        && !found.is_file()
    {
        return Err(io::Error::other("it is a link or no regular file"));
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(permissions.mode() & 0o700);
            file.set_permissions(permissions)?;
        }
    }
    Ok(file)
}

/// The end of a file, from the beginning of a line.
fn last(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let start = length.saturating_sub(END);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    if start > 0 {
        let line = end.iter().position(|byte| *byte == b'\n').map_or(end.len(), |feed| feed + 1);
        end.drain(..line);
    }
    Ok(end)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no answer")]
fn identity(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Option<(u64, u64)> {
    None
}
