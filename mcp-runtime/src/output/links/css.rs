//! What CSS loads.

use std::borrow::Cow;
use std::ops::Range;

use super::references::decoded;
use super::{Links, keeps};

/// Where in this style sheet, or list of declarations, addresses stand that may not load.
///
/// Functions and rules are told by their names. Where anything is written in another way (with escapes, or with
/// references of HTML), the sheet is read as it is meant too, and goes as a whole.
pub(super) fn loads(css: &str, links: &Links, mut found: impl FnMut(Range<usize>)) {
    let meant = unescaped(decoded(css));
    let mut disguised = false;
    if meant != css {
        scan(&meant, links, |_| disguised = true);
    }
    if disguised { found(0..css.len()) } else { scan(css, links, found) }
}

fn scan(css: &str, links: &Links, mut found: impl FnMut(Range<usize>)) {
    let bytes = css.as_bytes();
    let mut at = 0;
    let mut strings = false;
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'(', b'@', rest)).map(|next| at + next) {
        at = next + 1;
        let imports = bytes.get(next) == Some(&b'@');
        let name = if imports { name_from(css, at) } else { name_before(css, next) };
        if imports {
            at += name.len();
        }
        // In SVG a comment may part a name.
        let parted = if imports {
            bytes.get(at) == Some(&b'<')
        } else {
            next.checked_sub(name.len() + 1).and_then(|before| bytes.get(before)) == Some(&b'>')
        };
        match what_loads(name, imports) {
            Loads::Address => {}
            Loads::Strings => {
                strings = true;
                continue;
            }
            Loads::Nothing if parted && !imports => {}
            Loads::Nothing => {
                strings |= parted;
                continue;
            }
        }
        let target = argument(css, at);
        at = target.end.max(at);
        if css.get(target.clone()).is_some_and(|address| !keeps(links, address)) {
            found(target);
        }
    }
    if strings {
        quoted(css, links, found);
    }
}

enum Loads {
    Nothing,
    /// The one address that follows.
    Address,
    /// What follows, or a variable in it stands for, in quotes.
    Strings,
}

fn what_loads(name: &str, imports: bool) -> Loads {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let (address, strings): (&[&str], &[&str]) = if imports {
        (&["namespace"], &["import"])
    } else {
        (&["url", "url-prefix"], &["src", "image", "image-set", "-webkit-image-set"])
    };
    if address.iter().any(|known| is(known)) {
        Loads::Address
    } else if strings.iter().any(|known| is(known)) {
        Loads::Strings
    } else {
        Loads::Nothing
    }
}

/// The address that follows: without quotes, up to what ends it.
fn argument(css: &str, at: usize) -> Range<usize> {
    let rest = css.as_bytes().get(at..).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || b"\"'".contains(byte)).count();
    let rest = rest.get(skipped..).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"')".contains(byte);
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    at + skipped..at + skipped + length
}

/// Judges what stands between any two quotes, since which of them are a pair depends on what is a comment. A word that
/// names no scheme and no host is left alone.
fn quoted(css: &str, links: &Links, mut found: impl FnMut(Range<usize>)) {
    let mut start = 0;
    for piece in css.split(['"', '\'']) {
        let word = piece.split_whitespace().next().unwrap_or_default();
        let scheme = word.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
        let rest = word.get(scheme..).unwrap_or_default();
        let named = scheme > 0 && rest.len() > 1 && rest.starts_with(':');
        let slashes = ["//", "\\\\", "/\\", "\\/"].iter().any(|slashes| word.contains(slashes));
        if start > 0 && (named || slashes) && !keeps(links, word) {
            found(start..start + piece.len());
        }
        start += piece.len() + 1;
    }
}

/// The text without escapes: `\75 rl` is `url`.
fn unescaped(css: Cow<'_, str>) -> Cow<'_, str> {
    if !css.contains('\\') {
        return css;
    }
    let mut unescaped = String::with_capacity(css.len());
    let mut rest = &*css;
    while let Some((before, escaped)) = rest.split_once('\\') {
        unescaped.push_str(before);
        let digits = escaped.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        let (digits, behind) = escaped.split_at(digits);
        let code = u32::from_str_radix(digits, 16).ok();
        unescaped.extend(code.and_then(char::from_u32));
        // A space ends the digits; a line feed goes with its backslash; any other character is meant as it stands.
        rest = behind.strip_prefix(|c: char| c.is_ascii_whitespace()).unwrap_or(behind);
        if code.is_none()
            && let Some(c) = rest.chars().next().filter(|_| rest.len() == behind.len())
        {
            unescaped.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    unescaped.push_str(rest);
    Cow::Owned(unescaped)
}

const fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The longest name that is looked at; longer ones are none that loads.
const LONGEST: usize = 32;

fn name_before(css: &str, at: usize) -> &str {
    let before = css.as_bytes().get(..at).unwrap_or_default();
    let length = before.iter().rev().take(LONGEST).take_while(|byte| is_in_name(**byte)).count();
    css.get(at - length..at).unwrap_or_default()
}

fn name_from(css: &str, at: usize) -> &str {
    let rest = css.as_bytes().get(at..).unwrap_or_default();
    let length = rest.iter().take(LONGEST).take_while(|byte| is_in_name(**byte)).count();
    css.get(at..at + length).unwrap_or_default()
}
