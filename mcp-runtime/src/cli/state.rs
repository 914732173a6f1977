//! Where keys and revocations are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Error, Result};
use crate::auth::SqliteStore;
use crate::config::Config;

const DEFAULT: &str = "./state";
const SCHEME: &str = "sqlite:";

/// A folder of the state, or one database file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Folder(PathBuf),
    File(PathBuf),
}

/// What `--state` or `[state] url` says, one of the two.
pub(super) fn location(state: Option<&Path>, config: &Config) -> Result<Location> {
    match (state, &config.state.url) {
        (Some(_), Some(_)) => {
            Err(Error::new("both --state and [state] url say where the state is; leave one of them out"))
        }
        (Some(folder), None) => Ok(Location::Folder(folder.to_owned())),
        (None, None) => Ok(Location::Folder(DEFAULT.into())),
        (None, Some(url)) => match url.strip_prefix(SCHEME) {
            Some(path) if !path.is_empty() => Ok(Location::File(path.trim_start_matches("//").into())),
            _ => Err(Error::new(format!(
                "[state] url: `{}` is no database that this server can use; write it as in \"sqlite:./state/credentials.db\"",
                // The rest of a URL may hold a password.
                url.split_once(':').map_or("", |(scheme, _)| scheme).escape_debug()
            ))),
        },
    }
}

impl Location {
    /// Nobody said where the state is, and there is none yet.
    pub(super) fn is_absent_default(&self) -> bool {
        *self == Self::Folder(DEFAULT.into()) && !Path::new(DEFAULT).exists()
    }

    /// The key of the digests and seals; it is not made if there is none.
    pub(super) fn digest_key(&self) -> Result<[u8; 32]> {
        let database = match self {
            Self::Folder(folder) => folder.join("credentials.db"),
            Self::File(file) => file.clone(),
        };
        SqliteStore::existing_digest_key(&database)?.ok_or_else(|| {
            let folder = database.parent().unwrap_or(std::path::Path::new("."));
            Error::new(format!(
                "the state folder {} has no key, so no seal can be checked; name the server's with --state, or check the \
                 chain alone with --without-key",
                folder.display()
            ))
        })
    }

    pub(super) async fn open(&self) -> Result<Arc<SqliteStore>> {
        let store = match self {
            Self::Folder(folder) => SqliteStore::open(folder).await,
            Self::File(file) => SqliteStore::open_file(file).await,
        };
        Ok(Arc::new(store?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str) -> Config {
        Config::parse(&format!("[state]\nurl = \"{url}\"")).unwrap()
    }

    #[test]
    fn one_of_the_two_says_where() {
        let folder = Path::new("here");
        assert_eq!(location(None, &Config::default()).unwrap(), Location::Folder(DEFAULT.into()));
        assert_eq!(location(Some(folder), &Config::default()).unwrap(), Location::Folder("here".into()));
        assert_eq!(location(None, &with("sqlite:a/b.db")).unwrap(), Location::File("a/b.db".into()));
        assert_eq!(location(None, &with("sqlite:///a/b.db")).unwrap(), Location::File("/a/b.db".into()));
        assert!(location(Some(folder), &with("sqlite:a.db")).is_err());
        assert!(location(None, &with("mysql://x")).is_err());
        assert!(location(None, &with("sqlite:")).is_err());
    }
}
