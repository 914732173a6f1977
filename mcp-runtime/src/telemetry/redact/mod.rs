//! What records, logs, spans and the audit may hold of what callers sent.
//!
//! An argument's declaration decides, once, for every sink:
//!
//! | | a record holds |
//! | --- | --- |
//! | `#[arg(secret)]` | `[secret]` |
//! | `#[arg(pii)]` | `pii:` and a keyed digest: one person can be followed, and nobody without the key learns who it is |
//! | anything else | the value, cut at 1 KiB a text and 16 KiB in all |
//! | a name that the tool does not have | `[unknown]` |

//!
//! Where nobody declared anything, texts may hold more than their authors knew. So in undeclared arguments, at any depth and
//! in names too, in ids of requests and in the causes of failures, what has one of these forms is replaced:
//!
//! | class, key of `[redaction]` | by | |
//! | --- | --- | --- |
//! | `emails` | `[email]` | see `email` |
//! | `phones` | `[phone]` | see `phone` |
//! | `cards` | `[masked: card number]` | issuer, length and check digit (Luhn); as in answers |
//! | `ibans` | `[iban]` | country, length and check digits; see `iban` |
//! | `addresses` | `[ip]` | IPv4 and IPv6; see `address` |
//! | `credentials` | `[masked: …]` | tokens, JWTs, API keys, private keys, passwords in URLs; as in answers, and `credential` |
//!
//! Each class can be switched off, which loosens what records protect: `[redaction] phones = false`. An argument that is
//! declared `plain` is kept as it came, but for credentials. A field within an argument whose name ends as those of
//! passwords, tokens and keys do (see `credential`) is `[masked: password]`, whatever it holds. In the cause of a failure,
//! the first 64 values of the call's own `secret` and then `pii` arguments are replaced as well, wherever they stand, if
//! they have four characters or more; a `secret` one also in the message that the caller reads.
//!
//! What the program itself writes with `tracing` is its own: nothing in it is redacted, in no sink.
//!
//! Forms are found, meanings are not: a name, a street, a number without its form pass. What is personal by what it means
//! has to be declared.

mod address;
mod credential;
mod email;
mod iban;
mod key;
mod patterns;
mod phone;
mod write;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::arguments::{is_flattened, shown};
use crate::config::Redaction;
use crate::error::Failure;
use crate::hex;
use crate::json::{Document, Kind, Members, Node};
use crate::record::{Digest, Redacted};
use crate::spec::{ArgumentSpec, Rule};

pub(crate) use key::Key;
use write::Writer;

/// How many arguments a record shows.
const MAX_ARGUMENTS: usize = 64;

/// Redacts with a key, so that the same personal value has the same digest and nobody without the key can guess it.
pub(crate) struct Redactor {
    personal: Key,
    arguments: Key,
    classes: Redaction,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

/// How an argument is declared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Privacy {
    Undeclared,
    Plain,
    Pii,
    Secret,
}

impl Privacy {
    fn of(argument: &ArgumentSpec) -> Self {
        argument.rules.iter().fold(Self::Undeclared, |privacy, rule| match rule {
            Rule::Secret => Self::Secret,
            Rule::Pii if privacy != Self::Secret => Self::Pii,
            Rule::Plain if privacy == Self::Undeclared => Self::Plain,
            _ => privacy,
        })
    }
}

impl Redactor {
    /// With the key of a state folder, digests of one folder compare over restarts.
    pub(crate) fn new(key: &[u8; 32], classes: &Redaction) -> Self {
        let personal = Key::new(key);
        Self { arguments: personal.derive("arguments"), personal, classes: classes.clone() }
    }

    /// What a record may hold of these arguments, and a keyed digest of them, whatever the order of their keys.
    pub(crate) fn record(&self, sent: &Document<'_>, arguments: &[ArgumentSpec]) -> (Redacted, Digest) {
        let mut text = Vec::with_capacity(256);
        write::canonical_object(sent.members(), &mut text);
        let digest = Digest(self.arguments.digest(&text));
        text.clear();
        (self.redacted(sent, arguments, text), digest)
    }

    /// What a record may hold of these arguments. A name that the tool does not have may be anything, so only the name
    /// is kept.
    pub(crate) fn redact(&self, sent: &Document<'_>, arguments: &[ArgumentSpec]) -> Redacted {
        self.redacted(sent, arguments, Vec::new())
    }

    /// As [`Redactor::redact`], written into an empty buffer.
    fn redacted(&self, sent: &Document<'_>, arguments: &[ArgumentSpec], buffer: Vec<u8>) -> Redacted {
        let mut writer = Writer::new(buffer);
        let plain = Redaction::credentials_alone(&self.classes);
        let flattened = arguments.iter().find(|argument| is_flattened(argument)).map(Privacy::of);
        writer.object(sent.members().take(MAX_ARGUMENTS), |writer, name, value| {
            let declared = arguments.iter().find(|argument| argument.name == name && !is_flattened(argument));
            match declared {
                // The author's own name.
                Some(declared) => writer.name(declared.name),
                None => writer.name(&self.name(name)),
            }
            match declared.map(Privacy::of).or(flattened) {
                None => writer.mark("[unknown]"),
                Some(Privacy::Undeclared) if declared.is_none() => writer.field(name, value, &self.classes),
                Some(Privacy::Secret) => writer.mark("[secret]"),
                Some(Privacy::Pii) => writer.mark(&self.digest(value)),
                Some(Privacy::Plain) => writer.value(value, &plain),
                Some(Privacy::Undeclared) => writer.value(value, &self.classes),
            }
        });
        Redacted::new(writer.finish())
    }

    /// A text that is nobody's argument (a cause, an error), as it may stand in a log.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        patterns::redact(text, &self.classes)
    }

    /// Takes the values of declared arguments out of a failure: `secret` ones out of what the caller reads, both out of
    /// the cause. A cause is cut at 16 KiB before that.
    pub(crate) fn scrub(&self, failure: &mut Failure, sent: &Members<'_>, arguments: &[ArgumentSpec]) {
        let mut values = Vec::new();
        let named = |name: &str| arguments.iter().any(|argument| argument.name == name && !is_flattened(argument));
        // Where there are too many, those that the caller must not read come first.
        for wanted in [Privacy::Secret, Privacy::Pii] {
            for argument in arguments.iter().filter(|argument| Privacy::of(argument) == wanted) {
                if is_flattened(argument) {
                    let others = sent.clone().filter(|(name, _)| !named(name));
                    others.for_each(|(_, value)| literals(value, wanted, &mut values));
                } else if let Some(value) = sent.get(argument.name) {
                    literals(value, wanted, &mut values);
                }
            }
        }
        // A value that is part of another one must not break it.
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        if let Some(cause) = &mut failure.cause {
            cause.truncate(cause.floor_char_boundary(MAX_CAUSE));
        }
        for (value, privacy) in &values {
            let mark = match privacy {
                Privacy::Secret => "[secret]".to_owned(),
                _ => self.digest(Document::of(&Value::from(value.as_str())).root()),
            };
            if let Some(cause) = &mut failure.cause
                && cause.contains(value)
            {
                *cause = cause.replace(value, &mark);
            }
            if *privacy == Privacy::Secret && failure.message.contains(value) {
                failure.message = failure.message.replace(value, &mark).into();
            }
        }
    }

    /// The cause of a failure, cut at 16 KiB.
    pub(crate) fn cause<'a>(&self, cause: &'a str) -> Cow<'a, str> {
        self.text(&cause[..cause.floor_char_boundary(MAX_CAUSE)])
    }

    /// A name of the client's: cleaned, cut, redacted.
    pub(crate) fn name(&self, name: &str) -> String {
        // Nothing that is looked for is so short without a sign.
        if name.len() < SHORTEST && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return name.to_owned();
        }
        // Before it is cut, which may part what would be found, and after it is cleaned, which may join it.
        let shown = shown(&self.text(&name[..name.floor_char_boundary(LONGEST_NAME)]));
        match self.text(&shown) {
            Cow::Borrowed(_) => shown,
            Cow::Owned(redacted) => redacted,
        }
    }

    fn digest(&self, value: Node<'_>) -> String {
        let mut text = Vec::with_capacity(64);
        write::canonical(value, &mut text);
        let digest = self.personal.digest(&text);
        format!("pii:{}", hex::text(&digest[..8]))
    }
}

/// No class finds fewer letters and digits than this alone; the shortest are cards' and calls' from abroad, with 14.
const SHORTEST: usize = 14;

/// So much of a name is looked at before it is cut, in bytes.
const LONGEST_NAME: usize = 1024;

/// The longest cause that a log gets, in bytes.
const MAX_CAUSE: usize = 16 * 1024;

/// Shorter values stand in texts by chance.
const MIN_LITERAL: usize = 4;

/// So many values of declared arguments are looked for in a text, `secret` ones first.
const MAX_LITERALS: usize = 64;

/// The texts and numbers in a value.
fn literals(value: Node<'_>, privacy: Privacy, values: &mut Vec<(String, Privacy)>) {
    let mut note = |literal: String| {
        if literal.chars().nth(MIN_LITERAL - 1).is_some() && values.len() < MAX_LITERALS {
            values.push((literal, privacy));
        }
    };
    match value.kind() {
        Kind::Null | Kind::Bool(_) => {}
        Kind::List(items) => items.for_each(|item| literals(item, privacy, values)),
        Kind::Object(members) => members.for_each(|(_, item)| literals(item, privacy, values)),
        Kind::Text(text) => {
            note(text.to_owned());
            // As `{:?}` and JSON show it.
            let shown = serde_json::to_string(text).unwrap_or_default();
            let shown = shown.trim_matches('"');
            if shown != text {
                note(shown.to_owned());
            }
        }
        Kind::Number(number) => {
            note(number.to_string());
            // `10.0` is often shown as `10`.
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()) {
                note(format!("{whole}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
