//! From claims to a caller: whose token it is, for whom, until when, and what it grants.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::caller::{Agent, Caller, Source};
use crate::config;
use crate::scope::{Grants, Hierarchy};

/// How far clocks may differ unless configured.
const LEEWAY: Duration = Duration::from_secs(60);

/// Claims that only ID tokens have (`OpenID` Connect Core, sections 2 and 3.1.3.6).
const OF_ID_TOKENS: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];

/// How the claims of an issuer are read.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) issuer: Box<str>,
    audience: Vec<String>,
    scope_claim: String,
    agent_claim: Option<String>,
    subject_claim: String,
    hierarchy: Hierarchy,
    leeway: SignedDuration,
}

/// What kind of claims they are: who vouches for them decides what has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a token whose header says that it is an access token: RFC 9068, section 2.2.
    AccessToken,
    /// Of a token that does not say what it is.
    Plain,
    /// The answer of an introspection endpoint (RFC 7662, section 2.2), which is over TLS from the issuer itself.
    Introspected,
}

impl Rules {
    pub(super) fn new(issuer: &config::Issuer, resource: &str) -> Result<Self, crate::scope::InvalidScope> {
        let leeway = issuer.leeway.unwrap_or(LEEWAY);
        Ok(Self {
            issuer: issuer.issuer.as_str().into(),
            audience: issuer.audience.as_ref().map_or_else(|| vec![resource.to_owned()], |audience| audience.0.clone()),
            scope_claim: issuer.scope_claim.clone().unwrap_or_else(|| "scope".to_owned()),
            agent_claim: issuer.agent_claim.clone(),
            subject_claim: issuer.subject_claim.clone().unwrap_or_else(|| "sub".to_owned()),
            hierarchy: Hierarchy::new(&issuer.hierarchy)?,
            leeway: SignedDuration::try_from(leeway).unwrap_or_default(),
        })
    }

    /// The caller that claims name. `fallback` stands for the token in records if it has no id of its own.
    ///
    /// # Errors
    /// The rule that they break.
    pub(super) fn caller(
        &self,
        claims: &Map<String, Value>,
        kind: Kind,
        now: Timestamp,
        fallback: impl FnOnce() -> String,
    ) -> Result<Caller, &'static str> {
        let is_introspected = kind == Kind::Introspected;
        match claims.get("iss") {
            Some(Value::String(issuer)) if *issuer == *self.issuer => {}
            None if is_introspected => {}
            _ => return Err("the issuer is another"),
        }
        self.check_audience(claims)?;
        check_use(claims, kind)?;
        let expires = self.check_times(claims, kind, now)?;
        if kind == Kind::AccessToken && !(has_text(claims, "sub") && has_text(claims, "jti")) {
            return Err("a claim that every access token has is missing");
        }
        let (agent, is_actor) = self.agent(claims)?;
        let id = match claims.get("jti") {
            Some(Value::String(id)) => {
                crate::caller::check_name(id).map_err(|_| "the token's id cannot be shown")?;
                id.clone()
            }
            None => fallback(),
            Some(_) => return Err("the token's id is no text"),
        };
        let grants = self.grants(claims);
        let subject = text(claims, &self.subject_claim)?;
        let is_itself = !is_actor && subject == Some(agent.name());
        let mut caller = Caller::new(agent, &id).with_grants(grants).with_step_up();
        // RFC 9068, section 2.2: without an end user, `sub` names the client itself, on nobody's behalf.
        if let Some(subject) = subject.filter(|_| !is_itself) {
            caller = caller.on_behalf_of(subject).map_err(|_| "the subject's name cannot be shown")?;
        }
        if let Some(issued) = time(claims, "iat")? {
            caller = caller.issued_at(issued);
        }
        Ok(match expires {
            Some(expires) => caller.with_expiry(expires),
            None => caller,
        })
    }

    /// RFC 8707 and 9068: the token names this resource, by one of the configured names.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        let is_ours = |name: &Value| name.as_str().is_some_and(|name| self.audience.iter().any(|ours| ours == name));
        let names_us = match claims.get("aud") {
            Some(name @ Value::String(_)) => is_ours(name),
            Some(Value::Array(names)) => names.iter().all(Value::is_string) && names.iter().any(is_ours),
            _ => false,
        };
        if names_us { Ok(()) } else { Err("the token is for another resource") }
    }

    /// RFC 7519, sections 4.1.4 to 4.1.6; when the token ends here, leeway included.
    fn check_times(
        &self,
        claims: &Map<String, Value>,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, &'static str> {
        let at_the_latest = now.checked_add(self.leeway).unwrap_or(now);
        for (name, problem) in [("nbf", "the token is not valid yet"), ("iat", "the token was issued in the future")] {
            if time(claims, name)?.is_some_and(|time| time > at_the_latest) {
                return Err(problem);
            }
        }
        if kind == Kind::AccessToken && !claims.contains_key("iat") {
            return Err("a claim that every access token has is missing");
        }
        let Some(end) = time(claims, "exp")? else {
            return if kind == Kind::Introspected { Ok(None) } else { Err("the token never ends") };
        };
        let end = end.checked_add(self.leeway).unwrap_or(end);
        if end <= now { Err("the token has expired") } else { Ok(Some(end)) }
    }

    /// The outermost actor, else the client. Actors further in are history (RFC 8693, section 4.1).
    fn agent(&self, claims: &Map<String, Value>) -> Result<(Agent, bool), &'static str> {
        let issuer = self.issuer.clone();
        if let Some(actor) = claims.get("act") {
            let actor = actor.as_object().ok_or("the actor is no object")?;
            let name = actor.get("sub").and_then(Value::as_str).ok_or("the actor has no name")?;
            // Another issuer's actor of the same name is another agent, and cannot be told apart by name.
            if actor.get("iss").is_some_and(|other| other.as_str() != Some(&*self.issuer)) {
                return Err("the actor is another issuer's");
            }
            let agent = Agent::new(Source::Actor { issuer }, name).map_err(|_| "the actor's name cannot be shown")?;
            return Ok((agent, true));
        }
        let name = match &self.agent_claim {
            Some(claim) => text(claims, claim)?,
            None => match text(claims, "client_id")? {
                Some(name) => Some(name),
                None => text(claims, "azp")?,
            },
        };
        let name = name.ok_or("the token names no agent")?;
        let agent = Agent::new(Source::Client { issuer }, name).map_err(|_| "the agent's name cannot be shown")?;
        Ok((agent, false))
    }

    /// The scopes. A claim of another shape, or one text in it that is no scope, grants nothing.
    fn grants(&self, claims: &Map<String, Value>) -> Grants {
        let scopes: Option<Vec<&str>> = match claims.get(&self.scope_claim) {
            Some(Value::String(text)) => Some(text.split(' ').filter(|scope| !scope.is_empty()).collect()),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        scopes.and_then(|scopes| self.hierarchy.grants(&scopes).ok()).unwrap_or_default()
    }
}

/// It is a bearer token, and an access token.
fn check_use(claims: &Map<String, Value>, kind: Kind) -> Result<(), &'static str> {
    if claims.contains_key("cnf") {
        return Err("the token is bound to a key, and its proof cannot be checked here");
    }
    match claims.get("token_type") {
        None => {}
        Some(Value::String(name)) if ["bearer", "access_token"].contains(&name.to_ascii_lowercase().as_str()) => {}
        Some(_) => return Err("it is no bearer token"),
    }
    // Authorization servers say of refresh tokens, too, that they are active: in one of these claims they say what it is.
    match claims.get("token_use") {
        None => {}
        Some(Value::String(name)) if name == "access_token" || name == "access" => {}
        Some(_) => return Err("it is no access token"),
    }
    if kind != Kind::AccessToken {
        let typ = claims.get("typ").map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
        if typ.is_some_and(|typ| typ != "bearer" && typ != "jwt" && typ != "at+jwt") {
            return Err("it is no access token");
        }
    }
    if kind == Kind::Plain && OF_ID_TOKENS.iter().any(|name| claims.contains_key(*name)) {
        return Err("it looks like an ID token");
    }
    Ok(())
}

/// A claim that is a text if it is there.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a claim that names somebody is no text"),
    }
}

fn has_text(claims: &Map<String, Value>, name: &str) -> bool {
    claims.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

/// A claim that is a time if it is there: seconds since 1970, fractions allowed (RFC 7519, section 2).
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, &'static str> {
    const PROBLEM: &str = "a time is no number of seconds";
    let Some(value) = claims.get(name) else { return Ok(None) };
    let since = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => SignedDuration::from_secs(seconds),
        (None, Some(seconds)) => SignedDuration::try_from_secs_f64(seconds).map_err(|_| PROBLEM)?,
        (None, None) => return Err(PROBLEM),
    };
    // What lies beyond the calendar is as far as the calendar goes.
    let end = if since.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    Ok(Some(Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or(end)))
}
