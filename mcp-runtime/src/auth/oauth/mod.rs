//! OAuth access tokens: verified here by their signature, or by asking the authorization server.
//!
//! A token is routed by its issuer to the rules of that issuer, and never shown to another. What was verified once is
//! kept with what it depended on: the keys, the answer's age, the revocations. All of that is looked at on every call.

mod cache;
mod claims;
mod fetch;
mod introspection;
mod jwks;
mod key;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::cache::{Cache, Verdict};
use self::claims::{Kind, Rules};
use self::fetch::Fetch;
use self::introspection::{Introspector, NoAnswer};
use self::jwks::{Current, Keys, Place};
use self::token::Token;
use super::credentials::StartError;
use super::watch::Stamp;
use super::{Effort, InvalidReason, Refusal, Revocations};
use crate::caller::Caller;
use crate::config::{self, Texts};

/// The least time between two fetches of keys unless configured.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// How long keys are used that cannot be fetched anew, unless configured.
const MAX_STALE: Duration = Duration::from_hours(1);

/// How long an answer of an introspection endpoint is believed unless configured.
const BELIEVED: Duration = Duration::from_secs(30);

/// The access tokens of all configured issuers.
pub(super) struct Tokens {
    issuers: Box<[Issuer]>,
    revocations: Arc<Revocations>,
    cache: Cache,
}

struct Issuer {
    rules: Rules,
    algorithms: Vec<Algorithm>,
    plain: bool,
    check: Check,
}

/// How tokens of an issuer are checked.
enum Check {
    Signature(Arc<Keys>),
    Introspection(Arc<Introspector>),
}

impl Tokens {
    /// # Errors
    /// A configuration that cannot be used: plain http outside of development, a secret that cannot be read.
    pub(super) fn new(config: &config::Auth, revocations: Arc<Revocations>, dev: bool) -> Result<Self, StartError> {
        let fetch = Arc::new(Fetch::new(dev).map_err(StartError::NoRoots)?);
        let resource = config.resource.as_deref().unwrap_or_default();
        let issuers = config.issuers.iter().map(|issuer| Issuer::new(issuer, resource, &fetch));
        let issuers: Box<[_]> = issuers.collect::<Result<_, _>>()?;
        for issuer in &issuers {
            if let Check::Signature(keys) = &issuer.check {
                let keys = Arc::clone(keys);
                // The first caller need not wait, and the operator hears at once of what does not work.
                tokio::spawn(async move { keys.current().await.map(drop) });
            }
        }
        Ok(Self { issuers, revocations, cache: Cache::default() })
    }

    /// The answer from memory, if there is one that holds.
    pub(super) fn cached(&self, token: &str) -> Option<Result<Arc<Caller>, Refusal>> {
        let verdict = self.cache.get(token).filter(|verdict| self.still_verified(verdict))?;
        self.revocations.watcher().holds(verdict.stamp).then(|| at(verdict.caller, Timestamp::now()))
    }

    pub(super) fn effort(&self, token: &str) -> Effort {
        // Whether what is known still holds is no matter: who is known here is not counted among strangers.
        if self.cache.get(token).is_some() {
            return Effort::None;
        }
        match self.route(token) {
            Ok((Issuer { check: Check::Introspection(_), .. }, ..)) => Effort::Remote,
            Ok(_) => Effort::Local,
            Err(_) => Effort::None,
        }
    }

    /// Verifies a token.
    pub(super) async fn verify(&self, token: &str) -> Result<Arc<Caller>, Refusal> {
        let known = self.cache.get(token).filter(|verdict| self.still_verified(verdict));
        let verified = match known {
            Some(known) => known,
            None => self.verified(token).await.inspect_err(|refusal| {
                if matches!(refusal, Refusal::Invalid(_)) {
                    self.cache.remove(token);
                }
            })?,
        };
        let stamp = self.revocations.check_at(&verified.caller).await.inspect_err(|refusal| {
            // What is revoked is not told from memory any more, so that it counts as a failure like any other.
            if matches!(refusal, Refusal::Invalid(_)) {
                self.cache.remove(token);
            }
        })?;
        let caller = at(Arc::clone(&verified.caller), Timestamp::now())?;
        self.cache.insert(token, Verdict { stamp, ..verified }, self.revocations.watcher().policy.capacity);
        Ok(caller)
    }

    /// Whether what a verdict was reached with still holds, but for revocations.
    fn still_verified(&self, verdict: &Verdict) -> bool {
        match self.issuers.get(verdict.issuer).map(|issuer| &issuer.check) {
            Some(Check::Signature(keys)) => keys.is_fresh() && keys.generation() == verdict.generation,
            Some(Check::Introspection(_)) => verdict.until.is_some_and(|until| Instant::now() < until),
            None => false,
        }
    }

    async fn verified(&self, token: &str) -> Result<Verdict, Refusal> {
        let (issuer, index, parsed) = self.route(token)?;
        // An id that names the token in records and revocations without giving anything away.
        // Of a signed one, what is signed: some signatures can be written in two ways.
        let named = parsed.as_ref().and_then(|_| token.rsplit_once('.')).map_or(token, |(signed, _)| signed);
        let id = || format!("sha256:{}", crate::hex::text(&Sha256::digest(named)[..16]));
        let (caller, generation, until) = match (&issuer.check, parsed) {
            (Check::Signature(keys), Some(parsed)) => {
                let (caller, generation) = issuer.by_signature(keys, &parsed, id).await?;
                (caller, generation, None)
            }
            (Check::Introspection(introspector), _) => {
                let asked = Instant::now();
                let caller = issuer.by_introspection(introspector, token, id).await?;
                (caller, 0, Some(asked + introspector.cache))
            }
            (Check::Signature(_), None) => return Err(Refusal::Invalid(InvalidReason::Unknown)),
        };
        let stamp = Stamp::default();
        Ok(Verdict { caller: Arc::new(caller), issuer: index, generation, until, stamp })
    }

    /// Whose token it is, as it says itself; that is verified later. An opaque one can only be that of the issuer that is
    /// asked about tokens.
    fn route<'a>(&self, token: &'a str) -> Result<(&Issuer, usize, Option<Token<'a>>), Refusal> {
        let invalid = |rule| Refusal::Invalid(InvalidReason::Token(rule));
        let by = |fits: &dyn Fn(&Issuer) -> bool| self.issuers.iter().enumerate().find(|(_, issuer)| fits(issuer));
        let Some(parsed) = Token::parse(token) else {
            let (index, issuer) = by(&|issuer| matches!(issuer.check, Check::Introspection(_)))
                .ok_or(Refusal::Invalid(InvalidReason::Unknown))?;
            return Ok((issuer, index, None));
        };
        let parsed = parsed.map_err(invalid)?;
        let name = parsed.claims.get("iss").and_then(serde_json::Value::as_str);
        let (index, issuer) =
            by(&|issuer| name == Some(&*issuer.rules.issuer)).ok_or(invalid("its issuer is not accepted here"))?;
        Ok((issuer, index, Some(parsed)))
    }
}

impl Issuer {
    fn new(config: &config::Issuer, resource: &str, fetch: &Arc<Fetch>) -> Result<Self, StartError> {
        let url = |text: &str| {
            let url: Uri =
                text.parse().map_err(|_| StartError::Url { url: text.to_owned(), why: "it is no URL".into() })?;
            let allowed = fetch.allow(&url);
            allowed.map_err(|why| StartError::Url { url: text.to_owned(), why: why.to_string() })?;
            Ok::<_, StartError>(url)
        };
        let rules = Rules::new(config, resource).map_err(StartError::Scope)?;
        let check = match &config.introspection {
            Some(introspection) => {
                let path = &introspection.client_secret_file;
                let unusable = |source| StartError::Secret { path: path.clone(), source };
                let secret = std::fs::read_to_string(path).map_err(unusable)?;
                let secret = secret.trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    return Err(unusable(std::io::Error::other("it is empty")));
                }
                let client = (introspection.client_id.as_str(), secret);
                let believed = introspection.cache.unwrap_or(BELIEVED);
                let introspector =
                    Introspector::new(url(&introspection.endpoint)?, client, Arc::clone(fetch), believed);
                let introspector = introspector.map_err(|error| unusable(std::io::Error::other(error)))?;
                Check::Introspection(Arc::new(introspector))
            }
            None => {
                let place = match &config.jwks_uri {
                    Some(uri) => Place::Known(url(uri)?),
                    None => {
                        url(&config.issuer)?;
                        Place::Discovered(config.issuer.as_str().into())
                    }
                };
                let cool_down = config.cool_down.unwrap_or(COOL_DOWN);
                let max_stale = config.max_stale.unwrap_or(MAX_STALE);
                Check::Signature(Arc::new(Keys::new(place, Arc::clone(fetch), cool_down, max_stale)))
            }
        };
        let names = config.algorithms.as_ref().map(|Texts(names)| names.iter().map(String::as_str).collect());
        let names: Vec<&str> = names.unwrap_or_else(|| config::ALGORITHMS.to_vec());
        let algorithms = names.iter().filter_map(|name| name.parse().ok()).collect();
        Ok(Self { rules, algorithms, plain: config.plain_jwt, check })
    }

    /// The claims come first: they cost less than the signature, and spare the issuer questions about keys of tokens that
    /// would be refused anyway.
    async fn by_signature(
        &self,
        keys: &Arc<Keys>,
        token: &Token<'_>,
        id: impl FnOnce() -> String,
    ) -> Result<(Caller, u64), Refusal> {
        let invalid = |rule| Refusal::Invalid(InvalidReason::Token(rule));
        let header = token.header(self.plain).map_err(invalid)?;
        if !self.algorithms.contains(&header.algorithm) {
            return Err(invalid("the algorithm is not accepted of this issuer"));
        }
        let kind = if token.is_typed() { Kind::AccessToken } else { Kind::Plain };
        let caller = self.rules.caller(&token.claims, kind, Timestamp::now(), id).map_err(invalid)?;
        let Current { set, generation } = keys.with(header.kid, header.algorithm).await?;
        let key = set.find(header.kid, header.algorithm).ok_or(invalid("no key of its issuer fits"))?;
        if key.verify(header.algorithm, token.signed(), token.signature()) {
            Ok((caller, generation))
        } else {
            Err(invalid("the signature is not the issuer's"))
        }
    }

    async fn by_introspection(
        &self,
        introspector: &Arc<Introspector>,
        token: &str,
        id: impl FnOnce() -> String,
    ) -> Result<Caller, Refusal> {
        let said = introspector.ask(token).await;
        let claims = said.map_err(|NoAnswer(retry_after)| Refusal::Unavailable { retry_after })?;
        let claims = claims.ok_or(Refusal::Invalid(InvalidReason::Token("it is not active")))?;
        let caller = self.rules.caller(&claims, Kind::Introspected, Timestamp::now(), id);
        caller.map_err(|rule| Refusal::Invalid(InvalidReason::Token(rule)))
    }
}

/// A caller whose token has not ended.
fn at(caller: Arc<Caller>, now: Timestamp) -> Result<Arc<Caller>, Refusal> {
    match caller.expires() {
        Some(end) if end <= now => Err(Refusal::Invalid(InvalidReason::Expired)),
        _ => Ok(caller),
    }
}
