//! Going on where the last process ended.

use super::chain::{Chain, Torn, hash, hex};
use super::verify::{Line, is_sealed_by};
use crate::telemetry::redact::Key;

/// The chain behind the end of a file; what went wrong before is told in a line of its own. `None` for something that is no
/// audit log.
pub(super) fn resume(key: Key, end: &[u8], buffer: &mut Vec<u8>) -> Option<Chain> {
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
    let (mut lines, mut torn) = end.split_at(whole);
    if Line::read(torn).is_some() {
        // A whole line that lacks its line feed alone.
        buffer.push(b'\n');
        (lines, torn) = (end, &[]);
    }
    let mut unsealed: u64 = 0;
    let mut last = None;
    for line in lines.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()) {
        let Some(read) = Line::read(line) else {
            // A line that was torn before stands between others.
            last?;
            continue;
        };
        if last.is_none() {
            last = Some((read.seq, hash(line)));
        }
        if read.seal.is_some() && is_sealed_by(&key, line) {
            break;
        }
        unsealed += 1;
    }
    let (seq, last) = match last {
        Some(last) => last,
        // A first line that was never finished.
        None if lines.is_empty() => (0, super::chain::NONE),
        None => return None,
    };
    let mut chain = Chain::after(key, seq, last);
    let torn = (!torn.is_empty()).then(|| {
        buffer.push(b'\n');
        Torn { bytes: torn.len() as u64, sha256: hex(&hash(torn)) }
    });
    if torn.is_some() || unsealed > 0 {
        tracing::warn!(
            target: "mcp_runtime::audit",
            unsealed,
            torn = torn.as_ref().map_or(0, |torn| torn.bytes),
            "the last process did not seal the end of the audit file"
        );
        chain.recovered(buffer, unsealed, torn);
    }
    Some(chain)
}
