//! IP addresses, as `std::net` reads them. Those that say nothing of anybody stay: loopback, unspecified, masks of
//! networks (`255.…`), and four numbers behind `v`, `version` or `release`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::patterns::{Found, goes_on, is_glued, run, run_back};

/// The longest texts of addresses.
const V4: usize = 15;
const V6: usize = 45;

const MARK: &str = "[ip]";

/// The address of four numbers that starts here.
pub(super) fn v4(bytes: &[u8], at: usize) -> Option<Found> {
    let before = bytes.get(at.saturating_sub(2)..at).unwrap_or_default();
    if is_glued(bytes, at) || matches!(before, [.., b'.'] | [b'0'..=b'9', b'-']) {
        return None;
    }
    let window = bytes.get(..bytes.len().min(at + V4 + 1))?;
    let length = run(window, at, |byte| byte.is_ascii_digit() || byte == b'.');
    // A point at the end belongs to the sentence.
    let length = if bytes.get(at + length - 1) == Some(&b'.') { length - 1 } else { length };
    let end = at + length;
    let longer = matches!(bytes.get(end..), Some([b'.' | b'-', next, ..]) if next.is_ascii_digit());
    if length > V4 || longer || goes_on(bytes, end) || is_version(bytes, at) {
        return None;
    }
    let address: Ipv4Addr = std::str::from_utf8(bytes.get(at..end)?).ok()?.parse().ok()?;
    let tells = !address.is_loopback() && !address.is_unspecified() && address.octets()[0] != 255;
    tells.then_some(Found { range: at..end, mark: MARK })
}

/// The address that has a colon here.
pub(super) fn v6(text: &str, from: usize, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let start = at - run_back(bytes, from.max(at.saturating_sub(V6)), at, part);
    let length = run(bytes.get(..bytes.len().min(start + V6 + 2))?, start, part);
    let candidate = text.get(start..start + length)?;
    let candidate = candidate.strip_suffix('.').unwrap_or(candidate);
    let end = start + candidate.len();
    if candidate.len() > V6 || is_glued(bytes, start) || goes_on(bytes, end) {
        return None;
    }
    // Paths of programs (`abc::def`) are spelt the same way.
    if !candidate.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let address: Ipv6Addr = candidate.parse().ok()?;
    let tells = !address.is_loopback() && !address.is_unspecified();
    tells.then_some(Found { range: start..end, mark: MARK })
}

fn is_version(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(10)..at).unwrap_or_default().to_ascii_lowercase();
    let word = before.trim_ascii_end();
    word.len() < before.len()
        && [&b"version"[..], b"release", b" v", b"build"].iter().any(|known| word.ends_with(known))
}
