//! Terminal escape sequences, as ECMA-48 writes them: with ESC, or with the C1 characters that stand for ESC and a
//! letter.
//!
//! A sequence is removed whole where it is well formed and ends. Where it is not, its introducer goes and the rest
//! stays, as text that everybody can read: an introducer alone can hide nothing that follows it, however long. A
//! control sequence has at most [`LONGEST`] characters; a control string (a title, a hyperlink, the clipboard) is as
//! long as it likes but holds no control character, so one line feed is enough to stop it.
//!
//! That also keeps the search linear: it stops at the next control character, and whatever starts a sequence is one.

/// The longest control sequence, in bytes after its introducer. The longest in use, with two colours in full and all
/// attributes, has about 60.
const LONGEST: usize = 128;

/// The most characters between ESC and the letter that ends a sequence of its own, as in `ESC ( B`.
const MOST_INTERMEDIATES: usize = 3;

/// How many bytes at the start of `text`, which begins with an introducer, belong to its sequence.
pub(super) fn length(text: &str) -> usize {
    match text.as_bytes() {
        [0x1b, b'[', ..] | [0xc2, 0x9b, ..] => 2 + control_sequence(text, 2),
        [0x1b, b']' | b'P' | b'X' | b'^' | b'_', ..] | [0xc2, 0x90 | 0x98 | 0x9d..=0x9f, ..] => {
            2 + control_string(text, 2)
        }
        [0x1b, 0x30..=0x7e, ..] => 2,
        [0x1b, rest @ ..] => {
            let intermediates = count(rest, |byte| matches!(byte, b' '..=b'/'));
            match rest.get(intermediates) {
                Some(0x30..=0x7e) if (1..=MOST_INTERMEDIATES).contains(&intermediates) => 2 + intermediates,
                _ => 1,
            }
        }
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// Parameters, intermediate characters and the final one; 0 if that is not what follows.
fn control_sequence(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes().get(from..).unwrap_or_default();
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let parameters = count(bytes, |byte| matches!(byte, b'0'..=b'?'));
    let rest = bytes.get(parameters..).unwrap_or_default();
    let intermediates = count(rest, |byte| matches!(byte, b' '..=b'/'));
    match rest.get(intermediates) {
        Some(b'@'..=b'~') => parameters + intermediates + 1,
        _ => 0,
    }
}

/// Everything up to and with the terminator: BEL, `ESC \` or ST; 0 if another control character or the end of the
/// text comes first.
fn control_string(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes().get(from..).unwrap_or_default();
    let mut length = 0;
    loop {
        // No byte but the first of a character is below 0x80 or 0xc2.
        length += count(bytes.get(length..).unwrap_or_default(), |byte| !matches!(byte, 0..=0x1f | 0x7f | 0xc2));
        match bytes.get(length..).unwrap_or_default() {
            [0x07, ..] => return length + 1,
            [0x1b, b'\\', ..] | [0xc2, 0x9c, ..] => return length + 2,
            [0xc2, 0xa0..=0xff, ..] => length += 2,
            _ => return 0,
        }
    }
}

/// How many bytes at the start are of a kind.
fn count(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&byte| of(byte)).count()
}
