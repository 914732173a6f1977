//! Credentials that slipped into an output.
//!
//! What has the form of a key is masked, whoever it belongs to, and counted; `[tools.NAME] unmasked = true` lets one tool
//! send such texts. This catches leaks, not smuggling: a key that is encoded, split or spelt in another way is not found.
//!
//! | mask | found by |
//! | --- | --- |
//! | `[masked: api key]` | this server's own keys, [`KEY_PATTERN`](crate::auth::KEY_PATTERN) |
//! | `[masked: aws key]` | access key ids `AKIA…`, `ASIA…`; 40 characters of a secret behind such an id or behind `secret … key` |
//! | `[masked: github token]` | `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_` |
//! | `[masked: slack token]` | `xoxb-` and its like, `xapp-` |
//! | `[masked: stripe key]` | `sk_`, `rk_` with `live_` or `test_`, `whsec_` |
//! | `[masked: jwt]` | three parts or more, the first of which is a header with `alg` |
//! | `[masked: private key]` | a PEM block of a private key, cut ones too |
//! | `[masked: card number]` | see [`card`](self::card) |

mod aws;
mod card;
mod jwt;
mod pem;
mod scan;
#[cfg(test)]
mod tests;
mod token;

use std::borrow::Cow;
use std::ops::Range;

use self::scan::Places;
use super::edits::Edits;

/// Something that is masked.
struct Found {
    range: Range<usize>,
    mask: &'static str,
}

/// Masks all that is found; says how much. `aws_secret`: the text is the value of something that is called so.
pub(super) fn mask(text: &str, aws_secret: bool) -> (Cow<'_, str>, usize) {
    mask_those(text, aws_secret, |_| true)
}

/// The text with what is `wanted` masked; that is asked whether what was found is the number of a card.
pub(crate) fn mask_secrets(text: &str, wanted: impl Fn(bool) -> bool) -> Cow<'_, str> {
    mask_those(text, false, wanted).0
}

fn mask_those(text: &str, aws_secret: bool, wanted: impl Fn(bool) -> bool) -> (Cow<'_, str>, usize) {
    let mut edits = Edits::default();
    if aws_secret && let Some(found) = aws::secret(text.as_bytes(), 0) {
        edits.replace(found.range, found.mask);
    }
    let mut pem = pem::Search::default();
    let bytes = text.as_bytes();
    let mut places = Places::of(bytes);
    let mut at = 0;
    while let Some(hit) = places.next(at) {
        at = match find(text, hit, &mut pem) {
            Step::Found(found) if !wanted(found.mask == card::MASK) => found.range.end.max(hit + 1),
            Step::Found(found) => {
                let end = found.range.end;
                if found.mask == aws::MASK
                    && let Some(secret) = aws::secret(bytes, end)
                {
                    edits.replace(secret.range, secret.mask);
                }
                edits.replace(found.range, found.mask);
                end.max(hit + 1)
            }
            Step::On(end) => end.max(hit + 1),
        };
    }
    let count = edits.len();
    (edits.apply(text), count)
}

/// What a place in a text is.
enum Step {
    Found(Found),
    /// Nothing, up to here.
    On(usize),
}

impl Step {
    fn of(found: Option<Found>, at: usize) -> Self {
        found.map_or(Self::On(at + 1), Self::Found)
    }
}

/// What stands where the scan stopped.
fn find(text: &str, at: usize, pem: &mut pem::Search) -> Step {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(b'0'..=b'9') => card::find(bytes, at),
        Some(b'A') => Step::of(aws::key(bytes, at), at),
        Some(b'e' | b'E') if bytes.get(at + 1) == Some(&b'y') => jwt::find(bytes, at),
        Some(b'e' | b'E') => Step::of(aws::named(bytes, at), at),
        Some(b'-') => Step::of(pem.find(text, at), at),
        _ => Step::of(token::find(bytes, at), at),
    }
}

/// Whether these are the first letters of an access key id of AWS.
pub(super) fn begins_key_id(letters: &[u8]) -> bool {
    letters == b"AKIA" || letters == b"ASIA"
}

/// Whether the name of a field says that its value is the secret part of an AWS key.
pub(super) fn is_aws_secret(name: &str) -> bool {
    ["secretaccesskey", "awssecretkey", "awssecret"].iter().any(|end| {
        let mut letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        end.bytes().rev().all(|byte| letters.next() == Some(byte))
    })
}

/// How many bytes from here are of a kind.
fn run(bytes: &[u8], at: usize, of: impl Fn(u8) -> bool) -> usize {
    bytes.get(at..).unwrap_or_default().iter().take_while(|&&byte| of(byte)).count()
}

fn starts_with(bytes: &[u8], at: usize, prefix: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(prefix))
}

/// Whether the byte before, if there is one, is of a kind.
fn before(bytes: &[u8], at: usize, of: impl Fn(u8) -> bool) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|&byte| of(byte))
}

/// Whether a letter or a digit before makes this the middle of something longer. The letter of an escape (`\n`) and the
/// digits of an encoded byte (`%3D`) do not.
fn is_glued(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(3)..at).unwrap_or_default();
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => false,
        [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => false,
        _ => before.last().is_some_and(u8::is_ascii_alphanumeric),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
