//! API keys as text: `mcpk_<id>_<secret>`.
//!
//! The id is public: it stands in records and lists. The secret is 256 bits, and ends in a checksum over everything
//! before it, so that a scanner can tell a leaked key from noise, and a mistyped one is refused without a look-up.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The regular expression of a key, for secret scanners and for redaction.
///
/// The last six characters are the CRC-32 (IEEE) of all the characters before them, in base 62 with the digits
/// `0-9A-Za-z`, padded with `0`: a match whose checksum differs is no key.
pub const KEY_PATTERN: &str = r"\bmcpk_[2-9a-km-np-z]{12}_[0-9A-Za-z]{49}\b";

const PREFIX: &str = "mcpk_";
/// 60 bits.
const ID_CHARS: usize = 12;
/// 62^43 is more than 2^256.
const SECRET_CHARS: usize = 43;
/// 62^6 is more than 2^32.
const CHECKSUM_CHARS: usize = 6;
const SECRET_START: usize = PREFIX.len() + ID_CHARS + 1;
const CHECKSUM_START: usize = SECRET_START + SECRET_CHARS;
const KEY_CHARS: usize = CHECKSUM_START + CHECKSUM_CHARS;

/// Lower case without `l` and `o`, `0` and `1`: ids are read aloud and typed.
const BASE32: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Keeps this hash apart from any other of the same text. Together with the secret it fits into one block of SHA-256.
const DOMAIN: &[u8] = b"mcpk-secret:";

/// An API key with its secret. It is shown once, when it is issued, and never stored.
pub struct ApiKey {
    text: String,
}

impl ApiKey {
    /// A new key from the operating system's random source.
    ///
    /// # Errors
    /// The random source failed.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut text = String::with_capacity(KEY_CHARS);
        text.push_str(PREFIX);
        push_random(&mut text, BASE32, ID_CHARS)?;
        text.push('_');
        push_random(&mut text, BASE62, SECRET_CHARS)?;
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.map(char::from));
        Ok(Self { text })
    }

    /// Reads a key, strictly: lengths, alphabets and checksum.
    ///
    /// # Errors
    /// The text is no key.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        KeyText::parse(text).map(|_| Self { text: text.to_owned() })
    }

    /// The id of the key, which is no secret.
    pub fn id(&self) -> &str {
        self.key_text().id
    }

    /// What a store keeps in place of the secret.
    pub fn hash(&self) -> KeyHash {
        self.key_text().hash()
    }

    /// The whole key, secret included: for the one who asked for it, once. Never for a log.
    pub fn expose(&self) -> &str {
        &self.text
    }

    fn key_text(&self) -> KeyText<'_> {
        KeyText::split(&self.text)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// A text that is no API key. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// It does not look like `mcpk_<id>_<secret>`.
    #[error("this is no key: a key reads mcpk_<id>_<secret>")]
    Form,
    /// It looks like a key, but its checksum does not match.
    #[error("the key's checksum does not match: it was cut or mistyped")]
    Checksum,
}

/// Whether a credential means to be a key, whole or not: it is judged as one then, and as nothing else.
#[cfg(feature = "jwt")]
pub(super) fn looks_like_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// A key as it stands in a request, checked but not copied.
#[derive(Clone, Copy)]
pub(super) struct KeyText<'a> {
    pub(super) id: &'a str,
    secret: &'a str,
}

impl<'a> KeyText<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidKey> {
        if text.len() != KEY_CHARS || !text.is_ascii() || !text.starts_with(PREFIX) {
            return Err(InvalidKey::Form);
        }
        let key = Self::split(text);
        // To the end in any case, many bytes at a time.
        let all = |text: &str, known: fn(u8) -> bool| text.bytes().fold(true, |all, b| all & known(b));
        let well_formed = all(key.id, is_base32)
            && text.as_bytes().get(SECRET_START - 1) == Some(&b'_')
            && all(&text[SECRET_START..], |b| b.is_ascii_alphanumeric());
        if !well_formed {
            return Err(InvalidKey::Form);
        }
        let (signed, found) = text.as_bytes().split_at(CHECKSUM_START);
        if checksum(signed) == found { Ok(key) } else { Err(InvalidKey::Checksum) }
    }

    /// The parts of a text that is known to be ASCII of the right length.
    fn split(text: &'a str) -> Self {
        Self {
            id: text.get(PREFIX.len()..SECRET_START - 1).unwrap_or_default(),
            secret: text.get(SECRET_START..CHECKSUM_START).unwrap_or_default(),
        }
    }

    pub(super) fn hash(self) -> KeyHash {
        KeyHash(Sha256::new().chain_update(DOMAIN).chain_update(self.secret).finalize().into())
    }
}

/// SHA-256 over a key's secret, under a domain of its own. The secret has 256 random bits, so a slow hash would add
/// nothing. Comparison takes the same time wherever the hashes differ.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// A hash as a store kept it.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What is compared: byte by byte it would take eight times as long.
    fn words(&self) -> impl Iterator<Item = u64> {
        self.0.as_chunks::<8>().0.iter().copied().map(u64::from_ne_bytes)
    }

    /// The hash for a store to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        let words = self.words().zip(other.words());
        words.fold(Choice::from(1), |same, (one, other)| same & one.ct_eq(&other)).into()
    }
}

impl Eq for KeyHash {}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

fn checksum(signed: &[u8]) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(signed) as usize;
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % BASE62.len()];
        rest /= BASE62.len();
    }
    digits
}

/// Whether [`BASE32`] holds the character.
const fn is_base32(character: u8) -> bool {
    matches!(character, b'2'..=b'9' | b'a'..=b'k' | b'm' | b'n' | b'p'..=b'z')
}

/// Adds characters that are all equally likely: bytes beyond the last multiple of the alphabet's length are thrown
/// away.
fn push_random(text: &mut String, alphabet: &[u8], count: usize) -> Result<(), getrandom::Error> {
    let limit = 256 - 256 % alphabet.len();
    let end = text.len() + count;
    let mut bytes = [0; 64];
    while text.len() < end {
        getrandom::fill(&mut bytes)?;
        let usable = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < limit);
        let missing = end - text.len();
        text.extend(usable.take(missing).map(|b| char::from(alphabet[b % alphabet.len()])));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A well-formed key with this id and another secret.
    pub(in crate::auth) fn with_id(id: &str) -> ApiKey {
        let mut text = format!("{PREFIX}{id}_");
        push_random(&mut text, BASE62, SECRET_CHARS).unwrap();
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.map(char::from));
        ApiKey::parse(&text).unwrap()
    }

    #[test]
    fn a_key_reads_back() {
        let key = ApiKey::generate().unwrap();
        let text = key.expose();
        assert_eq!(text.len(), 67);
        assert_eq!(text.split('_').map(str::len).collect::<Vec<_>>(), [4, 12, 49]);
        let read = ApiKey::parse(text).unwrap();
        assert_eq!((read.id(), read.hash()), (key.id(), key.hash()));
        assert_eq!(text.split('_').nth(1), Some(key.id()));
    }

    #[test]
    fn the_form_is_stable() {
        // A key of another release must go on working: this text and this hash never change.
        let key = ApiKey::parse("mcpk_23456789abcd_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3g1bDc").unwrap();
        let hash = key.hash().as_bytes().iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
        assert_eq!(hash, "b987ac51c07497c16737ba7f48d3c1cce03e6c217fc64f5327dbac5f65fd7571");
    }

    #[test]
    fn the_alphabet_of_ids_is_what_it_says() {
        for character in 0..=u8::MAX {
            assert_eq!(is_base32(character), BASE32.contains(&character), "{character}");
        }
    }

    #[test]
    fn keys_differ() {
        let (one, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        assert_ne!(one.id(), other.id());
        assert_ne!(one.hash(), other.hash());
        let hash = *one.hash().as_bytes();
        assert_eq!(KeyHash::from_bytes(hash), one.hash());
        for bit in 0..256 {
            let mut other = hash;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(KeyHash::from_bytes(other), one.hash(), "bit {bit}");
        }
    }

    #[test]
    fn one_wrong_character_anywhere_is_refused() {
        let key = ApiKey::generate().unwrap();
        let text = key.expose();
        for at in 0..text.len() {
            for wrong in ["a", "Z", "7", "_", "-", "é", ""] {
                if &text[at..=at] != wrong {
                    let tampered = format!("{}{wrong}{}", &text[..at], &text[at + 1..]);
                    assert!(ApiKey::parse(&tampered).is_err(), "{tampered}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = ApiKey::generate().unwrap();
        let text = key.expose();
        for wrong in
            ["", "mcpk_", "mcpk__", "x", &text[..66], &format!("{text}a"), &text.to_uppercase(), &format!(" {text}")]
        {
            assert!(ApiKey::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ApiKey::parse(&"é".repeat(33)).unwrap_err(), InvalidKey::Form);
    }

    #[test]
    fn debug_hides_the_secret() {
        let key = ApiKey::generate().unwrap();
        let shown = format!("{key:?} {:?}", key.hash());
        assert!(shown.contains(key.id()));
        assert!(!shown.contains(&key.expose()[SECRET_START..SECRET_START + 8]), "{shown}");
    }
}
