//! Every credential that a server accepts: API keys, and access tokens of the configured issuers.

use std::path::PathBuf;
use std::sync::Arc;

use http::request::Parts;

use super::watch::Watcher;
use super::{
    ApiKeys, Authenticate, BoxFuture, CacheCounts, CachePolicy, CredentialStore, Effort, IssuedKey, NewKey, Refusal,
    Revocations, StoreError,
};
use crate::caller::Caller;
use crate::config;

/// API keys of a [`CredentialStore`], and OAuth access tokens of the issuers in `[[auth.issuers]]` (the feature `jwt`).
/// Revocations of the store hold for both.
///
/// `serve` makes one; a program that mounts the HTTP service itself does the same:
///
/// ```no_run
/// # use std::sync::Arc;
/// # use mcp_runtime::{Protected, auth::{Credentials, SqliteStore}, config::Config, spec::Server};
/// # async fn mount(server: impl Server) -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::load(Some("server.toml".as_ref()))?;
/// let store = Arc::new(SqliteStore::open("state").await?);
/// let credentials = Credentials::start(store, &config.auth).await?;
/// let service = Protected::new(server, config)?.http(Arc::new(credentials));
/// # let _ = service; Ok(())
/// # }
/// ```
pub struct Credentials {
    keys: ApiKeys,
    #[cfg(feature = "jwt")]
    tokens: Option<super::oauth::Tokens>,
    #[cfg(feature = "jwt")]
    tally: super::tally::Tally,
    revocations: Arc<Revocations>,
}

impl Credentials {
    /// Begins to watch the store and to fetch the keys of issuers. Must run on a Tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// A store that cannot be read, or an issuer that cannot be asked as it is configured.
    pub async fn start(store: Arc<dyn CredentialStore>, config: &config::Auth) -> Result<Self, StartError> {
        Self::start_with(store, config, CachePolicy::default(), false).await
    }

    /// As [`Credentials::start`], for development: issuers on this machine may be asked over plain `http`.
    ///
    /// # Errors
    /// As [`Credentials::start`].
    pub async fn start_dev(store: Arc<dyn CredentialStore>, config: &config::Auth) -> Result<Self, StartError> {
        Self::start_with(store, config, CachePolicy::default(), true).await
    }

    #[cfg_attr(not(feature = "jwt"), expect(unused_variables, reason = "there are no issuers without the feature"))]
    pub(super) async fn start_with(
        store: Arc<dyn CredentialStore>,
        config: &config::Auth,
        policy: CachePolicy,
        dev: bool,
    ) -> Result<Self, StartError> {
        let watcher = Watcher::start(store, policy).await?;
        let revocations = Arc::new(Revocations::watched(Arc::clone(&watcher)));
        #[cfg(feature = "jwt")]
        let tokens = if config.issuers.is_empty() {
            None
        } else {
            Some(super::oauth::Tokens::new(config, Arc::clone(&revocations), dev)?)
        };
        Ok(Self {
            keys: ApiKeys::watched(watcher),
            #[cfg(feature = "jwt")]
            tokens,
            #[cfg(feature = "jwt")]
            tally: super::tally::Tally::default(),
            revocations,
        })
    }

    /// As [`ApiKeys::issue_ephemeral`].
    ///
    /// # Errors
    /// A name, scope or lifetime that is not valid.
    pub fn issue_ephemeral(&self, new: &NewKey) -> Result<IssuedKey, StoreError> {
        self.keys.issue_ephemeral(new)
    }

    /// As [`ApiKeys::invalidate`], for tokens too: the next call of each credential asks the store.
    pub fn invalidate(&self) {
        self.keys.invalidate();
    }

    /// The revocations of the store.
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// The token of a request that carries one of an issuer, and not a key.
    #[cfg(feature = "jwt")]
    fn token<'a>(&self, request: &'a Parts) -> Option<(&super::oauth::Tokens, &'a str)> {
        let text = super::bearer(request).ok().filter(|text| !super::api_key::looks_like_one(text))?;
        self.tokens.as_ref().map(|tokens| (tokens, text))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Authenticate for Credentials {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
        #[cfg(feature = "jwt")]
        if let Some((tokens, token)) = self.token(request) {
            let cached = tokens.cached(token);
            self.tally.count(cached.is_some());
            return match cached {
                Some(answer) => Box::pin(std::future::ready(answer)),
                None => Box::pin(tokens.verify(token)),
            };
        }
        self.keys.authenticate(request)
    }

    fn cache_counts(&self) -> Option<CacheCounts> {
        let keys = self.keys.cache_counts()?;
        #[cfg(not(feature = "jwt"))]
        return Some(keys);
        #[cfg(feature = "jwt")]
        {
            let tokens = self.tally.counts();
            Some(CacheCounts { hits: keys.hits + tokens.hits, misses: keys.misses + tokens.misses })
        }
    }

    fn effort(&self, request: &Parts) -> Effort {
        #[cfg(feature = "jwt")]
        if let Some((tokens, token)) = self.token(request) {
            return tokens.effort(token);
        }
        self.keys.effort(request)
    }

    fn ended<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, ()> {
        match caller.agent().source() {
            crate::caller::Source::Key => self.keys.ended(caller),
            _ => Box::pin(self.revocations.ended(caller)),
        }
    }
}

/// Credentials that cannot be verified as they are configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A URL of an issuer cannot be asked.
    #[error("auth.issuers: {url} cannot be asked: {why}")]
    Url {
        /// The URL.
        url: String,
        /// Why not.
        why: String,
    },
    /// The secret for introspection cannot be read.
    #[error("auth.issuers: cannot read the client secret in {}: {source}", path.display())]
    Secret {
        /// `client_secret_file`.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The hierarchy holds a text that is no scope.
    #[error("auth.issuers: hierarchy: {0}")]
    Scope(crate::scope::InvalidScope),
    /// The system trusts no certificate, so no issuer could be asked.
    #[error("no trusted certificates on this system ({0}); install its package of CA certificates")]
    NoRoots(std::io::Error),
}
