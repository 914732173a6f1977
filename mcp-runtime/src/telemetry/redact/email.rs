//! E-mail addresses: a name, `@` or `%40`, and a domain with a point and a last label of letters.
//!
//! `user@localhost` and `package@1.2.3` are none; `git@github.com` is one. The name may be quoted, and name and domain may
//! hold letters of any script.

use super::patterns::Found;

/// The longest name before the sign, and the longest domain behind it, in bytes (RFC 5321, section 4.5.3.1).
const NAME: usize = 64;
const DOMAIN: usize = 255;

/// The address whose sign stands here.
pub(super) fn find(text: &str, from: usize, at: usize) -> Option<Found> {
    let sign = text.get(at..)?;
    let length = if sign.starts_with('@') {
        1
    } else if sign.starts_with("%40") {
        3
    } else {
        return None;
    };
    let start = name(text.get(from..at)?)?;
    let end = domain(sign.get(length..)?)?;
    Some(Found { range: from + start..at + length + end, mark: "[email]" })
}

/// Where the name at the end of a text starts.
fn name(before: &str) -> Option<usize> {
    if let Some(quoted) = before.strip_suffix('"') {
        let cut = quoted.ceil_char_boundary(quoted.len().saturating_sub(NAME));
        return quoted.get(cut..)?.rfind('"').map(|open| cut + open);
    }
    let letter = |c: char| c.is_alphanumeric() || "._%+-'~".contains(c);
    let cut = before.ceil_char_boundary(before.len().saturating_sub(NAME));
    let tail = before.get(cut..)?;
    let start =
        tail.rfind(|c| !letter(c)).map_or(0, |last| last + tail[last..].chars().next().map_or(1, char::len_utf8));
    let name = tail.get(start..)?.trim_start_matches(['.', '\'', '-']);
    (!name.is_empty()).then(|| before.len() - name.len())
}

/// Where the domain at the start of a text ends.
fn domain(behind: &str) -> Option<usize> {
    let window = behind.get(..behind.floor_char_boundary(DOMAIN))?;
    let end = window.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-')).unwrap_or(window.len());
    let domain = window.get(..end)?.trim_end_matches(['.', '-']);
    // What stands behind two points is another sentence.
    let domain = domain.split_once("..").map_or(domain, |(domain, _)| domain);
    let (_, last) = domain.rsplit_once('.')?;
    let is_one = !domain.starts_with(['.', '-']) && last.chars().count() >= 2 && last.chars().any(char::is_alphabetic);
    is_one.then_some(domain.len())
}
