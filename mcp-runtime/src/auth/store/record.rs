//! What a store keeps, and the rules for it that do not depend on how it is kept.

use std::time::Duration;

use jiff::Timestamp;

use super::StoreError;
use crate::auth::{ApiKey, KeyHash};
use crate::caller::{Agent, Caller, check_name};
use crate::scope::Grants;

/// A key to be issued.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The agent's name, without its source: `reporting` calls as `key:reporting`.
    pub agent: String,
    /// What it grants, wildcards allowed.
    pub scopes: Vec<String>,
    /// On whose behalf the agent calls.
    pub on_behalf_of: Option<String>,
    /// For how long; `None` is for ever.
    pub lifetime: Option<Duration>,
}

/// A key just made: what is recorded of it, and the key itself, which is shown once.
#[derive(Debug)]
pub struct IssuedKey {
    /// The key with its secret.
    pub key: ApiKey,
    /// What the store keeps of it.
    pub record: KeyRecord,
}

/// What a store keeps of a key. Times have the precision of a millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The id between the underscores of the key.
    pub id: String,
    /// The hash of its secret.
    pub hash: KeyHash,
    /// The agent's name, without its source.
    pub agent: String,
    /// What it grants.
    pub scopes: Vec<String>,
    /// On whose behalf the agent calls.
    pub on_behalf_of: Option<String>,
    /// When it was issued.
    pub created: Timestamp,
    /// When it ends; `None` is never.
    pub expires: Option<Timestamp>,
    /// Who revoked it and when, by itself or with its agent or subject.
    pub revoked: Option<Revoked>,
    /// The id of the key that it replaced.
    pub rotated_from: Option<String>,
}

/// Who cut a key off, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyState {
    /// The state as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl KeyRecord {
    /// Whether the key works at this time.
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked.is_some() {
            KeyState::Revoked
        } else if self.expires.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }
}

/// What a revocation cuts off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// One key, by its id.
    Key(String),
    /// An agent: every key that it has now, and every token, those that its authorization server issues later too, until
    /// [`Target::IssuedTo`] lets those in again.
    Agent(Agent),
    /// A subject: every key issued on its behalf until now, and every token of it, as for [`Target::Agent`].
    Subject(String),
    /// One token, by its id (the claim `jti`), or by what its records show as the credential.
    Token(String),
    /// Every credential issued to an agent until now, and none that is issued later.
    IssuedTo(Agent),
    /// Every credential issued on behalf of a subject until now, and none that is issued later.
    IssuedFor(String),
}

/// How far a revocation of an agent or a subject reaches, for credentials that no store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum Cut {
    /// Whatever is presented.
    All,
    /// What was issued until then.
    IssuedUntil(Timestamp),
}

impl Cut {
    /// What an entry cuts off: whether of an agent, and how far. `None` for entries of single credentials.
    pub(in crate::auth) fn of(revocation: &Revocation) -> Option<(bool, Self)> {
        let until = Self::IssuedUntil(revocation.at);
        match revocation.kind.as_str() {
            // Keys are issued by hand: one that is issued afterwards is meant.
            "agent" if revocation.value.starts_with("key:") => Some((true, until)),
            "agent" => Some((true, Self::All)),
            "subject" => Some((false, Self::All)),
            "agent-issued" => Some((true, until)),
            "subject-issued" => Some((false, until)),
            _ => None,
        }
    }

    /// Whether it hits a caller whose agent or subject it names.
    pub(in crate::auth) fn covers(&self, caller: &Caller) -> bool {
        match self {
            Self::All => true,
            Self::IssuedUntil(at) => caller.issued().is_none_or(|issued| issued <= *at),
        }
    }
}

impl Target {
    /// `key`, `agent`, `subject`, `token`, `agent-issued` or `subject-issued`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Agent(_) => "agent",
            Self::Subject(_) => "subject",
            Self::Token(_) => "token",
            Self::IssuedTo(_) => "agent-issued",
            Self::IssuedFor(_) => "subject-issued",
        }
    }

    /// What is recorded: the id or name, an agent with its source (`key:reporting`).
    pub fn value(&self) -> String {
        match self {
            Self::Agent(agent) | Self::IssuedTo(agent) => agent.to_string(),
            Self::Key(value) | Self::Subject(value) | Self::Token(value) | Self::IssuedFor(value) => value.clone(),
        }
    }

    pub(super) fn check(&self, by: &str) -> Result<(), StoreError> {
        check_name(by).map_err(|why| StoreError::Name { what: "the one who revokes", why })?;
        match self {
            // An id that is no id does not exist, and that error says more.
            Self::Key(_) | Self::Agent(_) | Self::IssuedTo(_) => Ok(()),
            Self::Subject(name) | Self::IssuedFor(name) => {
                check_name(name).map_err(|why| StoreError::Name { what: "the subject", why })
            }
            Self::Token(id) => check_name(id).map_err(|why| StoreError::Name { what: "the token's id", why }),
        }
    }
}

/// One entry of the list of revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The epoch that it began.
    pub seq: u64,
    /// [`Target::kind`].
    pub kind: String,
    /// [`Target::value`].
    pub value: String,
    /// Who revoked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How many keys that worked until then it cut off.
    pub keys: u64,
}

impl NewKey {
    /// Makes the key.
    pub(in crate::auth) fn make(&self, now: Timestamp) -> Result<IssuedKey, StoreError> {
        check_name(&self.agent).map_err(|why| StoreError::Name { what: "the agent", why })?;
        if let Some(subject) = &self.on_behalf_of {
            check_name(subject).map_err(|why| StoreError::Name { what: "the subject", why })?;
        }
        Grants::with_wildcards(&self.scopes)?;
        if self.lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            return Err(StoreError::Lifetime);
        }
        let expires = self.lifetime.map(|lifetime| later(now, lifetime)).transpose()?;
        let key = ApiKey::generate()?;
        let record = KeyRecord {
            id: key.id().to_owned(),
            hash: key.hash(),
            agent: self.agent.clone(),
            scopes: self.scopes.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            created: now,
            expires,
            revoked: None,
            rotated_from: None,
        };
        Ok(IssuedKey { key, record })
    }
}

/// What takes a key's place, and when the old one ends.
pub(super) fn succeed(
    old: &KeyRecord,
    replaced: bool,
    grace: Duration,
    now: Timestamp,
) -> Result<(IssuedKey, Timestamp), StoreError> {
    let ended = match old.state(now) {
        KeyState::Revoked => Some("was revoked"),
        _ if replaced => Some("was rotated already"),
        KeyState::Expired => Some("has expired"),
        KeyState::Active => None,
    };
    if let Some(why) = ended {
        return Err(StoreError::Ended { id: old.id.clone(), why });
    }
    let lifetime = match old.expires {
        Some(end) => Some(Duration::try_from(end.duration_since(old.created)).map_err(|_| StoreError::Lifetime)?),
        None => None,
    };
    let new = NewKey {
        agent: old.agent.clone(),
        scopes: old.scopes.clone(),
        on_behalf_of: old.on_behalf_of.clone(),
        lifetime,
    };
    let mut issued = new.make(now)?;
    issued.record.rotated_from = Some(old.id.clone());
    let end = later(now, grace)?;
    Ok((issued, old.expires.map_or(end, |expires| expires.min(end))))
}

/// The time as it is stored, so that a record is the same before and after.
pub(in crate::auth) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

fn later(now: Timestamp, by: Duration) -> Result<Timestamp, StoreError> {
    // Stored times are whole milliseconds.
    let by = Duration::from_millis(u64::try_from(by.as_millis()).map_err(|_| StoreError::Lifetime)?);
    now.checked_add(by).map_err(|_| StoreError::Lifetime)
}
