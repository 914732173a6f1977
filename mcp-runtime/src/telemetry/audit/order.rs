//! The files of a log in their order, as somebody reads them while a server may go on.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lines::Lines;
use super::names::set_aside;

/// How long a file that is about to be made is waited for.
const MOMENT: Duration = Duration::from_millis(500);

/// Files, oldest first. The newest is open from the beginning: a server that puts it aside meanwhile gives its name to
/// another one, and the names of the others stay.
pub(super) struct Order {
    pub(super) files: VecDeque<PathBuf>,
    newest: Option<(PathBuf, File)>,
    /// Whether a server wrote the newest when it was opened.
    was_written: bool,
}

impl Order {
    /// # Errors
    /// The newest cannot be opened.
    pub(super) fn new(files: &[PathBuf]) -> io::Result<Self> {
        let newest = files.last().map(|path| Ok::<_, io::Error>((path.clone(), newest(path)?))).transpose()?;
        let was_written = newest.as_ref().is_some_and(|(_, file)| is_written(file));
        Ok(Self { files: files.iter().cloned().collect(), newest, was_written })
    }

    pub(super) fn newest(&self) -> PathBuf {
        self.newest.as_ref().map(|(path, _)| path.clone()).unwrap_or_default()
    }

    /// The lines of one of them.
    pub(super) fn lines(&self, path: &Path) -> io::Result<Lines> {
        match &self.newest {
            Some((newest, file)) if newest == path => Lines::of(file),
            _ => Lines::open(path),
        }
    }

    /// Whether a server has written the newest since it was opened.
    pub(super) fn is_written(&self) -> bool {
        self.was_written || self.newest.as_ref().is_some_and(|(_, file)| is_written(file))
    }
}

/// Opens the newest. While a server puts a full file aside, there is none for a moment, or one without its first line.
fn newest(path: &Path) -> io::Result<File> {
    let until = Instant::now() + MOMENT;
    loop {
        let opened = File::open(path);
        let is_begun = match &opened {
            Ok(file) => Lines::of(file)?.head()?.is_some(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if is_begun || Instant::now() >= until || set_aside(path).is_ok_and(|files| files.is_empty()) {
            return opened;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a server writes the file at this moment.
fn is_written(file: &File) -> bool {
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Ok(()) => {
            // A server that starts now must not find it locked.
            let _ = file.unlock();
            false
        }
        Err(TryLockError::Error(_)) => false,
    }
}
