//! Scopes: what a tool asks for, what a credential grants, and when the one covers the other.
//!
//! A scope is a scope token of RFC 6749, section 3.3; `.` and `:` part it into segments. Comparison is exact and
//! case-sensitive, never by prefix. The grants of an API key may hold wildcards: `*` inside stands for one segment,
//! `*` at the end for one or more, `*` alone for every scope. In a token a `*` is a literal.

#[cfg(feature = "jwt")]
mod hierarchy;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::json::{Document, Kind};

#[cfg(feature = "jwt")]
pub(crate) use hierarchy::Hierarchy;

/// The longest text that may fill a segment of a template.
pub const MAX_SEGMENT_BYTES: usize = 64;

/// The longest scope.
pub const MAX_SCOPE_BYTES: usize = 256;

/// What a tool asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Every authenticated caller may call.
    AnyCaller,
    /// All of these scopes.
    All(&'static [Template]),
    /// One of these scopes; the first is the one a challenge names.
    Any(&'static [Template]),
}

/// A scope that a tool asks for: a literal, or one with `{argument}` in place of whole segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template(&'static str);

impl Template {
    /// A scope as the attribute wrote it; the macro has checked its form.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The scope as written, placeholders included.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether an argument fills a segment.
    pub fn has_placeholder(self) -> bool {
        self.0.contains('{')
    }

    /// The scope for these values of its placeholders; `None` where a value is missing or may not fill a segment.
    fn fill(self, values: &[(&str, String)]) -> Option<String> {
        fill(self.0, |name| values.iter().find(|(argument, _)| *argument == name).map(|(_, value)| value.clone()))
    }
}

/// A template with these values of its placeholders; `None` where one is missing or may not fill a segment.
fn fill(template: &str, value_of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::with_capacity(template.len() + 16);
    for piece in pieces(template) {
        match placeholder(piece.text) {
            None => filled.push_str(piece.text),
            Some(name) => filled.push_str(&value_of(name).filter(|value| fills_segment(value))?),
        }
        filled.extend(piece.separator);
    }
    Some(filled)
}

/// Whether a value may stand in a segment: `[A-Za-z0-9_-]{1,64}`, so that no value can add a segment or a wildcard.
fn fills_segment(value: &str) -> bool {
    (1..=MAX_SEGMENT_BYTES).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// A segment and the separator behind it.
struct Piece<'a> {
    text: &'a str,
    separator: Option<char>,
}

fn pieces(scope: &str) -> impl Iterator<Item = Piece<'_>> {
    scope.split_inclusive(['.', ':']).map(|piece| match piece.strip_suffix(['.', ':']) {
        Some(text) => Piece { text, separator: piece.chars().next_back() },
        None => Piece { text: piece, separator: None },
    })
}

impl Requirement {
    /// The first check, before any argument is read: whether the grants cover the literal scopes, and some value of
    /// the arguments could fill the others.
    ///
    /// # Errors
    /// The scopes to name in the refusal, placeholders as written.
    pub fn could_be_met(&self, grants: &Grants) -> Result<(), MissingScopes> {
        let covered =
            |template: &Template| grants.list.iter().any(|grant| grant.covers(template.as_str(), placeholder_could_be));
        self.check(covered, |template| template.as_str().to_owned())
    }

    /// The second check, with the decoded values of the arguments that fill segments.
    ///
    /// # Errors
    /// The scopes to name in the refusal, filled where the value may fill a segment.
    pub fn met_with(&self, grants: &Grants, values: &[(&str, String)]) -> Result<(), MissingScopes> {
        let covered = |template: &Template| template.fill(values).is_some_and(|scope| grants.allow(&scope));
        self.check(covered, |template| template.fill(values).unwrap_or_else(|| template.as_str().to_owned()))
    }

    /// Whether the second check has something to look at.
    pub fn reads_arguments(&self) -> bool {
        self.templates().iter().any(|template| template.has_placeholder())
    }

    /// The scopes as written.
    pub fn templates(&self) -> &'static [Template] {
        match self {
            Self::AnyCaller => &[],
            Self::All(templates) | Self::Any(templates) => templates,
        }
    }

    /// `named` is how a refusal names a template.
    fn check(
        &self,
        covered: impl Fn(&Template) -> bool,
        named: impl Fn(&Template) -> String,
    ) -> Result<(), MissingScopes> {
        match self {
            Self::AnyCaller => Ok(()),
            Self::All(templates) if !templates.is_empty() && templates.iter().all(&covered) => Ok(()),
            Self::Any(templates) if templates.iter().any(&covered) => Ok(()),
            // All scopes of the operation at once, held or not: a client that steps up asks for the whole set.
            Self::All(templates) => Err(MissingScopes(templates.iter().map(named).collect())),
            Self::Any(templates) => Err(MissingScopes(templates.first().map(named).into_iter().collect())),
        }
    }
}

/// The scopes of an operation that a caller does not cover, all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingScopes(pub Vec<String>);

impl MissingScopes {
    /// The scopes with the values that the client sent, before anything is decoded: what a client that can ask for wider
    /// scopes has to ask for. A template whose values are not there, or may not fill a segment, stays as it is.
    #[must_use]
    pub(crate) fn filled(self, sent: &Document<'_>) -> Self {
        let has_placeholder = self.0.iter().any(|scope| !could_be_literal(scope));
        if !has_placeholder {
            return self;
        }
        let value_of = |name: &str| match sent.members().get(name)?.kind() {
            Kind::Text(text) => Some(text.to_owned()),
            Kind::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            Kind::Bool(value) => Some(value.to_string()),
            _ => None,
        };
        Self(self.0.into_iter().map(|scope| fill(&scope, value_of).unwrap_or(scope)).collect())
    }

    /// Whether every one of them is a scope that could be asked for, and no template.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn can_be_asked_for(scopes: &[String]) -> bool {
        !scopes.is_empty() && scopes.iter().all(|scope| could_be_literal(scope))
    }
}

impl fmt::Display for MissingScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// What a credential grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    list: Box<[Grant]>,
}

impl Grants {
    /// The grants of an API key, in which `*` is a wildcard.
    ///
    /// # Errors
    /// The first one that is no scope token, or has `*` as part of a segment.
    pub fn with_wildcards<I: AsRef<str>>(scopes: impl IntoIterator<Item = I>) -> Result<Self, InvalidScope> {
        Self::build(scopes, true)
    }

    /// The grants of a token, in which `*` is a literal.
    ///
    /// # Errors
    /// The first one that is no scope token.
    pub fn literal<I: AsRef<str>>(scopes: impl IntoIterator<Item = I>) -> Result<Self, InvalidScope> {
        Self::build(scopes, false)
    }

    fn build<I: AsRef<str>>(scopes: impl IntoIterator<Item = I>, wildcards: bool) -> Result<Self, InvalidScope> {
        let list = scopes.into_iter().map(|scope| Grant::new(scope.as_ref(), wildcards)).collect::<Result<_, _>>()?;
        Ok(Self { list })
    }

    /// Whether a scope (no template) is granted.
    pub fn allow(&self, scope: &str) -> bool {
        self.list.iter().any(|grant| grant.covers(scope, |_| false))
    }

    /// The grants as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|grant| &*grant.text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    text: Box<str>,
    wildcards: bool,
}

impl Grant {
    fn new(text: &str, wildcards: bool) -> Result<Self, InvalidScope> {
        let invalid = |why| InvalidScope { scope: text.chars().take(64).collect(), why };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        if text.len() > MAX_SCOPE_BYTES {
            return Err(invalid("it is longer than 256 bytes"));
        }
        if !text.bytes().all(is_scope_byte) {
            return Err(invalid("a scope is printable ASCII without space, `\"` and `\\` (RFC 6749, section 3.3)"));
        }
        if wildcards {
            if pieces(text).any(|piece| piece.text.is_empty()) || text.ends_with(['.', ':']) {
                return Err(invalid("it has an empty segment"));
            }
            if pieces(text).any(|piece| piece.text.contains('*') && piece.text != "*") {
                return Err(invalid("`*` stands for whole segments, not for a part of one"));
            }
        }
        Ok(Self { text: text.into(), wildcards })
    }

    /// Whether the grant covers a scope. `placeholder` says whether a literal segment of the grant could be the value
    /// of a placeholder of the scope; a scope that is no template has none.
    fn covers(&self, scope: &str, could_be: fn(&str) -> bool) -> bool {
        if &*self.text == scope && could_be_literal(scope) {
            return true;
        }
        let mut wanted = pieces(scope);
        let mut granted = pieces(&self.text).peekable();
        while let Some(grant) = granted.next() {
            let Some(want) = wanted.next() else { return false };
            let is_wildcard = self.wildcards && grant.text == "*";
            if is_wildcard && granted.peek().is_none() {
                return true;
            }
            let same = if is_wildcard {
                true
            } else if placeholder(want.text).is_some() {
                could_be(grant.text)
            } else {
                grant.text == want.text
            };
            if !same || grant.separator != want.separator {
                return false;
            }
        }
        wanted.next().is_none()
    }
}

/// A template is no scope: a grant spelt like one covers nothing by its spelling.
fn could_be_literal(scope: &str) -> bool {
    !scope.contains('{')
}

fn placeholder_could_be(segment: &str) -> bool {
    fills_segment(segment)
}

/// RFC 6749, section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

/// A text that grants nothing because it is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no scope: {why}", scope.escape_debug())]
pub struct InvalidScope {
    scope: String,
    why: &'static str,
}

/// A decoded argument that may fill a segment of a scope: integers, `bool` and `String`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill a segment of a scope",
    label = "this argument stands in the tool's `scope`",
    note = "integers, `bool`, `String` and types with an `impl ScopeSegment` of their own can"
)]
pub trait ScopeSegment {
    /// The value as a segment. What is not `[A-Za-z0-9_-]{1,64}` is answered `PERMISSION_DENIED`.
    fn segment(&self) -> String;
}

macro_rules! segment_by_display {
    ($($ty:ty)*) => {$(
        impl ScopeSegment for $ty {
            fn segment(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
segment_by_display!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize bool String);
