//! An audit file, and the lines in it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mcp_runtime::config::Config;
use mcp_runtime::spec::Server;
use mcp_runtime::testing::Client;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::PATIENCE;

/// A file that has not grown for so long has all that it gets.
const QUIET: Duration = Duration::from_millis(100);

/// The fields that every record has.
pub const FIELDS: &[&str] = &[
    "agent",
    "arguments",
    "correlation",
    "credential",
    "decision",
    "duration_us",
    "latency",
    "method",
    "outcome",
    "output_bytes",
    "request",
    "revision",
    "subject",
    "time",
    "tool",
    "via",
];

/// An audit file of its own, gone with the value.
pub struct Audit {
    path: PathBuf,
    /// Who writes the file, if that is this process.
    client: Option<Client>,
    _folder: Option<TempDir>,
}

impl Audit {
    /// The audit file at a path.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), client: None, _folder: None }
    }

    /// A client of a server whose records can be read, under a configuration without an `[audit]`.
    pub fn client<S: Server>(server: S, config: &str) -> (Client, Self) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        let config = format!("{config}\n[audit]\npath = {:?}", path.to_str().expect("a path in UTF-8"));
        let client = Client::configured(server, Config::parse(&config).expect("a configuration"));
        let client = client.expect("a server that starts");
        (client.clone(), Self { path, client: Some(client), _folder: Some(folder) })
    }

    /// The file as it stands, with every record of this process in it.
    pub fn text(&self) -> String {
        match &self.client {
            Some(client) => assert!(client.flush(), "the sinks write what they have"),
            None => self.settle(),
        }
        std::fs::read_to_string(&self.path).expect("an audit file")
    }

    /// Waits until a file that others write has not grown for a while: a record takes a few milliseconds to get there.
    fn settle(&self) {
        let length = || std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        let mut last = length();
        let mut since = Instant::now();
        let end = since + PATIENCE;
        while since.elapsed() < QUIET {
            assert!(Instant::now() < end, "the file grows on and on");
            std::thread::sleep(Duration::from_millis(10));
            let now = length();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    /// All records so far. Each is one line of JSON, whole, with every field.
    pub fn records(&self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole: {text}");
        text.lines().filter_map(record).collect()
    }

    /// The only record so far.
    pub fn only(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "one record: {records:#?}");
        records.remove(0)
    }

    /// The newest record, once there are so many: a record is written as the answer leaves, so it may come a moment
    /// later than that.
    pub fn wait_for(&self, count: usize) -> Value {
        crate::process::eventually(&format!("{count} records"), || self.records().len() >= count);
        let mut records = self.records();
        assert_eq!(records.len(), count, "exactly {count} records: {records:#?}");
        records.remove(count - 1)
    }
}

/// The call in a line; others tell of the file itself.
fn record(line: &str) -> Option<Value> {
    let record: Value = serde_json::from_str(line).expect("a line of JSON");
    if record.get("kind").is_some_and(|kind| kind != "call") {
        return None;
    }
    let fields = record.as_object().expect("an object");
    for field in FIELDS {
        assert!(fields.contains_key(*field), "`{field}` is missing: {record}");
    }
    Some(record)
}
