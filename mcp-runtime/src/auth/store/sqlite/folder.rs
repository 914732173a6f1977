//! The state folder and its files: readable by their owner alone, and never behind a symbolic link.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use crate::auth::StoreError;

/// Makes or checks the folder, then the database file in it. Answers the path of the file.
pub(super) fn prepare(folder: &Path, file_name: &str) -> Result<PathBuf, StoreError> {
    let folder = absolute(folder)?;
    let is_ours = prepare_folder(&folder, file_name)?;
    let file = folder.join(file_name);
    private_file(&file)?;
    // SQLite gives its companions the mode of the database, but would follow a link that is there already.
    for companion in ["-wal", "-shm", "-journal"] {
        let path = folder.join(format!("{file_name}{companion}"));
        if metadata(&path)?.is_some() {
            private_file(&path)?;
        }
    }
    if is_ours {
        ignore_in_git(&folder)?;
    }
    Ok(file)
}

/// The files of a state folder beside the database.
const OURS: [&str; 2] = [".gitignore", DIGEST_KEY];
const DIGEST_KEY: &str = "digest.key";

/// The key of the digests in records, beside the database; made if it is not there.
pub(super) fn digest_key(database: &Path) -> Result<[u8; 32], StoreError> {
    let path = database.with_file_name(DIGEST_KEY);
    let failed = |source| StoreError::Folder { path: path.clone(), source };
    if metadata(&path)?.is_none() {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| failed(io::Error::other(error)))?;
        // Written whole under another name: of two processes that start together, one wins and both read the same.
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|error| failed(io::Error::other(error)))?;
        let draft = database.with_file_name(format!("{DIGEST_KEY}.{:016x}", u64::from_be_bytes(name)));
        let written =
            private_options().write(true).create_new(true).open(&draft).and_then(|mut file| file.write_all(&key));
        written.map_err(failed)?;
        let linked = fs::hard_link(&draft, &path);
        let _ = fs::remove_file(&draft);
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
    }
    read_key(&path)
}

/// As [`digest_key`], but nothing is made.
#[cfg(feature = "cli")]
pub(super) fn existing_digest_key(database: &Path) -> Result<Option<[u8; 32]>, StoreError> {
    let path = database.with_file_name(DIGEST_KEY);
    metadata(&path)?.map(|_| read_key(&path)).transpose()
}

fn read_key(path: &Path) -> Result<[u8; 32], StoreError> {
    let failed = |source| StoreError::Folder { path: path.to_owned(), source };
    private_file(path)?;
    let bytes = fs::read(path).map_err(failed)?;
    bytes
        .try_into()
        .map_err(|_| failed(io::Error::other("it is not 32 bytes long; restore it, or remove it to start anew")))
}

/// What the system calls the file, whatever its path: `None` where it cannot say.
pub(super) fn identity(file: &Path) -> io::Result<Option<(u64, u64)>> {
    fs::symlink_metadata(file).map(|metadata| identity_of(&metadata))
}

/// Without a trailing slash, behind which a symbolic link would be followed.
fn absolute(folder: &Path) -> Result<PathBuf, StoreError> {
    let path = std::path::absolute(folder).map_err(|source| StoreError::Folder { path: folder.into(), source })?;
    Ok(path.components().filter(|part| !matches!(part, Component::CurDir)).collect())
}

/// Whether the folder is for the store alone, so that its mode and its content are ours to set.
fn prepare_folder(folder: &Path, file_name: &str) -> Result<bool, StoreError> {
    let Some(found) = metadata(folder)? else {
        private_dir(folder).map_err(|source| StoreError::Folder { path: folder.into(), source })?;
        return Ok(true);
    };
    if found.is_symlink() {
        return Err(StoreError::Symlink { path: folder.into() });
    }
    if !found.is_dir() {
        return Err(StoreError::NotAFolder { path: folder.into() });
    }
    if !is_own(&found) {
        return Err(StoreError::Exposed { path: folder.into() });
    }
    let is_ours = holds_only(folder, file_name)?;
    protect_folder(folder, &found, is_ours)?;
    Ok(is_ours)
}

fn holds_only(folder: &Path, file_name: &str) -> Result<bool, StoreError> {
    let failed = |source| StoreError::Folder { path: folder.into(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !name.to_str().is_some_and(|name| OURS.contains(&name) || name.starts_with(file_name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the file with mode 0600, or checks that it is a file and takes the rights of others away.
fn private_file(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Folder { path: path.into(), source };
    match private_options().write(true).create_new(true).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let Some(found) = metadata(path)? else {
        return Err(failed(ErrorKind::NotFound.into()));
    };
    if found.is_symlink() {
        return Err(StoreError::Symlink { path: path.into() });
    }
    if !found.is_file() {
        return Err(StoreError::NotAFile { path: path.into() });
    }
    if !is_own(&found) {
        return Err(StoreError::Exposed { path: path.into() });
    }
    let file = File::open(path).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    if identity_of(&opened) != identity_of(&found) {
        // Replaced between the look and the open: whoever does that means no good.
        return Err(StoreError::Symlink { path: path.into() });
    }
    protect_file(&file, &opened).map_err(failed)
}

fn ignore_in_git(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(".gitignore");
    let written =
        private_options().write(true).create_new(true).open(&path).and_then(|mut file| file.write_all(b"*\n"));
    match written {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(StoreError::Folder { path, source: error }),
        _ => Ok(()),
    }
}

/// What stands at the path itself, links not followed.
fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Folder { path: path.into(), source }),
    }
}

#[cfg(unix)]
fn private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
fn private_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(unix)]
fn protect_file(file: &File, found: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = found.permissions();
    let mode = permissions.mode();
    if !is_shared(mode) {
        return Ok(());
    }
    permissions.set_mode(mode & 0o700);
    file.set_permissions(permissions)
}

/// Whether anyone but the owner has a right.
#[cfg(unix)]
const fn is_shared(mode: u32) -> bool {
    mode & 0o077 != 0
}

/// A folder of ours becomes 0700. A shared one keeps its mode, since others may need it, but nobody else may write
/// there: who can write in a folder can replace its files.
#[cfg(unix)]
fn protect_folder(folder: &Path, found: &Metadata, is_ours: bool) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = found.permissions();
    let mode = permissions.mode();
    if is_ours && is_shared(mode) {
        permissions.set_mode(mode & 0o700);
        if fs::set_permissions(folder, permissions).is_ok() {
            return Ok(());
        }
    }
    if mode & 0o022 == 0 { Ok(()) } else { Err(StoreError::Exposed { path: folder.into() }) }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no answer")]
fn identity_of(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// Whether the file is of the user that this process runs as: another user could put keys of its own into it. Where the
/// system does not say who that is, the modes have to do.
#[cfg(unix)]
fn is_own(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").map_or(true, |own| own.uid() == found.uid())
}

#[cfg(not(unix))]
fn is_own(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

#[cfg(not(unix))]
fn private_options() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(not(unix))]
fn protect_file(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn protect_folder(_: &Path, _: &Metadata, _: bool) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(not(unix))]
fn identity_of(_: &Metadata) -> Option<(u64, u64)> {
    None
}
