//! Finds the next byte at which something may have to change, many bytes at a time.

#![allow(clippy::needless_bitwise_bool, reason = "`&&` and `||` branch, and what branches does not run in vectors")]

/// Bytes that are looked at together; enough for the compiler to use vectors.
const SPAN: usize = 32;

/// The same for the first look behind a hit: where there is one there is often another close by.
const NEAR: usize = 16;

/// How far a test looks ahead.
const AHEAD: usize = 2;

/// Where the first code point at or after `from` starts that may not be visible; the length if there is none.
///
/// A visible one is named now and then, an invisible one is never passed over.
pub(super) fn next(bytes: &[u8], from: usize) -> usize {
    let near = bytes.get(from..).unwrap_or_default();
    if let Some(at) = first::<NEAR, { NEAR + AHEAD }>(near) {
        return from + at;
    }
    let mut at = from + NEAR;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(hit) = first::<SPAN, { SPAN + AHEAD }>(rest) {
            return at + hit;
        }
        at += SPAN;
    }
    bytes.len()
}

/// The first of the leading `N` bytes that starts something; `M` is `N` + [`AHEAD`].
fn first<const N: usize, const M: usize>(bytes: &[u8]) -> Option<usize> {
    const { assert!(M == N + AHEAD && N.is_multiple_of(8)) };
    if let Some(window) = bytes.first_chunk() {
        return first_in::<N, M>(window);
    }
    let mut window = [b' '; M];
    for (to, byte) in window.iter_mut().zip(bytes) {
        *to = *byte;
    }
    first_in::<N, M>(&window)
}

fn first_in<const N: usize, const M: usize>(window: &[u8; M]) -> Option<usize> {
    if window.iter().fold(true, |ascii, &byte| ascii & is_ascii_text(byte)) {
        return None;
    }
    let mut hits = [0; N];
    for (at, hit) in hits.iter_mut().enumerate() {
        // In bounds, as `M` is `N` + `AHEAD`; written so that the compiler needs no checks.
        *hit = u8::from(may_hide(window[at], window[at + 1], window[at + 2]));
    }
    let (eights, _) = hits.as_chunks::<8>();
    let at = eights.iter().position(|eight| *eight != [0; 8])?;
    let within = u64::from_le_bytes(*eights.get(at)?).trailing_zeros() / 8;
    Some(8 * at + within as usize)
}

/// Whether a byte is printable ASCII, tab or line feed.
fn is_ascii_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') | (byte == b'\t') | (byte == b'\n')
}

/// Whether a code point that starts with these bytes may be anything but visible.
#[inline]
const fn may_hide(a: u8, b: u8, c: u8) -> bool {
    let control = ((a < b' ') & (a != b'\t') & (a != b'\n')) | (a == 0x7f);
    let c1_or_soft_hyphen = (a == 0xc2) & ((b < 0xa0) | (b == 0xad));
    let grapheme_joiner = (a == 0xcd) & (b == 0x8f);
    let arabic_mark = (a == 0xd8) & (b == 0x9c);
    let jamo_filler = (b == 0x85) & ((c == 0x9f) | (c == 0xa0));
    let khmer_vowel = (b == 0x9e) & ((c == 0xb4) | (c == 0xb5));
    let mongolian = (b == 0xa0) & between(c, 0x8b, 0x8f);
    let zero_width = (b == 0x80) & (between(c, 0x8b, 0x8f) | between(c, 0xaa, 0xae));
    let format = (b == 0x81) & between(c, 0xa0, 0xaf);
    let hangul_filler = (b == 0x85) & (c == 0xa4);
    let nonchar = (b == 0xb7) & between(c, 0x90, 0xaf);
    let selector = (b == 0xb8) & (c < 0x90);
    let byte_order = (b == 0xbb) & (c == 0xbf);
    let halfwidth_filler = (b == 0xbe) & (c == 0xa0);
    let special = (b == 0xbf) & (between(c, 0xb0, 0xbb) | (c >= 0xbe));
    let shorthand_or_music = ((b == 0x9b) & (c == 0xb2)) | ((b == 0x9d) & (c == 0x85));
    let end_of_plane = (a >= 0xf0) & (b & 0x0f == 0x0f) & (c == 0xbf);
    control
        | c1_or_soft_hyphen
        | grapheme_joiner
        | arabic_mark
        | ((a == 0xe1) & (jamo_filler | khmer_vowel | mongolian))
        | ((a == 0xe2) & (zero_width | format))
        | ((a == 0xe3) & hangul_filler)
        | ((a == 0xef) & (nonchar | selector | byte_order | halfwidth_filler | special))
        | ((a == 0xf0) & shorthand_or_music)
        | ((a == 0xf3) & (b == 0xa0))
        | end_of_plane
}

/// Whether `low ..= high` holds `byte`, without a branch.
#[inline]
const fn between(byte: u8, low: u8, high: u8) -> bool {
    byte.wrapping_sub(low) <= high - low
}

#[cfg(test)]
mod tests {
    use super::super::kind::{Kind, kind};
    use super::next;

    #[test]
    fn no_invisible_code_point_is_passed_over() {
        for c in '\0'..=char::MAX {
            let text = format!("ab{c}");
            let found = next(text.as_bytes(), 0);
            if kind(c) == Kind::Visible {
                assert!(found == text.len() || found == 2, "{c:?}");
            } else {
                assert_eq!(found, 2, "{c:?}");
            }
        }
    }

    #[test]
    fn the_place_in_the_text_makes_no_difference() {
        for filler in ["x", "é", "я", "“", "漢", "😀"] {
            for before in 0..150 {
                for (hidden, after) in [("\u{e0041}", 0), ("\u{7f}", 70), ("\u{200b}", 1), ("\u{ad}", 200)] {
                    let start = filler.repeat(before);
                    let text = format!("{start}{hidden}{}", filler.repeat(after));
                    assert_eq!(next(text.as_bytes(), 0), start.len(), "{text:?}");
                    let clean = format!("{start}{}", filler.repeat(after));
                    assert_eq!(next(clean.as_bytes(), 0), clean.len(), "{clean:?}");
                }
            }
        }
    }
}
