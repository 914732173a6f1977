//! Telephone numbers.
//!
//! A number is one in these forms, where groups of digits are parted by one space, hyphen, point or slash each:
//!
//! | form | digits | as in |
//! | --- | --- | --- |
//! | `+` and a country code | 8 to 15 | `+49 30 1234567`, `+14155550100` |
//! | `00` and a country code | 8 to 13 in groups, 12 or 13 without | `0049 30 1234567` |
//! | an area code in brackets | 8 to 12 | `(555) 123-4567`, `(030) 1234567` |
//! | groups of 3, 3 and 4, also behind a 1 | 10 or 11 | `555-123-4567`, `1-415-555-0100` |
//! | groups, the first of which begins with one 0 | 9 to 12 | `030 1234567`, `01 23 45 67 89`, `020 7946 0958` |
//! | behind `tel:` | 7 to 15 | `tel:5550100` |
//!
//! Digits without a sign or groups are no number, and neither are seven of them, dates, and parts of something longer:
//! identifiers, amounts and times look just like that.

use super::patterns::{Found, is_glued, is_word, run};

/// More groups than any number has.
const GROUPS: usize = 8;

/// The most digits that a number has (ITU-T E.164).
const DIGITS: usize = 15;

/// Groups of digits.
#[derive(Debug, Default)]
struct Read {
    lengths: [usize; GROUPS],
    groups: usize,
    digits: usize,
    /// The first group stands in brackets.
    bracket: bool,
    end: usize,
}

/// The number that starts here, with `+`, a bracket or its first digit.
pub(super) fn find(bytes: &[u8], at: usize) -> Option<Found> {
    if is_glued(bytes, at) || is_behind(bytes, at) {
        return None;
    }
    let plus = bytes.get(at) == Some(&b'+');
    let start = if plus { at + 1 } else { at };
    let read = read(bytes, start)?;
    let first = bytes.get(start..start + 3).unwrap_or_default();
    let is_one = if plus {
        (8..=DIGITS).contains(&read.digits) && (read.bracket || matches!(first, [b'1'..=b'9', ..]))
    } else if tel(bytes, at) {
        (7..=DIGITS).contains(&read.digits)
    } else {
        abroad(&read, first) || bracketed(&read) || american(bytes, at, &read) || national(&read, first)
    };
    is_one.then_some(Found { range: at..read.end, mark: "[phone]" })
}

/// Whether the digits here go on with what stands before them.
fn is_behind(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at.saturating_sub(2)..at).unwrap_or_default() {
        [before, b'-' | b'.' | b'/' | b':' | b','] => before.is_ascii_digit() || *before == b'v',
        [_, b'+' | b'#' | b'$'] | [b'+' | b'#' | b'$'] => true,
        [before, b' '] => before.is_ascii_digit(),
        _ => false,
    }
}

fn tel(bytes: &[u8], at: usize) -> bool {
    bytes.get(..at).is_some_and(|before| before.len() >= 4 && before[before.len() - 4..].eq_ignore_ascii_case(b"tel:"))
}

/// Reads groups as long as they go; `None` for what cannot be a number.
fn read(bytes: &[u8], start: usize) -> Option<Read> {
    let mut read = Read { end: start, ..Read::default() };
    let mut at = start;
    loop {
        let open = bytes.get(at) == Some(&b'(');
        let from = if open { at + 1 } else { at };
        let length = run(bytes.get(..bytes.len().min(from + DIGITS + 1))?, from, |byte| byte.is_ascii_digit());
        let closed = bytes.get(from + length) == Some(&b')');
        if length == 0 || (open && !closed) || read.digits + length > DIGITS || read.groups == GROUPS {
            break;
        }
        if open && read.groups == 0 {
            read.bracket = true;
        }
        read.lengths[read.groups] = length;
        read.groups += 1;
        read.digits += length;
        read.end = from + length + usize::from(open);
        at = read.end + separator(bytes, read.end);
        if at == read.end && bytes.get(at) != Some(&b'(') && !open {
            break;
        }
    }
    // What goes on is something longer.
    let rest = bytes.get(read.end..).unwrap_or_default();
    let longer = match rest {
        [byte, ..] if is_word(*byte) => true,
        [b'-' | b'.' | b':' | b',' | b'/' | b' ', next, ..] => next.is_ascii_digit(),
        _ => false,
    };
    (!longer && read.groups > 0).then_some(read)
}

/// The length of the separator here: one space (also one that does not break), hyphen (also one that does not break),
/// point or slash, and a space before a bracket.
fn separator(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).unwrap_or_default() {
        [b' ' | b'-' | b'.' | b'/', ..] => 1,
        [0xC2, 0xA0, ..] => 2,
        [0xE2, 0x80, 0x91 | 0xAF, ..] => 3,
        _ => 0,
    }
}

fn abroad(read: &Read, first: &[u8]) -> bool {
    let code = matches!(first, [b'0', b'0', b'1'..=b'9']) || (first.starts_with(b"00") && read.lengths[0] == 2);
    let digits = read.digits.saturating_sub(2);
    code && !read.bracket && if read.groups > 1 { digits >= 8 } else { (12..=13).contains(&digits) }
}

fn bracketed(read: &Read) -> bool {
    read.bracket
        && (2..=5).contains(&read.lengths[0])
        && (2..=4).contains(&read.groups)
        && (8..=12).contains(&read.digits)
}

fn american(bytes: &[u8], at: usize, read: &Read) -> bool {
    let (skip, area) = match &read.lengths[..read.groups] {
        [3, 3, 4] => (0, at),
        [1, 3, 3, 4] if bytes.get(at) == Some(&b'1') => (1, at + 2),
        _ => return false,
    };
    let separators = [area + 3, area + 7].map(|at| bytes.get(at).copied());
    let same = separators[0] == separators[1] && (skip == 0 || bytes.get(at + 1).copied() == separators[0]);
    let digit = |at: usize| bytes.get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
    // Three numbers in a row are as likely amounts.
    !read.bracket && same && digit(area) && (separators[0] != Some(b' ') || digit(area + 4))
}

fn national(read: &Read, first: &[u8]) -> bool {
    let lengths = &read.lengths[..read.groups];
    let date = matches!(lengths, [2, 2, 4, ..] | [2, 2, 2, 2]);
    !read.bracket
        && !date
        && matches!(first, [b'0', b'1'..=b'9', ..])
        && (2..=5).contains(&read.lengths[0])
        && read.groups > 1
        && (9..=12).contains(&read.digits)
}
