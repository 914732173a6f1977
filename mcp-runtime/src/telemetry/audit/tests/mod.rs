use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::query::{Query, query};
use super::verify::{Broken, Check, Noted, Report, verify};
use super::*;
use crate::record::sample;

mod failing;
mod moved;
mod start;
mod tampering;

const KEY: [u8; 32] = [7; 32];

struct Log {
    folder: TempDir,
    options: config::Audit,
}

impl Log {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            options: config::Audit { seal_lines: 5, ..config::Audit::default() },
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    fn open(&self) -> Audit {
        Audit::open(&self.path(), &self.options, &KEY).unwrap()
    }

    /// A process that writes so many calls and ends.
    fn run(&self, calls: usize) {
        let mut audit = self.open();
        for _ in 0..calls {
            audit.write(&sample("OK")).unwrap();
        }
        audit.flush().unwrap();
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.path()).unwrap().lines().map(str::to_owned).collect()
    }

    fn replace(&self, lines: &[String]) {
        fs::write(self.path(), lines.join("\n") + "\n").unwrap();
    }

    fn verify(&self) -> Result<Report, Broken> {
        self.verify_with(&Check { key: Some(KEY), ..Check::default() })
    }

    fn verify_with(&self, check: &Check) -> Result<Report, Broken> {
        verify(&[self.path()], check)
    }

    fn files(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn kind(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_written_is_intact() {
    let log = Log::new();
    log.run(12);
    let kinds: Vec<_> = log.lines().iter().map(|line| kind(line)).collect();
    // A head, seals behind every five, and one at the end.
    assert_eq!(kinds.iter().filter(|kind| *kind == "call").count(), 12);
    assert_eq!((kinds[0].as_str(), kinds[6].as_str(), kinds[12].as_str()), ("head", "seal", "seal"));
    assert_eq!(kinds.last().unwrap(), "seal");
    let report = log.verify().unwrap();
    assert_eq!((report.calls, report.seals, report.unsealed, report.last), (12, 4, 0, 16));
    assert_eq!(report.notes, Vec::<String>::new());
    log.run(3);
    let report = log.verify().unwrap();
    assert_eq!((report.calls, report.last), (15, 20), "a clean restart goes on without a word");
    let other = Check { key: Some([8; 32]), ..Check::default() };
    assert!(log.verify_with(&other).unwrap_err().why.contains("another key"));
    let note = log.verify_with(&Check::default()).unwrap().notes.remove(0);
    assert!(note.contains("without the key"), "{note}");
}

#[test]
fn a_cut_end_is_found_by_what_was_noted_elsewhere() {
    let log = Log::new();
    log.run(12);
    let lines = log.lines();
    log.replace(&lines[..10]);
    assert!(log.verify().unwrap_err().why.contains("3 lines are not sealed"));
    // Just behind a seal, the file looks as it did then: the page says so.
    log.replace(&lines[..7]);
    log.verify().unwrap();
    let noted = Check { key: Some(KEY), last: Some(noted_of(&lines, 16)), ..Check::default() };
    assert!(log.verify_with(&noted).unwrap_err().why.contains("cut off"));
    // A server that goes on behind the cut writes a line of that number, and it is another one.
    log.run(20);
    log.verify().unwrap();
    let broken = log.verify_with(&noted).unwrap_err();
    assert!(broken.why.contains("gone on with"), "{broken}");
    assert_eq!(broken.line, 16);
    log.replace(&lines);
    assert_eq!(log.verify_with(&noted).unwrap().hash, noted.last.as_ref().unwrap().hash);
    for text in ["16", "16:", "16:abc", "x:y", ":"] {
        assert!(text.parse::<Noted>().unwrap_err().contains("SEQ:HASH"), "{text}");
    }
    fs::write(log.path(), "").unwrap();
    assert!(log.verify().unwrap_err().why.contains("empty"));
}

/// A line as somebody writes it down elsewhere.
fn noted_of(lines: &[String], seq: usize) -> Noted {
    format!("{seq}:{}", chain::hex(&chain::hash(lines[seq - 1].as_bytes()))).parse().unwrap()
}

/// A line that goes on with the chain, made without the key.
fn forged(last: &str, seq: u64) -> String {
    let prev = chain::hex(&chain::hash(last.as_bytes()));
    format!("{{\"kind\":\"call\",\"agent\":\"key:innocent\",\"seq\":{seq},\"prev\":\"{prev}\"}}")
}

#[test]
fn a_forger_who_appends_is_found() {
    let log = Log::new();
    log.run(4);
    let mut lines = log.lines();
    let line = forged(lines.last().unwrap(), lines.len() as u64 + 1);
    lines.push(line);
    log.replace(&lines);
    assert!(log.verify().unwrap_err().why.contains("not sealed"), "while nobody writes");
    // A server that starts does not bless what it finds.
    log.run(2);
    let broken = log.verify().unwrap_err();
    assert!(broken.why.contains("never sealed") && broken.why.contains("somebody else"), "{broken}");
    let accepted = Check { key: Some(KEY), allow_unsealed: true, ..Check::default() };
    assert_eq!(log.verify_with(&accepted).unwrap().notes.len(), 1);
}

#[test]
fn a_forger_who_appends_while_the_server_runs_is_found() {
    let log = Log::new();
    let mut audit = log.open();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    let mut lines = log.lines();
    lines.push(forged(lines.last().unwrap(), 3));
    writeln!(fs::OpenOptions::new().append(true).open(log.path()).unwrap(), "{}", lines[2]).unwrap();
    audit.write(&sample("OK")).unwrap();
    drop(audit);
    let broken = log.verify().unwrap_err();
    assert_eq!(broken.line, 4, "{broken}");
    assert!(broken.why.contains("written by somebody else"), "{broken}");
}

#[test]
fn a_crash_is_told_of_and_the_chain_goes_on() {
    let log = Log::new();
    log.run(4);
    let mut text = fs::read_to_string(log.path()).unwrap();
    let sealed = text.lines().count();
    // Two whole lines that were not sealed, and half of one.
    let last = text.lines().last().unwrap().to_owned();
    let (one, seq) = (forged(&last, sealed as u64 + 1), sealed as u64 + 2);
    let two = forged(&one, seq);
    write!(text, "{one}\n{two}\n{{\"kind\":\"call\",\"ti").unwrap();
    fs::write(log.path(), &text).unwrap();
    log.run(1);
    let lines = log.lines();
    let told: Value = serde_json::from_str(&lines[sealed + 3]).unwrap();
    assert_eq!((&told["kind"], &told["unsealed"]), (&"recovered".into(), &2.into()));
    assert_eq!(told["torn"]["bytes"], 18);
    let accepted = Check { key: Some(KEY), allow_unsealed: true, ..Check::default() };
    let report = log.verify_with(&accepted).unwrap();
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
    // What was torn may not be changed either.
    let mut changed = lines.clone();
    changed[sealed + 2].push('x');
    log.replace(&changed);
    let broken = log.verify_with(&accepted).unwrap_err();
    assert_eq!(broken.line, sealed as u64 + 3, "{broken}");
    changed.remove(sealed + 2);
    log.replace(&changed);
    assert!(log.verify_with(&accepted).unwrap_err().why.contains("torn line was removed"));
}

#[test]
fn a_torn_line_alone_needs_no_leave() {
    let log = Log::new();
    log.run(4);
    let mut text = fs::read_to_string(log.path()).unwrap();
    text.push_str("{\"ki");
    fs::write(log.path(), &text).unwrap();
    assert!(log.verify().unwrap_err().why.contains("not whole"));
    log.run(1);
    assert!(log.verify().unwrap().notes[0].contains("torn"));
}

#[test]
fn a_full_file_is_put_aside_and_the_chain_goes_on() {
    let log = Log { options: config::Audit { rotate: 4096, ..config::Audit::default() }, ..Log::new() };
    let mut audit = log.open();
    for _ in 0..100 {
        audit.write(&sample("OK")).unwrap();
        audit.flush().unwrap();
    }
    drop(audit);
    let files = log.files();
    assert!(files > 5, "{files}");
    let report = log.verify().unwrap();
    assert_eq!((report.calls, report.files.len()), (100, files));
    let asked = Query { limit: 1000, ..Query::default() };
    assert_eq!(query(&[log.path()], &asked).unwrap().calls.len(), 100, "questions go through all of them");
    let oldest = &report.files[1];
    let text = fs::read_to_string(oldest).unwrap();
    fs::write(oldest, text.replacen("reporting", "innocent!", 1)).unwrap();
    assert_eq!(log.verify().unwrap_err().file, *oldest);
    fs::remove_file(oldest).unwrap();
    assert!(log.verify().unwrap_err().why.contains("is not there"));
    let alone = Check { key: Some(KEY), alone: true, ..Check::default() };
    assert!(log.verify_with(&alone).is_ok());
    fs::remove_file(log.path()).unwrap();
    assert!(log.verify().is_err());
}

#[test]
fn a_file_that_was_moved_or_deleted_is_noticed() {
    let log = Log::new();
    let mut audit = log.open();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    let moved = log.folder.path().join("moved.jsonl");
    fs::rename(log.path(), &moved).unwrap();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    fs::remove_file(log.path()).unwrap();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    assert!(log.path().is_file(), "it is there again");
    audit.write(&sample("OK")).unwrap();
    drop(audit);
    let check = Check { key: Some(KEY), ..Check::default() };
    let broken = verify(std::slice::from_ref(&moved), &check).unwrap_err();
    assert!(broken.why.contains("--log"), "it has another name: {broken}");
    let named = Check { log: Some("audit.jsonl".to_owned()), ..check.clone() };
    assert_eq!(verify(std::slice::from_ref(&moved), &named).unwrap().calls, 2);
    let broken = verify(&[moved, log.path()], &check).unwrap_err();
    assert!(broken.why.contains("were removed"), "the deleted one is missed: {broken}");
}

#[test]
fn one_process_writes_a_file() {
    let log = Log::new();
    let audit = log.open();
    let error = Audit::open(&log.path(), &log.options, &KEY).unwrap_err();
    assert!(matches!(error, AuditError::Busy { .. }), "{error}");
    assert!(log.verify().is_ok(), "reading does not wait");
    drop(audit);
    log.run(1);
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let log = Log::new();
    for text in ["hello\n", "{\"a\":1}\n", "\n\n"] {
        fs::write(log.path(), text).unwrap();
        let error = Audit::open(&log.path(), &log.options, &KEY).unwrap_err();
        assert!(matches!(error, AuditError::Foreign { .. }), "{text:?}: {error}");
        assert_eq!(fs::read_to_string(log.path()).unwrap(), text);
    }
    let link = log.folder.path().join("link.jsonl");
    std::os::unix::fs::symlink(log.path(), &link).unwrap();
    assert!(matches!(Audit::open(&link, &log.options, &KEY), Err(AuditError::Io { .. })));
    assert!(Audit::open(Path::new("/dev/null"), &log.options, &KEY).is_err());
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let log = Log::new();
    fs::write(log.path(), "").unwrap();
    fs::set_permissions(log.path(), fs::Permissions::from_mode(0o666)).unwrap();
    log.run(1);
    assert_eq!(fs::metadata(log.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn seals_come_at_intervals_too() {
    let log = Log {
        options: config::Audit { seal_interval: Duration::from_millis(1), ..config::Audit::default() },
        ..Log::new()
    };
    let mut audit = log.open();
    audit.write(&sample("OK")).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    audit.flush().unwrap();
    assert_eq!(kind(log.lines().last().unwrap()), "seal");
    audit.flush().unwrap();
    assert_eq!(log.lines().len(), 3, "and none where there is nothing to seal");
}

#[test]
fn what_was_dropped_is_a_line() {
    let log = Log::new();
    let mut audit = log.open();
    let mut dropped = Dropped::default();
    for outcome in ["OK", "RATE_LIMITED", "RATE_LIMITED", "PERMISSION_DENIED"] {
        dropped.add(&sample(outcome));
    }
    audit.dropped(&dropped).unwrap();
    drop(audit);
    let line: Value = serde_json::from_str(&log.lines()[1]).unwrap();
    assert_eq!(line["count"], 4);
    assert_eq!(line["denials"], serde_json::json!({"PERMISSION_DENIED": 1, "RATE_LIMITED": 2}));
    assert!(log.verify().unwrap().notes[0].contains("dropped"));
}

#[test]
fn every_policy_of_the_disk_writes_the_same() {
    for fsync in [Fsync::Never, Fsync::Interval, Fsync::Always] {
        let log = Log { options: config::Audit { fsync, ..config::Audit::default() }, ..Log::new() };
        log.run(10);
        assert_eq!(log.verify().unwrap().calls, 10);
    }
}

#[test]
fn questions_are_answered() {
    let log = Log::new();
    let mut audit = log.open();
    for outcome in ["OK", "RATE_LIMITED", "PERMISSION_DENIED"] {
        audit.write(&sample(outcome)).unwrap();
    }
    drop(audit);
    let count = |change: fn(&mut Query)| {
        let mut asked = Query { limit: 10, ..Query::default() };
        change(&mut asked);
        query(&[log.path()], &asked).unwrap().calls.len()
    };
    assert_eq!(count(|_| {}), 3);
    assert_eq!(count(|asked| asked.agent = Some("reporting".into())), 3);
    assert_eq!(count(|asked| asked.agent = Some("key:reporting".into())), 3);
    assert_eq!(count(|asked| asked.agent = Some("porting".into())), 0);
    assert_eq!(count(|asked| asked.subject = Some("carol".into())), 3);
    assert_eq!(count(|asked| asked.subject = Some("dave".into())), 0);
    assert_eq!(count(|asked| asked.tool = Some("find".into())), 3);
    assert_eq!(count(|asked| asked.outcome = Some("RATE_LIMITED".into())), 1);
    assert_eq!(count(|asked| asked.outcome = Some("denied".into())), 1);
    assert_eq!(count(|asked| asked.correlation = Some("x".into())), 0);
    assert_eq!(count(|asked| asked.since = Some(jiff::Timestamp::now())), 0);
    assert_eq!(count(|asked| asked.until = Some(jiff::Timestamp::now())), 3);
    let newest = query(&[log.path()], &Query { limit: 1, ..Query::default() }).unwrap();
    assert_eq!((newest.calls[0].outcome.as_str(), newest.older), ("PERMISSION_DENIED", 2));
}
