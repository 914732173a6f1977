//! The tables, and how a database of an older release gets them.
//!
//! Times are milliseconds since 1970, scopes one text with spaces between (no scope holds one). `state` has one row:
//! the epoch, which every change raises and uses as its `seq`.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{Connection, SqliteConnection};

use super::classify;
use crate::auth::StoreError;

/// The schema that this release reads and writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// `MCPK`, in the file's header: tells our databases from those of other programs.
const APPLICATION_ID: i64 = 0x4D43_504B;

/// Entry n leads from version n to n + 1, and is never changed once released.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
    INSERT INTO state (one, epoch) VALUES (1, 0);
    CREATE TABLE keys (
        id TEXT NOT NULL PRIMARY KEY,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        agent TEXT NOT NULL,
        scopes TEXT NOT NULL,
        on_behalf_of TEXT,
        created INTEGER NOT NULL,
        expires INTEGER,
        rotated_from TEXT UNIQUE REFERENCES keys (id),
        revoked_by TEXT,
        revoked_at INTEGER,
        CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
    ) STRICT;
    CREATE INDEX keys_of_agent ON keys (agent);
    CREATE INDEX keys_of_subject ON keys (on_behalf_of) WHERE on_behalf_of IS NOT NULL;
    CREATE TABLE revocations (
        seq INTEGER NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        revoked_by TEXT NOT NULL,
        revoked_at INTEGER NOT NULL,
        keys INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX revocations_of ON revocations (kind, value);
    PRAGMA application_id = 0x4D43504B;
    PRAGMA user_version = 1;
"];

/// Brings a database to our version. One that is not ours, or newer, is left as it is.
pub(super) async fn prepare(
    connection: &mut SqliteConnection,
    path: &Path,
    patience: Duration,
) -> Result<(), StoreError> {
    let failed = |error| classify(error, path);
    let deadline = Instant::now() + patience;
    if check(connection, path).await? == VERSION {
        return Ok(());
    }
    write_ahead(connection, path, deadline).await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // Another process may have been faster.
    let version = check(&mut tx, path).await?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or_default()) {
        sqlx::raw_sql(*migration).execute(&mut *tx).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}

/// The version of a database that is ours or empty.
async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    let failed = |error| classify(error, path);
    let (application, version, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id), \
                (SELECT user_version FROM pragma_user_version), \
                (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await
    .map_err(failed)?;
    let path = || path.to_owned();
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, 1..=VERSION) => Ok(version),
        (APPLICATION_ID, found) if found > VERSION => {
            Err(StoreError::NewerSchema { path: path(), found, known: VERSION })
        }
        _ => Err(StoreError::Foreign { path: path() }),
    }
}

/// Turns the write-ahead log on, so that readers never wait for a writer. `SQLite` does not wait for the lock that
/// this needs, so we do.
async fn write_ahead(connection: &mut SqliteConnection, path: &Path, deadline: Instant) -> Result<(), StoreError> {
    loop {
        match sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) => match classify(error, path) {
                StoreError::Locked { .. } if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                error => return Err(error),
            },
        }
    }
}
