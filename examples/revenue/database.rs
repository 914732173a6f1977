//! Opening the database: the sample, a copy of a file, or the file itself.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, SqliteConnection, SqlitePool};
use tokio::fs;
use tokio::io::AsyncReadExt as _;

/// The options that stand beside `serve` and `call`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Serve a copy of this Chinook database, held in memory, instead of the small sample
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Serve the file itself: it gets the tables `Feedback` and `TrackSearch`, and what is deleted is deleted
    #[arg(long, requires = "db")]
    pub(crate) write: bool,
}

/// A pool of connections to the database that the options ask for.
pub(crate) struct Database {
    pub(crate) pool: SqlitePool,
    /// A database in memory lives as long as a connection to it, and the pool may close all of its own.
    _memory: Option<SqliteConnection>,
}

/// Why a database cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {database}")]
pub(crate) struct OpenError {
    database: String,
    source: Problem,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the file cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("it is not an SQLite database")]
    NotADatabase,
    #[error("it does not have the tables of the Chinook database")]
    NotChinook(#[source] sqlx::Error),
    #[error("another program has locked it; try again when that one is done")]
    Locked,
    #[error("it has to be written to, and cannot be")]
    ReadOnly(#[source] sqlx::Error),
    #[error(transparent)]
    Other(sqlx::Error),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match code(&error) {
            Some(SQLITE_ERROR) => Self::NotChinook(error),
            Some(SQLITE_READONLY) => Self::ReadOnly(error),
            Some(SQLITE_NOTADB) => Self::NotADatabase,
            _ if is_busy(&error) => Self::Locked,
            _ => Self::Other(error),
        }
    }
}

// https://sqlite.org/rescode.html
const SQLITE_ERROR: u32 = 1;
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_NOTADB: u32 = 26;

/// The primary result code, which is the lowest byte of the extended one.
fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok().map(|code: u32| code & 0xff)
}

/// Whether the same may succeed when others are done.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || matches!(code(error), Some(SQLITE_BUSY | SQLITE_LOCKED))
}

/// How long to wait for others before it counts as busy.
const PATIENCE: Duration = Duration::from_secs(2);

impl Database {
    pub(crate) async fn open(options: Options) -> Result<Self, OpenError> {
        let (database, opened) = match &options.db {
            None => ("the sample".to_owned(), Self::sample().await),
            Some(file) if options.write => (file.display().to_string(), Self::file(file).await),
            Some(file) => (file.display().to_string(), Self::copy(file).await),
        };
        opened.map_err(|source| OpenError { database, source })
    }

    async fn sample() -> Result<Self, Problem> {
        let (options, mut memory) = memory().await?;
        sqlx::raw_sql(include_str!("sample.sql")).execute(&mut memory).await?;
        Self::connect(options, Some(memory)).await
    }

    async fn copy(file: &Path) -> Result<Self, Problem> {
        // Not a plain copy of the bytes: another program may be in the middle of writing them.
        let original = SqliteConnectOptions::new().filename(file).read_only(true).immutable(at_rest(file).await?);
        let mut original = original.busy_timeout(PATIENCE).connect().await?;
        let (options, memory) = memory().await?;
        let name = format!("file:{}?vfs=memdb", options.get_filename().display());
        sqlx::query("VACUUM INTO ?").bind(name).execute(&mut original).await?;
        Self::connect(options, Some(memory)).await
    }

    async fn file(file: &Path) -> Result<Self, Problem> {
        fs::metadata(file).await?;
        Self::connect(SqliteConnectOptions::new().filename(file), None).await
    }

    /// Checks the tables, adds our own, and hands out a pool.
    async fn connect(options: SqliteConnectOptions, memory: Option<SqliteConnection>) -> Result<Self, Problem> {
        let options = options.foreign_keys(true).busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE).connect_with(options).await?;
        let mut setup = pool.begin_with("BEGIN IMMEDIATE").await?;
        for read in READ {
            sqlx::query(read).fetch_optional(&mut *setup).await?;
        }
        sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *setup).await?;
        setup.commit().await?;
        Ok(Self { pool, _memory: memory })
    }
}

/// What the tools read of a Chinook database, so that a missing table is found at the start and not by a call.
const READ: [&str; 7] = [
    "SELECT AlbumId, Title, ArtistId FROM Album LIMIT 0",
    "SELECT ArtistId, Name FROM Artist LIMIT 0",
    "SELECT CustomerId, FirstName, LastName, Company, City, Country, Email FROM Customer LIMIT 0",
    "SELECT CustomerId, InvoiceDate, BillingCountry, Total FROM Invoice LIMIT 0",
    "SELECT TrackId FROM InvoiceLine LIMIT 0",
    "SELECT TrackId FROM PlaylistTrack LIMIT 0",
    "SELECT TrackId, Name, AlbumId FROM Track LIMIT 0",
];

/// An empty database in memory, which every connection of this process can share under its name.
async fn memory() -> Result<(SqliteConnectOptions, SqliteConnection), sqlx::Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("/revenue-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let options = SqliteConnectOptions::new().filename(name).vfs("memdb").create_if_missing(true);
    let connection = options.connect().await?;
    Ok((options, connection))
}

/// Whether a file in WAL mode is open nowhere. A reader would then leave files beside it, unless told that nobody
/// writes. In the other modes readers leave nothing, and have to mind the locks.
async fn at_rest(file: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    fs::File::open(file).await?.take(20).read_to_end(&mut header).await?;
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    Ok(header.get(18) == Some(&2) && !fs::try_exists(wal).await?)
}
