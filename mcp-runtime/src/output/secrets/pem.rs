//! Private keys in PEM (RFC 7468) and its like (OpenSSH, PGP).

use memchr::memmem;

use super::{Found, run};

const BEGIN: &str = "-----BEGIN ";
const END: &[u8] = b"-----END ";

/// The longest label: `ENCRYPTED PRIVATE KEY` and `PGP PRIVATE KEY BLOCK` are shorter.
const LONGEST_LABEL: usize = 64;

/// How many characters of base64 in a row make a key; words are shorter.
const MATERIAL: usize = 24;

/// How many headers a block may have, and how long one is read.
const MOST_HEADERS: usize = 8;
const LONGEST_HEADER: usize = 128;

/// Remembers where the next end is, so that many beginnings before one end are no more work than one.
#[derive(Default)]
pub(super) struct Search {
    /// The first end at or after the place that was last asked for; the text's length if there is none.
    end: Option<usize>,
}

impl Search {
    /// The block whose `-BEGIN ` stands here.
    pub(super) fn find(&mut self, text: &str, at: usize) -> Option<Found> {
        let start = at.checked_sub(4)?;
        let rest = text.get(start..)?.strip_prefix(BEGIN)?;
        let rest = rest.get(..rest.floor_char_boundary(LONGEST_LABEL))?;
        let label = rest.get(..rest.find("-----")?)?;
        if !label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK") {
            return None;
        }
        let bytes = text.as_bytes();
        let body = start + BEGIN.len() + label.len() + 5;
        let material = material(bytes, body)?;
        // An end farther off is another block's.
        let near = |end: &usize| *end < bytes.len() && material.end + LONGEST_LABEL >= *end;
        let closed = self.end_from(bytes, material.end).filter(near);
        let end = closed.map_or(material.end, |end| {
            let label = end + END.len();
            let label = label + run(bytes, label, |byte| byte.is_ascii_uppercase() || byte == b' ');
            label + run(bytes, label, |byte| byte == b'-').min(5)
        });
        Some(Found { range: start..end, mask: "[masked: private key]" })
    }

    fn end_from(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        if let Some(end) = self.end.filter(|&end| end >= from) {
            return Some(end);
        }
        let end = bytes.get(from..).and_then(|rest| memmem::find(rest, END)).map_or(bytes.len(), |end| from + end);
        self.end = Some(end);
        self.end
    }
}

/// Lines of base64 from here, with headers before them; `None` if there is no key in it.
///
/// Lines end with a line feed, or with one that is spelt `\n`, as in JSON and in environment files.
fn material(bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let in_line = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let (mut at, mut end, mut headers) = (from, None, 0);
    loop {
        at += run(bytes, at, |byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'"' | b'\'' | b',' | b'|'));
        if matches!(bytes.get(at..at + 2), Some([b'\\', b'n' | b'r' | b't'])) {
            at += 2;
            continue;
        }
        let line = run(bytes, at, in_line);
        let next = at + line;
        let starts_header = end.is_none() && line > 0 && matches!(bytes.get(next), Some(b'-' | b':'));
        if starts_header && headers < MOST_HEADERS {
            // `Proc-Type: 4,ENCRYPTED`: to the end of the line.
            headers += 1;
            let rest = bytes.get(next..).unwrap_or_default();
            let rest = rest.get(..LONGEST_HEADER).unwrap_or(rest);
            at = next + run(rest, 0, |byte| !matches!(byte, b'\n' | b'\\'));
        } else if line >= MATERIAL || (line > 0 && end.is_some() && is_last(bytes, at, line)) {
            at = next;
            end = Some(at);
        } else {
            return end.map(|end| from..end);
        }
    }
}

/// Whether a short line ends a block: with padding, or alone before the end of the text, of the block or a blank line.
fn is_last(bytes: &[u8], at: usize, line: usize) -> bool {
    let after = at + line;
    let padded = bytes.get(at) == Some(&b'=') || bytes.get(after - 1) == Some(&b'=');
    let rest = bytes.get(after..).unwrap_or_default();
    let line_feed = |rest: &[u8]| match rest {
        [b'\\', b'n', ..] => Some(2),
        [b'\n', ..] => Some(1),
        _ => None,
    };
    let alone = match line_feed(rest) {
        None => rest.is_empty(),
        Some(length) => {
            let rest = rest.get(length..).unwrap_or_default();
            rest.is_empty() || rest.first() == Some(&b'-') || line_feed(rest).is_some()
        }
    };
    padded || alone
}
