//! Going on where the last process ended.

use std::fs::File;
use std::io;
use std::path::Path;

use super::chain::{Before, Chain, Hash, Pieces, hash};
use super::file;
use super::lines::{Line, is_sealed_by};
use super::names::{log_of, set_aside};
use crate::telemetry::redact::Key;

/// How the first line of a file begins.
const HEAD: &[u8] = b"{\"kind\":\"head\",";

/// The last line that can be read, and what is wrong up to the end.
struct End {
    seq: u64,
    last: Hash,
    /// How many lines have no seal behind them.
    unsealed: u64,
    /// What stands behind it: however many starts were broken off, it is one piece.
    torn: Pieces,
}

impl End {
    /// `None` if no line can be read.
    fn of(key: &Key, found: &[u8]) -> Option<Self> {
        let lines: Vec<_> = lines(found).collect();
        let mut last = None;
        let mut unsealed = 0;
        let mut torn = Pieces::default();
        for (place, (line, _)) in lines.iter().enumerate().rev() {
            // A piece that was torn before stands between lines.
            let Some(read) = Line::read(line) else { continue };
            if last.is_none() {
                last = Some((read.seq, hash(line)));
                lines[place + 1..].iter().for_each(|(line, fed)| torn.add(line, *fed));
            }
            if read.seal.is_some() && is_sealed_by(key, line) {
                break;
            }
            unsealed += 1;
        }
        last.map(|(seq, last)| Self { seq, last, unsealed, torn })
    }
}

/// The lines without their line feeds, and whether they have one.
fn lines(found: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    found.split_inclusive(|byte| *byte == b'\n').map(|line| match line.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (line, false),
    })
}

fn end_line(found: &[u8], buffer: &mut Vec<u8>) {
    if !found.is_empty() && !found.ends_with(b"\n") {
        buffer.push(b'\n');
    }
}

/// The chain behind the end of a file; what went wrong before is told in a line of its own. `None` if no line can be read.
pub(super) fn resume(key: &Key, found: &[u8], buffer: &mut Vec<u8>) -> Option<Chain> {
    let End { seq, last, unsealed, torn } = End::of(key, found)?;
    end_line(found, buffer);
    let mut chain = Chain::after(key.clone(), seq, last);
    let torn = torn.torn();
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

/// Whether this is nothing, or what starts leave that end while they write the first line.
pub(super) fn is_unbegun(found: &[u8]) -> bool {
    let is_torn = |line: &[u8]| {
        // What a machine that lost its power did not write may be there as zeros.
        let line = &line[..line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)];
        line.starts_with(HEAD) || HEAD.starts_with(line)
    };
    found.first() != Some(&b'\n') && lines(found).all(|(line, _)| is_torn(line))
}

/// The chain of a file that has no line yet. A process that ended while it put a full file aside leaves none, or half of
/// one: the chain goes on behind the newest file that was set aside, not at 1, so that nobody can cut the log in two there.
///
/// # Errors
/// A folder, or a file that was set aside, that cannot be read.
pub(super) fn begin(key: &Key, path: &Path, found: &[u8], buffer: &mut Vec<u8>) -> io::Result<Chain> {
    let mut before = Before::default();
    let mut chain = Chain::new(key.clone());
    let mut torn = Pieces::default();
    for aside in set_aside(path)? {
        let Some(end) = End::of(key, &file::end(&mut File::open(&aside)?)?) else {
            tracing::error!(target: "mcp_runtime::audit", file = %aside.display(), "no line of it can be read");
            continue;
        };
        tracing::warn!(
            target: "mcp_runtime::audit",
            behind = %aside.display(),
            unsealed = end.unsealed,
            "there was no audit file; the chain goes on behind the newest one that was set aside"
        );
        chain = Chain::after(key.clone(), end.seq, end.last);
        torn = end.torn;
        before.predecessor = aside.file_name().map(|name| name.to_string_lossy().into_owned());
        before.resumed = true;
        before.unsealed = end.unsealed;
        break;
    }
    lines(found).for_each(|(line, fed)| torn.add(line, fed));
    before.torn = torn.torn();
    end_line(found, buffer);
    chain.head(buffer, &log_of(path), &before);
    Ok(chain)
}
