//! The keys of an issuer: fetched when they are needed, one flight at a time, and seldom.
//!
//! Keys are fetched when they have aged and when a token names one that is not known, but never again before the
//! cool-down is over, whatever strangers send. While they cannot be fetched, the last good ones are used until they are
//! too old; then nobody is verified.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Uri;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fetch::{Fetch, FetchError, max_age};
use super::key::KeySet;
use crate::auth::Refusal;

/// How long keys are fresh that do not say it themselves.
const AGE: Duration = Duration::from_mins(5);

/// A key that the issuer has removed is refused after this time at the latest, whatever age it gave its keys.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Below this an issuer that forbids caching would be asked all the time.
const MIN_AGE: Duration = Duration::from_mins(1);

/// Where the keys are.
pub(super) enum Place {
    /// At a URL.
    Known(Uri),
    /// Where the issuer's metadata says.
    Discovered(Box<str>),
}

/// The keys of one issuer, and when they are fetched.
pub(super) struct Keys {
    place: Place,
    fetch: Arc<Fetch>,
    cool_down: Duration,
    max_stale: Duration,
    state: RwLock<State>,
    flight: Arc<Mutex<()>>,
    began: Instant,
    /// Counts how often the keys changed.
    generation: AtomicU64,
    /// Until when they are fresh, in milliseconds since `began`.
    fresh_until: AtomicU64,
}

/// The keys, and what a verdict that is reached with them is noted with.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) set: Arc<KeySet>,
    pub(super) generation: u64,
}

#[derive(Default)]
struct State {
    keys: Option<Current>,
    /// When they were fetched.
    fetched: Option<Instant>,
    /// When somebody tried to.
    tried: Option<Instant>,
}

impl Keys {
    pub(super) fn new(place: Place, fetch: Arc<Fetch>, cool_down: Duration, max_stale: Duration) -> Self {
        Self {
            place,
            fetch,
            cool_down,
            max_stale,
            state: RwLock::default(),
            flight: Arc::default(),
            began: Instant::now(),
            generation: AtomicU64::new(0),
            fresh_until: AtomicU64::new(0),
        }
    }

    /// A verdict that was reached with keys of this generation holds as long as it is the same, and the keys are fresh.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.now() < self.fresh_until.load(Ordering::Acquire)
    }

    /// The keys: fresh ones, or while there are none to be had, the last good ones.
    ///
    /// # Errors
    /// There are none, or they are too old.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Current, Refusal> {
        if !self.is_fresh() {
            self.refresh().await;
        }
        let state = self.state();
        match (&state.keys, state.fetched) {
            (Some(keys), Some(fetched)) if fetched.elapsed() <= self.max_stale => Ok(keys.clone()),
            _ => {
                let cool = state.tried.map_or(Duration::ZERO, |tried| self.cool_down.saturating_sub(tried.elapsed()));
                Err(Refusal::Unavailable { retry_after: cool.max(Duration::from_secs(1)) })
            }
        }
    }

    /// The keys, once more fetched if this one is not among them and the cool-down is over.
    pub(super) async fn with(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Current, Refusal> {
        let keys = self.current().await?;
        match kid {
            // A token without an id, or with the id of a key that is made for something else, asks for no other keys.
            Some(kid) if keys.set.find(Some(kid), algorithm).is_none() && !keys.set.has(kid) => {
                self.refresh().await;
                self.current().await
            }
            _ => Ok(keys),
        }
    }

    /// Fetches the keys, unless somebody did so a moment ago. Who waits for the flight of another is content with that.
    async fn refresh(self: &Arc<Self>) {
        let flight = Arc::clone(&self.flight).lock_owned().await;
        if self.state().tried.is_some_and(|tried| tried.elapsed() < self.cool_down) {
            return;
        }
        self.write(|state| state.tried = Some(Instant::now()));
        let this = Arc::clone(self);
        // A task of its own: a caller that goes away does not take the keys of the others along.
        let landed = tokio::spawn(async move {
            this.fly().await;
            drop(flight);
        });
        let _ = landed.await;
    }

    async fn fly(&self) {
        match self.fetched().await {
            Ok((keys, age)) => {
                let now = Instant::now();
                self.write(|state| {
                    state.fetched = Some(now);
                    if state.keys.as_ref().is_none_or(|known| *known.set != keys) {
                        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
                        state.keys = Some(Current { set: Arc::new(keys), generation });
                    }
                });
                let age = u64::try_from(age.as_millis()).unwrap_or(0);
                self.fresh_until.store(self.now().saturating_add(age), Ordering::Release);
            }
            Err((what, error)) => tracing::error!(
                target: "mcp_runtime::auth",
                %error,
                "cannot fetch {what}; the last good keys are used for {} s after they were fetched",
                self.max_stale.as_secs()
            ),
        }
    }

    async fn fetched(&self) -> Result<(KeySet, Duration), (String, FetchError)> {
        let uri = match &self.place {
            Place::Known(uri) => uri.clone(),
            Place::Discovered(issuer) => {
                let found = discover(&self.fetch, issuer).await;
                found.map_err(|error| (format!("the metadata of {}", issuer.escape_debug()), error))?
            }
        };
        let of_uri = |error| (format!("the keys at {}", uri.to_string().escape_debug()), error);
        let (headers, text) = self.fetch.get(&uri).await.map_err(of_uri)?;
        let keys = KeySet::parse(&text).map_err(|why| of_uri(FetchError::Content(why)))?;
        // Fresh keys never outlive what may be used at all.
        Ok((keys, max_age(&headers).unwrap_or(AGE).clamp(MIN_AGE, MAX_AGE).min(self.max_stale)))
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Where an issuer's keys are, by its metadata: RFC 8414, section 3, then `OpenID` Connect Discovery, section 4.
async fn discover(fetch: &Fetch, issuer: &str) -> Result<Uri, FetchError> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: Option<String>,
    }
    let mut last = FetchError::Scheme;
    for url in metadata_urls(issuer) {
        let Ok(url) = url.parse::<Uri>() else { continue };
        match fetch.get(&url).await {
            Ok((_, text)) => {
                let metadata: Metadata = serde_json::from_str(&text)
                    .map_err(|_| FetchError::Content("it is no metadata of an authorization server (RFC 8414)"))?;
                // RFC 8414, section 3.3: or anybody's metadata could stand in for an issuer's.
                if metadata.issuer != issuer {
                    return Err(FetchError::Content("it is the metadata of another issuer"));
                }
                let uri = metadata.jwks_uri.and_then(|uri| uri.parse().ok());
                let uri = uri.ok_or(FetchError::Content("it names no jwks_uri; configure one"))?;
                return fetch.allow(&uri).map(|()| uri);
            }
            // Only what is not there is looked for elsewhere.
            Err(error @ FetchError::Status(_)) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn metadata_urls(issuer: &str) -> Vec<String> {
    const PREFIXES: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
    let base = issuer.trim_end_matches('/');
    let path = base.find("://").and_then(|scheme| base.get(scheme + 3..)?.find('/').map(|slash| scheme + 3 + slash));
    match path {
        None => PREFIXES.iter().map(|prefix| format!("{base}{prefix}")).collect(),
        Some(path) => {
            let (host, path) = base.split_at(path);
            let inserted = PREFIXES.iter().map(|prefix| format!("{host}{prefix}{path}"));
            inserted.chain([format!("{base}{}", PREFIXES[1])]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_the_standards_put_it() {
        assert_eq!(
            metadata_urls("https://login.example.com/"),
            [
                "https://login.example.com/.well-known/oauth-authorization-server",
                "https://login.example.com/.well-known/openid-configuration"
            ]
        );
        assert_eq!(
            metadata_urls("https://login.example.com/tenant"),
            [
                "https://login.example.com/.well-known/oauth-authorization-server/tenant",
                "https://login.example.com/.well-known/openid-configuration/tenant",
                "https://login.example.com/tenant/.well-known/openid-configuration"
            ]
        );
    }
}
