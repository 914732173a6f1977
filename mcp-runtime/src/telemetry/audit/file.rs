//! The file itself: locked, private, and the one that its path names.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::AuditError;
use super::disk::Disk;
use super::lines::Lines;
use super::names::aside_name;

/// How long a file that another process writes is waited for: the one before may be about to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a new file is waited for while the log goes on: whoever checks a log holds a lock for a moment.
const MOMENT: Duration = Duration::from_millis(200);

/// How much of a file's end is read to go on behind it.
const END: u64 = 32 * 1024 * 1024;

/// An audit file that this process alone writes.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    length: u64,
    disk: Arc<dyn Disk>,
}

impl AuditFile {
    /// Opens or makes a file, readable by its owner alone. With it comes the end of what is in it already.
    ///
    /// # Errors
    /// See [`Audit::open`](super::Audit::open).
    pub(super) fn open(path: &Path, disk: &Arc<dyn Disk>) -> Result<(Self, Vec<u8>), AuditError> {
        let failed = |source| AuditError::Io { path: path.to_owned(), source };
        let busy = || AuditError::Busy { path: path.to_owned() };
        let until = Instant::now() + PATIENCE;
        loop {
            let file = disk.open(path).map_err(failed)?;
            lock(&file, until).map_err(|error| match error {
                TryLockError::WouldBlock => busy(),
                TryLockError::Error(source) => failed(source),
            })?;
            let mut opened = Self { path: path.to_owned(), file, length: 0, disk: Arc::clone(disk) };
            // Whoever had the lock may have set the file aside meanwhile, and writes another one.
            if !opened.is_gone() {
                let found = end(&mut opened.file).map_err(failed)?;
                opened.length = opened.file.metadata().map_err(failed)?.len();
                return Ok((opened, found));
            }
            if Instant::now() >= until {
                return Err(busy());
            }
        }
    }

    /// Its name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes, as far as this process wrote it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Its lines from the first one on.
    pub(super) fn lines(&self) -> io::Result<Lines> {
        Lines::of(&self.file)
    }

    /// Appends what is in the buffer, and takes that out of it: what was not written is still there.
    pub(super) fn write(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut written = 0;
        let mut outcome = Ok(());
        while written < buffer.len() {
            match self.disk.write(&mut self.file, &buffer[written..]) {
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
        self.disk.sync(&self.file)
    }

    /// Makes sure that the disk knows its name, and those of the files that were set aside.
    pub(super) fn sync_folder(&self) -> io::Result<()> {
        self.disk.sync_folder(folder(&self.path))
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
        for attempt in 0..100 {
            let name = aside_name(&self.path, seq, attempt);
            let to = self.path.with_file_name(&name);
            if fs::symlink_metadata(&to).is_err() {
                self.disk.rename(&self.path, &to)?;
                return Ok(name);
            }
        }
        Err(io::Error::other("all names that a full audit file could get are taken"))
    }

    /// The file that is now at the path; it is made if there is none. One with lines is another process's: to go on in it
    /// would part the chain in two.
    pub(super) fn anew(&self) -> io::Result<Self> {
        let file = self.disk.open(&self.path)?;
        lock(&file, Instant::now() + MOMENT).map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process writes the new audit file"),
            TryLockError::Error(error) => error,
        })?;
        let new = Self { path: self.path.clone(), file, length: 0, disk: Arc::clone(&self.disk) };
        if new.is_gone() {
            return Err(io::Error::other("the new audit file was moved at once"));
        }
        if new.file.metadata()?.len() > 0 {
            return Err(io::Error::other(
                "the new audit file has lines of another process; move it away, or start this one again",
            ));
        }
        Ok(new)
    }
}

/// Waits for the lock of a file.
fn lock(file: &File, until: Instant) -> Result<(), TryLockError> {
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
}

/// The folder of a file; a bare name is one of the working folder.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The end of a file, from the beginning of a line.
pub(super) fn end(file: &mut File) -> io::Result<Vec<u8>> {
    let start = file.metadata()?.len().saturating_sub(END);
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
