//! International bank account numbers (ISO 13616): a country that has them, its length, and the check digits. In one
//! piece or in groups, parted by one space each.

use super::patterns::{Found, goes_on, is_glued};

/// The countries of the registry (release 99), and how long their numbers are.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// The longest of them.
const LONGEST: usize = 34;

/// The number whose check digits stand here.
pub(super) fn find(bytes: &[u8], from: usize, at: usize) -> Option<Found> {
    let start = at.checked_sub(2).filter(|start| *start >= from)?;
    let country: [u8; 2] = bytes.get(start..at)?.try_into().ok()?;
    let country = country.map(|byte| byte.to_ascii_uppercase());
    let (_, length) = LENGTHS.iter().find(|(known, _)| **known == country)?;
    if is_glued(bytes, start) {
        return None;
    }
    let mut text = [0; LONGEST];
    let mut end = start;
    for (index, slot) in text[..*length].iter_mut().enumerate() {
        if index > 0 && bytes.get(end) == Some(&b' ') {
            end += 1;
        }
        let byte = *bytes.get(end)?;
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        *slot = byte.to_ascii_uppercase();
        end += 1;
    }
    let text = &text[..*length];
    let is_one = text[2..4].iter().all(u8::is_ascii_digit) && remainder(text) == 1 && !goes_on(bytes, end);
    is_one.then_some(Found { range: start..end, mark: "[iban]" })
}

/// ISO 7064, MOD 97-10: the first four characters last, letters as two digits.
fn remainder(text: &[u8]) -> u32 {
    let (head, tail) = text.split_at(4);
    tail.iter().chain(head).fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}
