//! Tokens that start with a prefix of their own.

use super::{Found, is_glued, is_word, run, starts_with};

/// A kind of token, found by its prefix.
struct Kind {
    prefix: &'static [u8],
    /// How many characters follow.
    length: std::ops::RangeInclusive<usize>,
    of: fn(u8) -> bool,
    mask: &'static str,
}

/// Our own, and how long the id is behind it.
const OWN: &[u8] = b"mcpk_";
const ID: usize = 12;

const GITHUB: &str = "[masked: github token]";
const SLACK: &str = "[masked: slack token]";
const STRIPE: &str = "[masked: stripe key]";

const fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn dashed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

const fn kind(
    prefix: &'static [u8],
    length: std::ops::RangeInclusive<usize>,
    of: fn(u8) -> bool,
    mask: &'static str,
) -> Kind {
    Kind { prefix, length, of, mask }
}

const KINDS: &[Kind] = &[
    kind(OWN, 62..=62, is_word, "[masked: api key]"),
    kind(b"ghp_", 36..=255, alphanumeric, GITHUB),
    kind(b"gho_", 36..=255, alphanumeric, GITHUB),
    kind(b"ghu_", 36..=255, alphanumeric, GITHUB),
    kind(b"ghs_", 36..=255, alphanumeric, GITHUB),
    kind(b"ghr_", 36..=255, alphanumeric, GITHUB),
    kind(b"github_pat_", 60..=255, is_word, GITHUB),
    kind(b"xoxa-", 20..=255, dashed, SLACK),
    kind(b"xoxb-", 20..=255, dashed, SLACK),
    kind(b"xoxc-", 20..=255, dashed, SLACK),
    kind(b"xoxd-", 20..=255, dashed, SLACK),
    kind(b"xoxe-", 20..=255, dashed, SLACK),
    kind(b"xoxo-", 20..=255, dashed, SLACK),
    kind(b"xoxp-", 20..=255, dashed, SLACK),
    kind(b"xoxr-", 20..=255, dashed, SLACK),
    kind(b"xoxs-", 20..=255, dashed, SLACK),
    kind(b"xapp-", 20..=255, dashed, SLACK),
    kind(b"sk_live_", 16..=255, alphanumeric, STRIPE),
    kind(b"rk_live_", 16..=255, alphanumeric, STRIPE),
    kind(b"sk_test_", 16..=255, alphanumeric, STRIPE),
    kind(b"rk_test_", 16..=255, alphanumeric, STRIPE),
    kind(b"whsec_", 24..=255, alphanumeric, STRIPE),
];

/// The token that starts here. What is random has a digit; placeholders often have none.
pub(super) fn find(bytes: &[u8], start: usize) -> Option<Found> {
    if is_glued(bytes, start) {
        return None;
    }
    let kind = KINDS.iter().find(|kind| starts_with(bytes, start, kind.prefix))?;
    let rest = bytes.get(start + kind.prefix.len()..)?;
    let rest = rest.get(..*kind.length.end()).unwrap_or(rest);
    let token = rest.get(..run(rest, 0, kind.of))?;
    // A key of ours has its id first.
    let parted = kind.prefix != OWN || token.get(ID) == Some(&b'_');
    let secret = kind.length.contains(&token.len()) && parted && token.iter().any(u8::is_ascii_digit);
    let range = start..start + kind.prefix.len() + token.len();
    secret.then_some(Found { range, mask: kind.mask })
}
