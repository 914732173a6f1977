//! What can go wrong with a store, in words that tell the operator what to do.

use std::io;
use std::path::PathBuf;

use crate::caller::InvalidName;
use crate::scope::InvalidScope;

/// A store that cannot be opened or used, or a request that it refuses.
///
/// The texts are for operators: they name files, so they belong on the command line and in the server's log, not in
/// an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state folder cannot be made, read or written.
    #[error(
        "cannot keep state in {}: {source}\nhelp: name a folder that this user may write with `--state DIR`",
        path.display()
    )]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A symbolic link stands where the folder or a file of it should.
    #[error(
        "{} is a symbolic link, and credentials are not kept behind links\n\
         help: name the place itself with `--state DIR`",
        path.display()
    )]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// Something else stands where the folder should.
    #[error("the state folder {} is not a folder\nhelp: name another with `--state DIR`", path.display())]
    NotAFolder {
        /// What is no folder.
        path: PathBuf,
    },
    /// Something else stands where a file of the store should.
    #[error("{} is not a regular file\nhelp: name another folder with `--state DIR`", path.display())]
    NotAFile {
        /// What is no file.
        path: PathBuf,
    },
    /// Others could change or replace the credentials.
    #[error(
        "other users may write in the state folder {0}\n\
         help: `chmod 700 {0}`, or name a folder inside it with `--state`: it is made with the right mode",
        path.display()
    )]
    Exposed {
        /// The folder.
        path: PathBuf,
    },
    /// Another process kept the database locked for longer than we wait.
    #[error(
        "the database {} is locked by another process\n\
         help: nothing was changed; try again, and look for a program that has the file open (`fuser FILE`)",
        path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The file is no database.
    #[error(
        "{} is not an SQLite database\nhelp: move the file away, or name another folder with `--state DIR`",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error(
        "the database {} is damaged\nhelp: restore it from a backup, or move it away and issue new keys",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
    },
    /// The database belongs to another program.
    #[error(
        "{} is the database of another program, and was not touched\nhelp: name another folder with `--state DIR`",
        path.display()
    )]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A newer release wrote the database.
    #[error(
        "{} has schema version {found}, and this program knows versions up to {known}\n\
         help: use the release that wrote it, or a newer one",
        path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The database cannot be written.
    #[error(
        "the database {} can be read but not written\n\
         help: check the owner and mode of the file and of its folder, and that the disk is not mounted read-only",
        path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "the disk with the database {} is full\nhelp: nothing was changed; make room and try again",
        path.display()
    )]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The file was deleted, moved or replaced under the running process.
    #[error(
        "the database {} was deleted or replaced since it was opened\n\
         help: put it back if it was moved, then restart this process",
        path.display()
    )]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// There is no such key.
    #[error("no key has the id {id:?}\nhelp: `keys list` shows the ids")]
    UnknownKey {
        /// What was asked for, cut at 64 characters.
        id: String,
    },
    /// A whole key was given in place of its id. It is not repeated here.
    #[error(
        "give the id of the key alone: the part between the underscores\n\
         help: the secret may now stand in the shell's history; if others can read that, revoke the key"
    )]
    WholeKey,
    /// A key that has ended cannot be rotated.
    #[error("the key {id} {why}\nhelp: issue a new key for the agent with `keys issue`")]
    Ended {
        /// Its id.
        id: String,
        /// What became of it.
        why: &'static str,
    },
    /// A name that could be mistaken for another.
    #[error("the name of {what} is not valid: {why}")]
    Name {
        /// Whose name.
        what: &'static str,
        /// What is wrong with it.
        why: InvalidName,
    },
    /// A scope that is none.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// A lifetime of nothing, or beyond the calendar.
    #[error("a key lives for longer than nothing, and ends before the year 9999 or never")]
    Lifetime,
    /// The operating system gave no random numbers.
    #[error("the operating system's random source failed: {0}")]
    Random(#[from] getrandom::Error),
    /// It did not answer in time.
    #[error("the store did not answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// Anything else that the database says.
    #[error("the credential store failed: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// No key has this id. Does not repeat a secret that was given by mistake.
    pub(super) fn unknown_key(id: &str) -> Self {
        if id.trim_start().starts_with("mcpk_") {
            Self::WholeKey
        } else {
            Self::UnknownKey { id: id.chars().take(64).collect() }
        }
    }
}
