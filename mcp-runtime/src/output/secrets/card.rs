//! Numbers of payment cards.
//!
//! A number is one if its issuer uses that prefix and that length and its check digit is right (ISO/IEC 7812-1, Luhn).
//! One identifier in forty of 16 digits meets all that by chance, so more is asked:
//!
//! - it has 14 to 16 digits, or 19 in groups; Visa's old 13 would take times in milliseconds and product codes,
//! - it stands alone or in the groups that are printed on cards, parted by one space or hyphen each,
//! - it is no part of an IBAN in print,
//! - no letter, digit, underscore, point or slash touches it: parts of UUIDs, of paths, of decimal fractions and of
//!   longer identifiers are none.
//!
//! Numbers of JSON are not looked at, since a mask is no number.

use super::{Found, Step, before, is_glued, run};

pub(super) const MASK: &str = "[masked: card number]";

/// The printed groups.
const GROUPS: &[&[usize]] = &[&[16], &[15], &[14], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

/// The number that starts here, with its first digit.
pub(super) fn find(bytes: &[u8], at: usize) -> Step {
    let digit = |byte: u8| byte.is_ascii_digit();
    let first = run(bytes, at, digit);
    let next = Step::On(at + first);
    // A number cannot start in the middle of another one.
    let touches = |byte: u8| matches!(byte, b'_' | b'.' | b'/' | b'+' | b'%' | b'#');
    if before(bytes, at, touches) || is_glued(bytes, at) || is_group_behind(bytes, at) || is_in_iban(bytes, at) {
        return next;
    }
    let found = GROUPS.iter().filter(|groups| groups.first() == Some(&first)).find_map(|groups| {
        let end = matches(bytes, at, groups)?;
        is_card(bytes.get(at..end)?).then_some(end)
    });
    match found {
        Some(end) => Step::Found(Found { range: at..end, mask: MASK }),
        None => next,
    }
}

/// Whether another group of digits stands before, so that this one is not the first.
fn is_group_behind(bytes: &[u8], at: usize) -> bool {
    let separated = before(bytes, at, |byte| matches!(byte, b'-'));
    separated && at >= 2 && before(bytes, at - 1, |byte| byte.is_ascii_alphanumeric())
}

/// Whether the groups of four that stand before begin as an IBAN does in print: `DE05 4702 2115 …`.
fn is_in_iban(bytes: &[u8], at: usize) -> bool {
    /// An IBAN has 34 characters at the most.
    const GROUPS_BEFORE: usize = 8;
    let head = bytes.get(..at).unwrap_or_default();
    let groups =
        head.rchunks(5).take(GROUPS_BEFORE).take_while(|group| matches!(group, [.., b' '] if group.len() == 5));
    let mut end = at;
    for group in groups {
        end -= group.len();
        match group {
            [a, b, c, d, _]
                if [a, b].iter().all(|byte| byte.is_ascii_uppercase()) && c.is_ascii_digit() && d.is_ascii_digit() =>
            {
                return !is_glued(bytes, end);
            }
            [group @ .., _] if group.iter().all(u8::is_ascii_alphanumeric) => {}
            _ => return false,
        }
    }
    false
}

/// Reads groups of these lengths, parted by the same separator; the end if they are all there and nothing touches it.
fn matches(bytes: &[u8], at: usize, groups: &[usize]) -> Option<usize> {
    let mut end = at;
    let mut separator = None;
    for (index, &length) in groups.iter().enumerate() {
        if index > 0 {
            let found = *bytes.get(end)?;
            if !matches!(found, b' ' | b'-') || separator.is_some_and(|separator| separator != found) {
                return None;
            }
            separator = Some(found);
            end += 1;
        }
        let rest = bytes.get(end..)?;
        let rest = rest.get(..=length).unwrap_or(rest);
        if run(rest, 0, |byte| byte.is_ascii_digit()) != length {
            return None;
        }
        end += length;
    }
    let touched = match (bytes.get(end), bytes.get(end + 1)) {
        (Some(byte), _) if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'%') => true,
        (Some(b'.' | b'-'), Some(next)) => next.is_ascii_alphanumeric(),
        // One more group makes another number of it, but for an expiry or a code.
        (Some(b' '), Some(_)) if groups.len() > 1 => {
            bytes.get(end + 1..end + 6).is_some_and(|next| next.iter().all(u8::is_ascii_digit))
        }
        _ => false,
    };
    (!touched).then_some(end)
}

/// The digits of a number that may be parted.
fn digits(number: &[u8]) -> impl DoubleEndedIterator<Item = u32> {
    number.iter().filter(|byte| byte.is_ascii_digit()).map(|digit| u32::from(digit - b'0'))
}

/// Issuer, length and check digit.
fn is_card(number: &[u8]) -> bool {
    let prefix = digits(number).take(4).fold(0, |number, digit| number * 10 + digit);
    let issued = match digits(number).count() {
        // Visa, UnionPay, Discover, in the long form as well.
        16 | 19 if matches!(prefix, 4000..=4999 | 6200..=6299 | 6011 | 6440..=6599) => true,
        // Mastercard, JCB.
        16 => matches!(prefix, 2221..=2720 | 5100..=5599 | 3528..=3589),
        // American Express.
        15 => matches!(prefix, 3400..=3499 | 3700..=3799),
        // Diners Club.
        14 => matches!(prefix, 3000..=3059 | 3600..=3699 | 3800..=3999),
        _ => false,
    };
    issued && luhn(number)
}

fn luhn(number: &[u8]) -> bool {
    let weighed = digits(number).rev().enumerate().map(|(place, digit)| match (place % 2, digit) {
        (0, _) => digit,
        (_, 5..) => 2 * digit - 9,
        _ => 2 * digit,
    });
    weighed.sum::<u32>().is_multiple_of(10)
}
