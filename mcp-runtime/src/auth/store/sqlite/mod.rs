//! The embedded store: one `SQLite` file.

mod folder;
mod rows;
mod schema;
#[cfg(all(test, unix))]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Row, Sqlite, Transaction};

use self::rows::{cut_off, insert_key, insert_revocation, key_record, raise_epoch, revocation};
use super::record::{now, succeed};
use super::{CredentialStore, IssuedKey, KeyRecord, NewKey, Revocation, StoreError, Target};
use crate::auth::BoxFuture;

/// The file in the state folder.
const FILE_NAME: &str = "credentials.db";

/// How long a change waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Look-ups at a time; the others wait for a connection.
const READERS: u32 = 4;

/// Keys and revocations in an `SQLite` file with a write-ahead log, which any number of processes of one machine
/// share.
///
/// The folder is made with mode 0700 and its files with 0600, and symbolic links are refused. A folder that holds
/// nothing else is tightened to 0700, and a `.gitignore` keeps it out of version control; one that is shared with other
/// files keeps its mode, but is refused if other users may write there.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    /// Device and inode of the file that the connections have open.
    identity: Option<(u64, u64)>,
    reads: SqlitePool,
    /// Apart from the look-ups, so that a flood of them does not delay the news of a revocation.
    polls: SqlitePool,
    writes: SqlitePool,
    changes: AtomicU64,
}

impl SqliteStore {
    /// Opens `credentials.db` in the state folder; makes both where they are missing.
    ///
    /// # Errors
    /// A folder or file that cannot be used safely, or a database that is locked, damaged, of a newer release or of
    /// another program. The text says what to do.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(folder.as_ref(), FILE_NAME, BUSY_TIMEOUT).await
    }

    /// Opens a database of another name; the folder that it stands in is the state folder.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and a path that names no file.
    pub async fn open_file(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = file.as_ref();
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| StoreError::NotAFile { path: file.into() })?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::open_with(folder.unwrap_or(Path::new(".")), name, BUSY_TIMEOUT).await
    }

    /// The key of this state folder under which records digest personal values, so that digests of one folder compare
    /// over restarts.
    ///
    /// # Errors
    /// A key file that cannot be made, read, or used safely.
    pub fn digest_key(&self) -> Result<[u8; 32], StoreError> {
        folder::digest_key(&self.path)
    }

    /// As [`SqliteStore::digest_key`], beside a database that is not opened; `None` if there is no key.
    #[cfg(feature = "cli")]
    pub(crate) fn existing_digest_key(database: &Path) -> Result<Option<[u8; 32]>, StoreError> {
        folder::existing_digest_key(database)
    }

    async fn open_with(folder: &Path, file_name: &str, patience: Duration) -> Result<Self, StoreError> {
        let path = folder::prepare(folder, file_name)?;
        let identity = folder::identity(&path).map_err(|source| StoreError::Folder { path: path.clone(), source })?;
        let options = SqliteConnectOptions::new().filename(&path).busy_timeout(patience).disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(patience.saturating_mul(2))
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_lazy_with(options.clone())
        };
        let store =
            Self { identity, reads: pool(READERS), polls: pool(1), writes: pool(1), changes: AtomicU64::new(0), path };
        let mut connection = store.writes.acquire().await.map_err(|error| store.failed(error))?;
        schema::prepare(&mut connection, &store.path, patience).await?;
        drop(connection);
        Ok(store)
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        classify(error, &self.path)
    }

    /// `SQLite` goes on with a file that was deleted, and would hear of no revocation that others write to its
    /// successor.
    ///
    /// The look at the file is made in place: it takes a microsecond, and must not wait behind the blocking tools.
    fn check_file(&self) -> Result<(), StoreError> {
        match folder::identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            _ => Err(StoreError::Replaced { path: self.path.clone() }),
        }
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.check_file()?;
        self.writes.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.failed(error))
    }

    async fn commit(&self, tx: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        let done = tx.commit().await.map_err(|error| self.failed(error));
        // Also when the answer was an error: dropping a cached verdict too many costs nothing.
        self.changes.fetch_add(1, Ordering::Release);
        done
    }

    async fn issue(&self, new: &NewKey) -> Result<IssuedKey, StoreError> {
        let mut tx = self.begin().await?;
        let issued = new.make(now())?;
        insert_key(&mut tx, &issued.record).await.map_err(|error| self.failed(error))?;
        self.commit(tx).await?;
        Ok(issued)
    }

    async fn rotate(&self, id: &str, grace: Duration) -> Result<IssuedKey, StoreError> {
        let failed = |error| self.failed(error);
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT *, EXISTS (SELECT 1 FROM keys AS next WHERE next.rotated_from = $1) AS replaced \
             FROM keys WHERE id = $1",
        );
        let row = row.bind(id).fetch_optional(&mut *tx).await.map_err(failed)?;
        let row = row.ok_or_else(|| StoreError::unknown_key(id))?;
        let replaced = row.try_get("replaced").map_err(failed)?;
        let (issued, end) = succeed(&key_record(&row).map_err(failed)?, replaced, grace, now())?;
        let update = sqlx::query("UPDATE keys SET expires = $2 WHERE id = $1").bind(id).bind(end.as_millisecond());
        update.execute(&mut *tx).await.map_err(failed)?;
        insert_key(&mut tx, &issued.record).await.map_err(failed)?;
        self.commit(tx).await?;
        Ok(issued)
    }

    async fn revoke(&self, target: &Target, by: &str) -> Result<Revocation, StoreError> {
        target.check(by)?;
        let failed = |error| self.failed(error);
        let mut tx = self.begin().await?;
        let at = now();
        if let Target::Key(id) = target {
            let known = sqlx::query("SELECT 1 FROM keys WHERE id = $1").bind(id);
            if known.fetch_optional(&mut *tx).await.map_err(failed)?.is_none() {
                return Err(StoreError::unknown_key(id));
            }
        }
        let keys = cut_off(&mut tx, target, by, at).await.map_err(failed)?;
        let revocation = Revocation {
            seq: raise_epoch(&mut tx).await.map_err(failed)?.cast_unsigned(),
            kind: target.kind().to_owned(),
            value: target.value(),
            by: by.to_owned(),
            at,
            keys,
        };
        insert_revocation(&mut tx, &revocation).await.map_err(failed)?;
        self.commit(tx).await?;
        Ok(revocation)
    }

    async fn find(&self, id: &str) -> Result<Option<KeyRecord>, StoreError> {
        self.check_file()?;
        let failed = |error| self.failed(error);
        let row = sqlx::query("SELECT * FROM keys WHERE id = $1").bind(id).fetch_optional(&self.reads).await;
        row.map_err(failed)?.as_ref().map(key_record).transpose().map_err(failed)
    }

    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.check_file()?;
        let failed = |error| self.failed(error);
        let rows = sqlx::query("SELECT * FROM keys ORDER BY seq").fetch_all(&self.reads).await.map_err(failed)?;
        rows.iter().map(key_record).collect::<Result<_, _>>().map_err(failed)
    }

    async fn revocations_after(&self, seq: u64) -> Result<Vec<Revocation>, StoreError> {
        self.check_file()?;
        let failed = |error| self.failed(error);
        let query = sqlx::query("SELECT * FROM revocations WHERE seq > $1 ORDER BY seq").bind(seq.cast_signed());
        let rows = query.fetch_all(&self.reads).await;
        rows.map_err(failed)?.iter().map(revocation).collect::<Result<_, _>>().map_err(failed)
    }

    async fn epoch(&self) -> Result<u64, StoreError> {
        self.check_file()?;
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM state")
            .fetch_one(&self.polls)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(epoch.cast_unsigned())
    }
}

impl CredentialStore for SqliteStore {
    fn issue<'a>(&'a self, new: &'a NewKey) -> BoxFuture<'a, Result<IssuedKey, StoreError>> {
        Box::pin(self.issue(new))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, StoreError>> {
        Box::pin(self.list())
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<KeyRecord>, StoreError>> {
        Box::pin(self.find(id))
    }

    fn rotate<'a>(&'a self, id: &'a str, grace: Duration) -> BoxFuture<'a, Result<IssuedKey, StoreError>> {
        Box::pin(self.rotate(id, grace))
    }

    fn revoke<'a>(&'a self, target: &'a Target, by: &'a str) -> BoxFuture<'a, Result<Revocation, StoreError>> {
        Box::pin(self.revoke(target, by))
    }

    fn revocations(&self) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>> {
        Box::pin(self.revocations_after(0))
    }

    fn revocations_after(&self, seq: u64) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>> {
        Box::pin(self.revocations_after(seq))
    }

    fn epoch(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.epoch())
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

/// What an error of the database means for the operator.
fn classify(error: sqlx::Error, path: &Path) -> StoreError {
    let path = path.to_owned();
    // SQLite's primary result code stands in the low byte (https://www.sqlite.org/rescode.html).
    let code = match &error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xFF),
        _ => None,
    };
    match (code, &error) {
        (Some(5 | 6), _) | (None, sqlx::Error::PoolTimedOut) => StoreError::Locked { path },
        (Some(8), _) => StoreError::ReadOnly { path },
        (Some(11), _) => StoreError::Damaged { path },
        (Some(13), _) => StoreError::Full { path },
        (Some(3 | 14), _) => StoreError::Folder { path, source: std::io::Error::other(error) },
        (Some(26), _) => StoreError::NotADatabase { path },
        _ => StoreError::Database(Box::new(error)),
    }
}
