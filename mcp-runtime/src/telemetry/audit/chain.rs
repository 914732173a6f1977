//! The lines of an audit file, each with the hash of the one before.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::record::CallRecord;
use crate::telemetry::Dropped;
use crate::telemetry::redact::Key;

/// The hash of a line, without its line feed.
pub(super) type Hash = [u8; 32];

/// What `prev` is in the first line of all.
pub(super) const NONE: Hash = [0; 32];

/// What stands before the seal of a line. It can stand nowhere else: within a JSON string the quotes would be escaped.
pub(super) const SEAL: &str = ",\"seal\":\"";

/// How far a log is, and the key that seals it.
#[derive(Debug)]
pub(super) struct Chain {
    key: Key,
    seq: u64,
    last: Hash,
    unsealed: u64,
}

/// The lines that are no calls.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Told<'a> {
    Head {
        time: Timestamp,
        log: &'a str,
        #[serde(flatten)]
        before: &'a Before,
        key: String,
    },
    Seal {
        time: Timestamp,
        lines: u64,
    },
    Dropped {
        time: Timestamp,
        #[serde(flatten)]
        dropped: Counts<'a>,
    },
    Recovered {
        time: Timestamp,
        unsealed: u64,
        torn: Option<Torn>,
        key: String,
    },
}

#[derive(Serialize)]
struct Counts<'a> {
    count: u64,
    denials: &'a std::collections::BTreeMap<&'static str, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// What the first line of a file says of what came before it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Before {
    /// The name of the file before.
    pub(super) predecessor: Option<String>,
    /// A start found no file, or one without a whole line, beside files that were set aside, and goes on behind them.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) resumed: bool,
    /// How many lines at the end of the file before were never sealed.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) unsealed: u64,
    /// What could not be read between the last line and this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) torn: Option<Torn>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What processes did not finish: everything between one line that can be read and the next, without the line feed
/// before that one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(super) struct Torn {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// A [`Torn`] in the making, out of what cannot be read, line by line.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    any: bool,
    bytes: u64,
    hash: Sha256,
    /// A line feed came behind the last one.
    fed: bool,
}

impl Pieces {
    /// One more, without its line feed, and whether it had one.
    pub(super) fn add(&mut self, line: &[u8], fed: bool) {
        if self.fed {
            self.hash.update(b"\n");
            self.bytes += 1;
        }
        self.hash.update(line);
        self.bytes += line.len() as u64;
        self.fed = fed;
        self.any = true;
    }

    /// All of them; `None` if there was none.
    pub(super) fn torn(self) -> Option<Torn> {
        self.any.then(|| Torn { bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }
}

impl Chain {
    /// Before the first line.
    pub(super) fn new(key: Key) -> Self {
        Self::after(key, 0, NONE)
    }

    /// Behind a line.
    pub(super) fn after(key: Key, seq: u64, last: Hash) -> Self {
        Self { key, seq, last, unsealed: 0 }
    }

    /// The number of the last line.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// How many lines are behind the last seal.
    pub(super) fn unsealed(&self) -> u64 {
        self.unsealed
    }

    /// The line of a call.
    pub(super) fn call(&mut self, to: &mut Vec<u8>, record: &CallRecord) {
        let start = to.len();
        to.extend_from_slice(b"{\"kind\":\"call\",");
        record.write_fields(to);
        self.finish(to, start, false);
    }

    /// The first line of a file of this log.
    pub(super) fn head(&mut self, to: &mut Vec<u8>, log: &str, before: &Before) {
        let told = Told::Head { time: Timestamp::now(), log, before, key: key_id(&self.key) };
        self.tell(to, &told, true);
    }

    pub(super) fn seal(&mut self, to: &mut Vec<u8>) {
        let told = Told::Seal { time: Timestamp::now(), lines: self.unsealed };
        self.tell(to, &told, true);
        tracing::info!(target: "mcp_runtime::audit", seq = self.seq, hash = hex(&self.last), "sealed");
    }

    pub(super) fn dropped(&mut self, to: &mut Vec<u8>, dropped: &Dropped) {
        let Dropped { count, denials, first, last } = dropped;
        let dropped = Counts { count: *count, denials, first: *first, last: *last };
        self.tell(to, &Told::Dropped { time: Timestamp::now(), dropped }, false);
    }

    pub(super) fn recovered(&mut self, to: &mut Vec<u8>, unsealed: u64, torn: Option<Torn>) {
        let told = Told::Recovered { time: Timestamp::now(), unsealed, torn, key: key_id(&self.key) };
        self.tell(to, &told, true);
    }

    fn tell(&mut self, to: &mut Vec<u8>, told: &Told<'_>, sealed: bool) {
        let start = to.len();
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *to, told);
        self.finish(to, start, sealed);
    }

    /// Ends the line that starts there: its number, the hash of the line before, a seal.
    fn finish(&mut self, to: &mut Vec<u8>, start: usize, sealed: bool) {
        // The closing bracket.
        to.pop();
        self.seq = self.seq.saturating_add(1);
        to.extend_from_slice(b",\"seq\":");
        to.extend_from_slice(itoa::Buffer::new().format(self.seq).as_bytes());
        to.extend_from_slice(b",\"prev\":\"");
        crate::hex::write(&self.last, to);
        to.push(b'"');
        if sealed {
            let seal = self.key.full(to.get(start..).unwrap_or_default());
            to.extend_from_slice(SEAL.as_bytes());
            crate::hex::write(&seal, to);
            to.push(b'"');
            self.unsealed = 0;
        } else {
            self.unsealed += 1;
        }
        to.push(b'}');
        self.last = hash(to.get(start..).unwrap_or_default());
        to.push(b'\n');
    }
}

/// Tells keys apart without telling them.
pub(super) fn key_id(key: &Key) -> String {
    let mut id = hex(&key.full(b"id"));
    id.truncate(16);
    id
}

/// The hash of a line.
pub(super) fn hash(line: &[u8]) -> Hash {
    Sha256::digest(line).into()
}

/// As it stands in lines.
pub(super) fn hex(bytes: &[u8]) -> String {
    crate::hex::text(bytes)
}
