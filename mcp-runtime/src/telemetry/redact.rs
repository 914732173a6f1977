//! Arguments for records: by their declaration, once, for every sink.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::arguments::{is_flattened, shown};
use crate::output::hygiene::is_hidden;
use crate::spec::{ArgumentSpec, Rule};

/// The longest text of an argument that a record holds, in bytes.
const MAX_TEXT: usize = 1024;

/// How much a record holds of all arguments together, in bytes of text.
const MAX_ALL: usize = 16 * 1024;

/// Redacts with a key, so that the same personal value has the same digest and nobody without the key can guess it.
pub(crate) struct Redactor {
    key: [u8; 32],
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Privacy {
    Plain,
    Pii,
    Secret,
}

impl Redactor {
    /// With the key of a state folder: digests of one folder compare over restarts.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// With a key of its own: digests compare as long as this process runs.
    pub(crate) fn ephemeral() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    /// What a record may hold of these arguments. A name that the tool does not have may be anything, so only the name
    /// is kept.
    pub(crate) fn redact(&self, sent: &Map<String, Value>, arguments: &[ArgumentSpec]) -> Value {
        let mut room = MAX_ALL;
        let flattened = arguments.iter().find(|argument| is_flattened(argument)).map(privacy);
        let entries = sent.iter().take(64).map(|(name, value)| {
            let declared =
                arguments.iter().find(|argument| argument.name == name && !is_flattened(argument)).map(privacy);
            let value = match declared.or(flattened) {
                None => Value::from("[unknown]"),
                Some(Privacy::Secret) => Value::from("[secret]"),
                Some(Privacy::Pii) => Value::from(self.digest(value)),
                Some(Privacy::Plain) => bounded(value, &mut room),
            };
            (shown(name), value)
        });
        Value::Object(entries.collect())
    }

    /// A keyed digest (HMAC-SHA-256, RFC 2104, cut to 64 bits).
    fn digest(&self, value: &Value) -> String {
        let pad = |with: u8| {
            let mut block = [with; 64];
            block.iter_mut().zip(self.key).for_each(|(byte, key)| *byte ^= key);
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(value.to_string()).finalize();
        let outer = Sha256::new().chain_update(pad(0x5C)).chain_update(inner).finalize();
        let bits = outer[..8].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        format!("pii:{bits:016x}")
    }
}

fn privacy(argument: &ArgumentSpec) -> Privacy {
    argument.rules.iter().fold(Privacy::Plain, |privacy, rule| match rule {
        Rule::Secret => Privacy::Secret,
        Rule::Pii if privacy == Privacy::Plain => Privacy::Pii,
        _ => privacy,
    })
}

/// A value whose texts are cut, and which is left out where a record would outgrow its bound.
fn bounded(value: &Value, room: &mut usize) -> Value {
    let mut take = |bytes: usize| {
        let fits = bytes <= *room;
        *room = room.saturating_sub(bytes);
        fits
    };
    match value {
        Value::String(text) => {
            let cut = &text[..text.floor_char_boundary(MAX_TEXT)];
            if !take(cut.len()) {
                Value::from("[cut]")
            } else if cut.len() < text.len() {
                Value::from(format!("{}… ({} bytes)", visible(cut), text.len()))
            } else {
                Value::from(visible(text))
            }
        }
        Value::Array(values) => {
            if !take(values.len()) {
                return Value::from("[cut]");
            }
            values.iter().map(|value| bounded(value, room)).collect()
        }
        Value::Object(map) => {
            if !take(map.keys().map(String::len).sum()) {
                return Value::from("[cut]");
            }
            Value::Object(map.iter().map(|(name, value)| (visible(name).into_owned(), bounded(value, room))).collect())
        }
        other => other.clone(),
    }
}

/// A text in which nothing is hidden from who reads the record: what would be invisible is spelt out. Control characters
/// of ASCII are left to JSON, which escapes them.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| !c.is_ascii() && is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if !c.is_ascii() && is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::__private::arg;

    const ARGUMENTS: &[ArgumentSpec] = &[
        arg::<String>().spec("email", "", &[Rule::Pii]),
        arg::<String>().spec("password", "", &[Rule::Secret]),
        arg::<String>().spec("text", "", &[]),
    ];

    fn redact(redactor: &Redactor, sent: Value) -> Value {
        let Value::Object(sent) = sent else { panic!("an object") };
        redactor.redact(&sent, ARGUMENTS)
    }

    #[test]
    fn declarations_decide() {
        let redactor = Redactor::new([7; 32]);
        let sent =
            json!({"email": "carol@example.com", "password": "hunter2", "text": "hi", "emial": "dave@example.com"});
        let record = redact(&redactor, sent.clone());
        assert_eq!(record["text"], "hi");
        assert_eq!(record["password"], "[secret]");
        assert_eq!(record["emial"], "[unknown]");
        assert!(record["email"].as_str().unwrap().starts_with("pii:"));
        assert!(!record.to_string().contains("example.com"));
        assert_eq!(record, redact(&redactor, sent.clone()), "one person can be followed");
        assert_ne!(record["email"], redact(&Redactor::new([8; 32]), sent)["email"], "and not without the key");
    }

    #[test]
    fn a_wrong_type_is_redacted_all_the_same() {
        let record =
            redact(&Redactor::new([7; 32]), json!({"email": ["carol@example.com"], "password": {"a": "hunter2"}}));
        assert!(!record.to_string().contains("example.com") && !record.to_string().contains("hunter2"));
    }

    #[test]
    fn nothing_hides_in_a_record() {
        let record = redact(&Redactor::new([7; 32]), json!({"text": "a\u{202e}b\u{e0041}c"}));
        assert_eq!(record["text"], "a\\u{202e}b\\u{e0041}c");
    }

    #[test]
    fn a_record_has_a_bound() {
        let many: Vec<_> = (0..100_000).map(|_| "0123456789").collect();
        let record = redact(&Redactor::new([7; 32]), json!({"text": many}));
        assert!(record.to_string().len() < 2 * MAX_ALL, "{}", record.to_string().len());
        let record = redact(&Redactor::new([7; 32]), json!({"text": "é".repeat(5000)}));
        assert!(record["text"].as_str().unwrap().ends_with("(10000 bytes)"));
    }
}
