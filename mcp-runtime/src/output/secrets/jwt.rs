//! JSON Web Tokens, by their header (RFC 7515, RFC 7516).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Found, Step, before, is_glued, run};

/// The longest header that is decoded.
const LONGEST_HEADER: usize = 4096;

/// The most parts that a token has.
const MOST_PARTS: usize = 5;

const fn in_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The token that starts here.
pub(super) fn find(bytes: &[u8], at: usize) -> Step {
    if is_glued(bytes, at) || before(bytes, at, |byte| matches!(byte, b'-' | b'_')) {
        return Step::On(at + 1);
    }
    let header = run(bytes, at, in_part);
    let mut end = at + header;
    if !bytes.get(at..end).is_some_and(is_header) {
        // No header starts within another's characters.
        return Step::On(end);
    }
    // Where each part ends; an empty one may be the last of an unsigned token, or the second of five.
    let mut ends = [end; MOST_PARTS];
    let mut parts = 1;
    for (index, place) in ends.iter_mut().enumerate().skip(1) {
        let part = if bytes.get(end) == Some(&b'.') { run(bytes, end + 1, in_part) } else { break };
        if part == 0 && index > 2 {
            break;
        }
        end += 1 + part;
        *place = end;
        parts = index + 1;
    }
    let [first, second, third, ..] = ends;
    let token = match second.checked_sub(first) {
        Some(1) => parts == MOST_PARTS && third > second + 1,
        _ => parts >= 3,
    };
    if token { Step::Found(Found { range: at..end, mask: "[masked: jwt]" }) } else { Step::On(end) }
}

/// Whether a part is a JSON object that names an algorithm.
fn is_header(part: &[u8]) -> bool {
    let decoded = (part.len() <= LONGEST_HEADER).then(|| URL_SAFE_NO_PAD.decode(part).ok()).flatten();
    let header = decoded.and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    header.is_some_and(|header| header.get("alg").is_some())
}
