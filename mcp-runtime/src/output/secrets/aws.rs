//! Keys of AWS: ids, which have a form, and secrets, which are told by what stands before them.

use super::{Found, is_glued, run};

pub(super) const MASK: &str = "[masked: aws key]";

/// `AKIA` and 16 characters.
const ID: usize = 20;

/// The secret part.
const SECRET: usize = 40;

/// How far behind an id or a name its secret starts at the most.
const NEAR: usize = 40;

const fn in_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn in_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+')
}

/// The id that starts here.
pub(super) fn key(bytes: &[u8], at: usize) -> Option<Found> {
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_key = !is_glued(bytes, at) && run(bytes, at, upper) == ID && run(bytes, at, in_id) == ID;
    is_key.then_some(Found { range: at..at + ID, mask: MASK })
}

/// The secret behind a name: `at` is within the word `secret`, and `key` follows.
pub(super) fn named(bytes: &[u8], at: usize) -> Option<Found> {
    let start = at.checked_sub(1)?;
    let window = bytes.get(start..)?;
    let window = window.get(..24).unwrap_or(window);
    if !window.get(..6)?.eq_ignore_ascii_case(b"secret") {
        return None;
    }
    let key = window.windows(3).position(|three| three.eq_ignore_ascii_case(b"key"))?;
    secret(bytes, start + key + 3)
}

/// The first word of 40 characters, if it is near: mixed case and a digit, as what is random has them.
pub(super) fn secret(bytes: &[u8], from: usize) -> Option<Found> {
    let mut at = from;
    while at <= from + NEAR {
        let length = run(bytes.get(..(at + SECRET + 1).min(bytes.len()))?, at, in_secret);
        let word = bytes.get(at..at + length)?;
        let random = word.iter().any(u8::is_ascii_digit)
            && word.iter().any(u8::is_ascii_uppercase)
            && word.iter().any(u8::is_ascii_lowercase);
        if length == SECRET && random && bytes.get(at + length) != Some(&b'=') {
            return Some(Found { range: at..at + length, mask: MASK });
        }
        if at + length >= bytes.len() {
            return None;
        }
        at += length + 1;
    }
    None
}
