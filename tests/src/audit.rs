//! An audit file, and the lines in it.

use std::path::{Path, PathBuf};

use mcp_runtime::config::Config;
use mcp_runtime::spec::Server;
use mcp_runtime::testing::Client;
use serde_json::Value;
use tempfile::TempDir;

/// The fields that every record has.
pub const FIELDS: &[&str] = &[
    "agent",
    "arguments",
    "correlation",
    "credential",
    "duration_us",
    "method",
    "outcome",
    "output_bytes",
    "request",
    "subject",
    "time",
    "tool",
    "via",
];

/// An audit file of its own, gone with the value.
pub struct Audit {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Audit {
    /// The audit file at a path.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), _folder: None }
    }

    /// A client of a server whose records can be read, under a configuration without an `[audit]`.
    pub fn client<S: Server>(server: S, config: &str) -> (Client, Self) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        let config = format!("{config}\n[audit]\npath = {:?}", path.to_str().expect("a path in UTF-8"));
        let client = Client::configured(server, Config::parse(&config).expect("a configuration"));
        (client.expect("a server that starts"), Self { path, _folder: Some(folder) })
    }

    /// The file as it stands.
    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.path).expect("an audit file")
    }

    /// All records so far. Each is one line of JSON, whole, with every field.
    pub fn records(&self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole: {text}");
        text.lines().map(record).collect()
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

fn record(line: &str) -> Value {
    let record: Value = serde_json::from_str(line).expect("a line of JSON");
    let fields = record.as_object().expect("an object");
    for field in FIELDS {
        assert!(fields.contains_key(*field), "`{field}` is missing: {record}");
    }
    record
}
