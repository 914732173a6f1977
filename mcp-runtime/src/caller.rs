//! Who calls: the identity that limits, revocations and records use.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use jiff::Timestamp;

use crate::limit::Mark;
use crate::output::hygiene::is_hidden;
use crate::scope::Grants;

/// The longest name of an agent or a subject, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// Where an agent's name comes from.
///
/// Names of different sources never meet: `key:reporting` and `client:https://login.example.com:reporting` are two
/// agents with limits, revocations and records of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// An API key of this server's store.
    Key,
    /// The `client_id` (or `azp`) of a token of this issuer.
    Client {
        /// The token's `iss`.
        issuer: Box<str>,
    },
    /// The outermost `act.sub` of a token of this issuer (RFC 8693, section 4.1).
    Actor {
        /// The token's `iss`.
        issuer: Box<str>,
    },
    /// Another kind of credential, verified by the server's own [`Authenticate`](crate::auth::Authenticate).
    Other(&'static str),
}

/// The program that calls, typed by the source of its name.
///
/// Two agents are equal if source, issuer and name are; the text of [`Display`](fmt::Display) (`key:reporting`) is
/// what records and configuration show.
#[derive(Clone)]
pub struct Agent {
    source: Source,
    name: Box<str>,
    /// Of source and name, made once: limits look at nothing else of an agent.
    mark: Mark,
}

impl Agent {
    /// An agent of a source.
    ///
    /// # Errors
    /// A name that is empty, longer than [`MAX_NAME_BYTES`], padded with white space, or that holds a control,
    /// bidirectional or invisible character.
    pub fn new(source: Source, name: &str) -> Result<Self, InvalidName> {
        check_name(name)?;
        // Each part ends with what no text holds, so that no two agents are the same to a hasher.
        let mark = Mark::of(&(&source, name));
        Ok(Self { source, name: name.into(), mark })
    }

    /// The agent of an API key: `key:NAME`.
    ///
    /// # Errors
    /// As [`Agent::new`].
    pub fn key(name: &str) -> Result<Self, InvalidName> {
        Self::new(Source::Key, name)
    }

    /// Where the name comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The name alone, without its source.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What limits know the agent by, in this process.
    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    fn identity(&self) -> (&Source, &str) {
        (&self.source, &self.name)
    }
}

// By identity alone: what is derived from it tells nothing more.

impl PartialEq for Agent {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Agent {}

impl Hash for Agent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, name) = self.identity();
        f.debug_struct("Agent").field("source", source).field("name", &name).finish()
    }
}

/// Reads what [`Display`](fmt::Display) writes: `key:NAME`, `client:ISSUER:NAME`, `act:ISSUER:NAME`. Agents of a server's own
/// [`Authenticate`](crate::auth::Authenticate) cannot be read: only that server knows their kinds.
impl FromStr for Agent {
    type Err = InvalidAgent;

    fn from_str(text: &str) -> Result<Self, InvalidAgent> {
        let (kind, rest) = text.split_once(':').ok_or(InvalidAgent::Form)?;
        if kind == "key" {
            return Ok(Self::key(rest)?);
        }
        let (issuer, name) = split_issuer(rest).ok_or(InvalidAgent::Form)?;
        let issuer = issuer.into();
        let source = match kind {
            "client" => Source::Client { issuer },
            "act" => Source::Actor { issuer },
            _ => return Err(InvalidAgent::Form),
        };
        Ok(Self::new(source, name)?)
    }
}

/// Parts `https://login.example.com:8443/tenant:reporting` where the URL ends. Both may hold a `:`; whichever way an
/// unlucky pair is parted, its text is the same, and by that agents are found.
fn split_issuer(text: &str) -> Option<(&str, &str)> {
    let authority = text.find("://")? + 3;
    let colon = authority + text.get(authority..)?.find(':')?;
    let rest = text.get(colon + 1..)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let has_port = digits > 0 && !text.get(authority..colon)?.contains('/');
    let end = match rest.get(digits..) {
        Some(behind) if has_port && behind.starts_with([':', '/']) => colon + 1 + digits + behind.find(':')?,
        _ => colon,
    };
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// A text that names no agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAgent {
    /// It has no kind, or no issuer where one belongs.
    #[error("an agent is written `key:NAME`, `client:ISSUER:NAME` or `act:ISSUER:NAME`, as the audit shows it")]
    Form,
    /// The name itself cannot stand for an agent.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Key => write!(f, "key:{}", self.name),
            Source::Client { issuer } => write!(f, "client:{issuer}:{}", self.name),
            Source::Actor { issuer } => write!(f, "act:{issuer}:{}", self.name),
            Source::Other(kind) => write!(f, "{kind}:{}", self.name),
        }
    }
}

/// A name that cannot stand for an agent or a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// There is nothing in it.
    #[error("the name is empty")]
    Empty,
    /// It is longer than [`MAX_NAME_BYTES`].
    #[error("the name is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// It starts or ends with white space, so it would look like another.
    #[error("the name starts or ends with white space")]
    Padded,
    /// It holds a character that a reader does not see.
    #[error("the name holds U+{0:04X}, a control or invisible character")]
    Hidden(u32),
}

/// Refuses names that could be mistaken for others, or that could break a line of a log.
///
/// # Errors
/// As [`Agent::new`].
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(InvalidName::TooLong);
    }
    if name.trim() != name {
        return Err(InvalidName::Padded);
    }
    match name.chars().find(|c| is_hidden(*c)) {
        Some(hidden) => Err(InvalidName::Hidden(u32::from(hidden))),
        None => Ok(()),
    }
}

/// A verified caller: the agent, on whose behalf, and what it may do.
///
/// Made by an [`Authenticate`](crate::auth::Authenticate) from verified credentials alone, and handed to a tool that
/// asks for `&Caller`. The credential itself is not in here.
#[derive(Clone, Debug)]
pub struct Caller {
    agent: Agent,
    subject: Option<Box<str>>,
    credential: Box<str>,
    grants: Grants,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
    steps_up: bool,
    /// Of agent and subject.
    mark: Mark,
}

impl Caller {
    /// A caller without scopes. `credential` names the credential in records: an id, never the secret.
    pub fn new(agent: Agent, credential: &str) -> Self {
        Self {
            mark: agent.mark(),
            agent,
            subject: None,
            credential: credential.into(),
            grants: Grants::default(),
            issued: None,
            expires: None,
            steps_up: false,
        }
    }

    /// On whose behalf the agent calls: RFC 9068's `sub`, or what the key was issued for.
    ///
    /// # Errors
    /// As [`Agent::new`], for the subject's name.
    pub fn on_behalf_of(mut self, subject: &str) -> Result<Self, InvalidName> {
        check_name(subject)?;
        self.subject = Some(subject.into());
        self.mark = Mark::of(&(&self.agent, subject));
        Ok(self)
    }

    /// What the credential grants.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// When the credential was issued. One that does not say is cut off by every revocation of its agent or subject,
    /// whenever that was.
    #[must_use]
    pub fn issued_at(mut self, issued: Timestamp) -> Self {
        self.issued = Some(issued);
        self
    }

    /// When the credential ends.
    #[must_use]
    pub fn with_expiry(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// The caller can ask its authorization server for wider scopes, so a missing one is answered with HTTP 403 and
    /// a challenge (RFC 6750, section 3.1) instead of a tool error.
    #[must_use]
    pub fn with_step_up(mut self) -> Self {
        self.steps_up = true;
        self
    }

    /// What agent and subject together are known by, in this process.
    #[cfg(feature = "http")]
    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// The program that calls.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// On whose behalf, if the credential says so.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The id of the credential, as `keys list` shows it.
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// What the credential grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// When the credential was issued, if it says so.
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// When the credential ends; `None` for one that does not.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Whether a missing scope can be obtained by a step-up authorization.
    pub fn steps_up(&self) -> bool {
        self.steps_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_of_different_sources_differ() {
        let key = Agent::key("reporting").unwrap();
        let client = Agent::new(Source::Client { issuer: "https://login".into() }, "reporting").unwrap();
        let actor = Agent::new(Source::Actor { issuer: "https://login".into() }, "reporting").unwrap();
        assert_ne!(key, client);
        assert_ne!(client, actor);
        assert_eq!(key.to_string(), "key:reporting");
        assert_eq!(client.to_string(), "client:https://login:reporting");
        assert_eq!(actor.to_string(), "act:https://login:reporting");
    }

    #[test]
    fn marks_follow_source_and_name() {
        let issuer = |issuer: &str| Source::Client { issuer: issuer.into() };
        let agents = [
            (Source::Key, "ab"),
            (Source::Key, "a"),
            (issuer("a"), "b"),
            (issuer("ab"), "b"),
            (issuer("a"), "bb"),
            (Source::Actor { issuer: "a".into() }, "b"),
            (Source::Other("a"), "b"),
            (Source::Other("ab"), "b"),
        ]
        .map(|(source, name)| Agent::new(source, name).unwrap());
        for one in &agents {
            for other in &agents {
                assert_eq!(one == other, one.mark() == other.mark(), "{one:?} {other:?}");
            }
            assert_eq!(one.clone(), Agent::new(one.source().clone(), one.name()).unwrap());
            assert_eq!(one.mark(), Agent::new(one.source().clone(), one.name()).unwrap().mark());
        }
        assert_eq!(format!("{:?}", agents[0]), "Agent { source: Key, name: \"ab\" }");
    }

    #[test]
    fn what_is_shown_reads_back() {
        for (issuer, name) in [
            ("https://login.example.com", "reporting"),
            ("https://login.example.com:8443", "reporting"),
            ("https://login.example.com:8443/tenant", "a:b"),
            ("https://login.example.com/tenant", "https://app.example.com/client.json"),
            ("https://login.example.com", "4711"),
            ("http://127.0.0.1:9", "x"),
        ] {
            for source in [Source::Client { issuer: issuer.into() }, Source::Actor { issuer: issuer.into() }] {
                let agent = Agent::new(source, name).unwrap();
                assert_eq!(agent.to_string().parse(), Ok(agent));
            }
        }
        let key = Agent::key("a:b").unwrap();
        assert_eq!(key.to_string().parse(), Ok(key));
        for wrong in ["reporting", "", "gateway:x", "client:reporting", "client:https://login.example.com", "key:"] {
            assert!(wrong.parse::<Agent>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_that_deceive_are_refused() {
        assert_eq!(Agent::key(""), Err(InvalidName::Empty));
        assert_eq!(Agent::key(" reporting"), Err(InvalidName::Padded));
        assert_eq!(Agent::key("re\nporting"), Err(InvalidName::Hidden(0x0A)));
        assert_eq!(Agent::key("re\u{202e}porting"), Err(InvalidName::Hidden(0x202E)));
        assert_eq!(Agent::key("re\u{200b}porting"), Err(InvalidName::Hidden(0x200B)));
        assert_eq!(Agent::key(&"a".repeat(257)), Err(InvalidName::TooLong));
        assert!(Agent::key("Büro-Agent 7 (東京)").is_ok());
    }
}
