//! The file itself: modes, links, locks, foreign content, several writers.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::{TempDir, tempdir};

use super::*;

const PATIENCE: Duration = Duration::from_millis(50);

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn key(agent: &str) -> NewKey {
    NewKey { agent: agent.into(), scopes: vec!["a.read".into()], on_behalf_of: None, lifetime: None }
}

async fn opened() -> (TempDir, PathBuf, SqliteStore) {
    let root = tempdir().unwrap();
    let folder = root.path().join("state");
    let store = SqliteStore::open_with(&folder, FILE_NAME, PATIENCE).await.unwrap();
    (root, folder, store)
}

async fn refusal(folder: impl AsRef<Path>) -> StoreError {
    SqliteStore::open_with(folder.as_ref(), FILE_NAME, PATIENCE).await.unwrap_err()
}

#[tokio::test]
async fn folder_and_files_are_private() {
    let (_root, folder, store) = opened().await;
    store.issue(&key("a")).await.unwrap();
    assert_eq!(mode(&folder), 0o700);
    let mut names = HashSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(entry.path()), 0o600, "{:?}", entry.path());
        names.insert(entry.file_name().into_string().unwrap());
    }
    let expected = ["credentials.db", "credentials.db-wal", "credentials.db-shm", ".gitignore"];
    assert_eq!(names, expected.map(str::to_owned).into());
    assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
}

#[tokio::test]
async fn loose_modes_of_our_own_are_tightened() {
    let (_root, folder, store) = opened().await;
    drop(store);
    set_mode(&folder, 0o777);
    set_mode(folder.join(FILE_NAME), 0o644);
    SqliteStore::open(&folder).await.unwrap();
    assert_eq!((mode(&folder), mode(folder.join(FILE_NAME))), (0o700, 0o600));
}

#[tokio::test]
async fn a_shared_folder_keeps_its_mode_unless_others_write_there() {
    let root = tempdir().unwrap();
    fs::write(root.path().join("main.rs"), "").unwrap();
    set_mode(root.path(), 0o755);
    SqliteStore::open(root.path()).await.unwrap();
    assert_eq!(mode(root.path()), 0o755);
    assert!(!root.path().join(".gitignore").exists());
    set_mode(root.path(), 0o777);
    assert!(matches!(refusal(root.path()).await, StoreError::Exposed { .. }));
}

#[tokio::test]
async fn links_are_refused() {
    let (root, folder, store) = opened().await;
    drop(store);
    let link = root.path().join("link");
    symlink(&folder, &link).unwrap();
    assert!(matches!(refusal(&link).await, StoreError::Symlink { .. }));
    assert!(matches!(refusal(link.join("")).await, StoreError::Symlink { .. }), "with a slash at its end");
    assert!(matches!(refusal(link.join(".")).await, StoreError::Symlink { .. }));
    for name in ["credentials.db", "credentials.db-wal", "credentials.db-shm", "credentials.db-journal"] {
        let folder = root.path().join(name);
        fs::create_dir(&folder).unwrap();
        symlink(root.path().join("elsewhere"), folder.join(name)).unwrap();
        assert!(matches!(refusal(&folder).await, StoreError::Symlink { .. }), "{name}");
    }
    assert!(!root.path().join("elsewhere").exists());
}

#[tokio::test]
async fn what_is_no_folder_or_no_file_is_refused() {
    let root = tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(refusal(&file).await, StoreError::NotAFolder { .. }));
    assert!(matches!(refusal(file.join("state")).await, StoreError::Folder { .. }));
    assert!(matches!(refusal("").await, StoreError::Folder { .. }));
    fs::create_dir_all(root.path().join("state/credentials.db")).unwrap();
    assert!(matches!(refusal(root.path().join("state")).await, StoreError::NotAFile { .. }));
    assert!(matches!(SqliteStore::open_file(root.path().join("..")).await, Err(StoreError::NotAFile { .. })));
}

#[tokio::test]
async fn the_content_of_others_is_left_alone() {
    let root = tempdir().unwrap();
    let file = root.path().join(FILE_NAME);
    fs::write(&file, "this is a diary, and a long one, so that nobody takes it for a header".repeat(20)).unwrap();
    let diary = fs::read(&file).unwrap();
    assert!(matches!(refusal(root.path()).await, StoreError::NotADatabase { .. }));
    assert_eq!(fs::read(&file).unwrap(), diary);

    fs::remove_file(&file).unwrap();
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE diary (entry)").execute(&mut other).await.unwrap();
    drop(other);
    assert!(matches!(refusal(root.path()).await, StoreError::Foreign { .. }));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_root, folder, store) = opened().await;
    sqlx::raw_sql("PRAGMA user_version = 7").execute(&store.writes).await.unwrap();
    let error = refusal(&folder).await;
    assert!(matches!(error, StoreError::NewerSchema { found: 7, known: schema::VERSION, .. }), "{error}");
}

#[tokio::test]
async fn a_lock_is_reported_and_survived() {
    let (_root, folder, store) = opened().await;
    let other = SqliteStore::open(&folder).await.unwrap();
    let held = other.begin().await.unwrap();
    let error = store.issue(&key("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("nothing was changed"));
    assert!(store.list().await.unwrap().is_empty(), "readers do not wait");
    SqliteStore::open(&folder).await.unwrap();
    held.rollback().await.unwrap();
    store.issue(&key("a")).await.unwrap();
    assert_eq!(store.epoch().await.unwrap(), 1);
}

#[tokio::test]
async fn a_lock_on_a_new_file_is_reported() {
    let root = tempdir().unwrap();
    let file = folder::prepare(root.path(), FILE_NAME).unwrap();
    let mut other = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    assert!(matches!(refusal(root.path()).await, StoreError::Locked { .. }));
}

#[tokio::test]
async fn a_database_that_cannot_be_written_says_so() {
    let (_root, _folder, store) = opened().await;
    sqlx::raw_sql("PRAGMA query_only = ON").execute(&store.writes).await.unwrap();
    let error = store.issue(&key("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert!(store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_was_replaced_is_noticed() {
    let (_root, folder, store) = opened().await;
    fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(store.epoch().await, Err(StoreError::Replaced { .. })));
    SqliteStore::open(&folder).await.unwrap();
    assert!(matches!(store.find("a").await, Err(StoreError::Replaced { .. })));
    assert!(matches!(store.issue(&key("a")).await, Err(StoreError::Replaced { .. })));
}

#[tokio::test]
async fn a_store_survives_its_process() {
    let (_root, folder, store) = opened().await;
    let issued = store.issue(&key("a")).await.unwrap();
    drop(store);
    let store = SqliteStore::open_file(folder.join(FILE_NAME)).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [issued.record]);
    assert_eq!(store.epoch().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_the_same_time_lose_nothing() {
    let root = tempdir().unwrap();
    let writers = (0..4).map(|writer| {
        let folder = root.path().join("state");
        // Each opens the folder itself, so the making of it is a race as well.
        tokio::spawn(async move {
            let store = SqliteStore::open(&folder).await.unwrap();
            for n in 0..10 {
                store.issue(&key(&format!("agent-{writer}-{n}"))).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let store = SqliteStore::open(root.path().join("state")).await.unwrap();
    let agents: HashSet<_> = store.list().await.unwrap().into_iter().map(|key| key.agent).collect();
    assert_eq!(agents.len(), 40);
    assert_eq!(store.epoch().await.unwrap(), 40);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let (root, folder, store) = opened().await;
    let path = || folder.clone();
    for error in [
        refusal(root.path().join("state/credentials.db/x")).await,
        StoreError::Symlink { path: path() },
        StoreError::NotAFolder { path: path() },
        StoreError::NotAFile { path: path() },
        StoreError::Exposed { path: path() },
        StoreError::Locked { path: path() },
        StoreError::NotADatabase { path: path() },
        StoreError::Damaged { path: path() },
        StoreError::Foreign { path: path() },
        StoreError::NewerSchema { path: path(), found: 2, known: 1 },
        StoreError::ReadOnly { path: path() },
        StoreError::Full { path: path() },
        StoreError::Replaced { path: path() },
    ] {
        let text = error.to_string();
        let (what, help) = text.split_once("\nhelp: ").unwrap();
        assert!(what.contains(folder.to_str().unwrap()), "{text}");
        assert!(!help.contains('\n') && !text.contains("  "), "{text}");
    }
    drop(store);
}
