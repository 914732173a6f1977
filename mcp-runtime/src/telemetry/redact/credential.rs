//! Credentials that are told by what stands before them, or that only records mask:
//!
//! - behind `Bearer` and `Basic`, 12 characters or more,
//! - the password in a URL, `scheme://user:password@host`,
//! - values of names that end with `password`, `passwd`, `pwd`, `passphrase`, `secret`, `token`, `api key`,
//!   `access key`, `private key` or `authorization`, behind `=`, or behind `:` where the value is no plain word,
//! - `sk-…`, `AIza…`, `glpat-…`, `npm_…`, `hf_…`.
//!
//! Those with a form of their own are the ones that answers are masked by, see `output::secrets`.

use super::patterns::{Found, is_glued, is_word, run, run_back};

pub(super) const PASSWORD: &str = "[masked: password]";
const TOKEN: &str = "[masked: token]";
const KEY: &str = "[masked: api key]";

/// The longest token behind a prefix of its own.
const LONGEST: usize = 512;

/// The longest user information of a URL.
const USER: usize = 256;

/// Ends of names, without what parts their words.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
];

/// Whether what is called so is a credential, whatever it looks like: for the names of fields. Names of more than 32
/// letters and digits go by their end.
pub(super) fn is_name(name: &str) -> bool {
    let mut folded = [0; 32];
    let mut start = folded.len();
    for byte in name.bytes().rev().filter(u8::is_ascii_alphanumeric) {
        let Some(next) = start.checked_sub(1) else { break };
        folded[next] = byte.to_ascii_lowercase();
        start = next;
    }
    NAMES.iter().any(|name| folded[start..].ends_with(name.as_bytes()))
}

/// Tokens with a prefix: where it stops, how many characters follow at least.
const PREFIXES: &[(&[u8], usize)] = &[(b"sk-", 20), (b"glpat-", 20), (b"npm_", 36), (b"hf_", 30), (b"AIza", 35)];

/// What the byte here belongs to or announces.
pub(super) fn behind(text: &str, from: usize, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    match bytes.get(at)? {
        b'b' | b'B' => scheme(bytes, at),
        b':' if bytes.get(at + 1..at + 3) == Some(b"//") => url(bytes, at + 3),
        b':' | b'=' => named(bytes, from, at),
        b'-' | b'_' => prefixed(bytes, from, at + 1),
        b'I' => prefixed(bytes, from, at + 3),
        _ => None,
    }
}

fn scheme(bytes: &[u8], at: usize) -> Option<Found> {
    if is_glued(bytes, at) {
        return None;
    }
    let length = [&b"bearer "[..], b"basic "].into_iter().find_map(|word| {
        let found = bytes.get(at..at + word.len())?;
        found.eq_ignore_ascii_case(word).then_some(word.len())
    })?;
    let start = at + length;
    let token = run(bytes, start, |byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    let random = bytes.get(start..start + token)?.iter().any(|byte| byte.is_ascii_digit() || b"=/+".contains(byte));
    (token >= 12 && random).then_some(Found { range: start..start + token, mark: TOKEN })
}

/// The password before the host.
fn url(bytes: &[u8], start: usize) -> Option<Found> {
    let window = bytes.get(..bytes.len().min(start + USER))?;
    let end = start + run(window, start, |byte| !byte.is_ascii_whitespace() && !b"/?#\"'<>@".contains(&byte));
    if window.get(end) != Some(&b'@') {
        return None;
    }
    let colon = start + run(window, start, |byte| byte != b':');
    (colon + 1 < end).then_some(Found { range: colon + 1..end, mark: PASSWORD })
}

/// The value of a name, behind `=` or `:`.
fn named(bytes: &[u8], from: usize, at: usize) -> Option<Found> {
    let quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'\\');
    let end = at - run_back(bytes, from, at, |byte| byte == b' ' || quote(byte)).min(4);
    let start = end - run_back(bytes, from.max(end.saturating_sub(32)), end, |byte| is_word(byte) || byte == b'-');
    let mut folded = [0; 32];
    let mut length = 0;
    for byte in bytes.get(start..end)?.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        folded[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    if !NAMES.iter().any(|name| folded[..length].ends_with(name.as_bytes())) {
        return None;
    }
    let open = at + 1 + run(bytes, at + 1, |byte| byte == b' ').min(2);
    let marks = run(bytes, open, quote).min(2);
    let value = open + marks;
    // A mask is no value.
    if bytes.get(value) == Some(&b'[') {
        return None;
    }
    let length = if marks > 0 {
        run(bytes, value, |byte| !quote(byte) && byte != b'\n')
    } else {
        run(bytes, value, |byte| !byte.is_ascii_whitespace() && !b",;&\"')]}<>".contains(&byte))
    };
    let text = bytes.get(value..value + length)?;
    // `token: expired` is prose, and `authorization: Bearer …` is dealt with at that word.
    let plain = bytes.get(at) == Some(&b':') && marks == 0 && text.iter().all(u8::is_ascii_alphabetic);
    if length < 3 || plain || [&b"Bearer"[..], b"Basic"].contains(&text) {
        return None;
    }
    // Both ends stand beside ASCII, so they are ends of characters.
    Some(Found { range: value..value + length, mark: PASSWORD })
}

/// A token whose prefix ends here.
fn prefixed(bytes: &[u8], from: usize, end: usize) -> Option<Found> {
    let (prefix, least) =
        PREFIXES.iter().find(|(prefix, _)| bytes.get(..end).is_some_and(|text| text.ends_with(prefix)))?;
    let start = end - prefix.len();
    let dashed = start.checked_sub(1).is_some_and(|before| bytes.get(before) == Some(&b'-'));
    if start < from || dashed || is_glued(bytes, start) {
        return None;
    }
    let window = bytes.get(..bytes.len().min(end + LONGEST))?;
    let length = run(window, end, |byte| is_word(byte) || byte == b'-');
    let random = bytes.get(end..end + length)?.iter().any(u8::is_ascii_digit);
    (length >= *least && random).then_some(Found { range: start..end + length, mark: KEY })
}
