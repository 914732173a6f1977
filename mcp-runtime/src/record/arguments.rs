//! What a record holds of the arguments: their redacted text, and a digest of them all.

use std::fmt::{self, Display};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Arguments as JSON text, redacted. It is written once, as text, since every sink wants it as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted(Option<String>);

impl Redacted {
    /// `json` is one whole value.
    pub(crate) fn new(json: String) -> Self {
        Self(Some(json))
    }

    /// The text: a JSON object, or `null` for a request without arguments.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }

    /// Whether there are none: the request has no arguments, or was refused before they were read.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// As the JSON that it is.
impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(self.as_str()) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(self.as_str()),
        }
    }
}

/// A keyed digest (HMAC-SHA-256, RFC 2104, cut to 128 bits): whoever has no key can neither read it nor guess at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) [u8; 16]);

impl Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
