//! What a start finds that a process left which did not end as it should.

use super::*;

impl Log {
    /// A log of small files, a few of them full.
    fn rotated() -> Self {
        let log = Self { options: config::Audit { rotate: 4096, ..config::Audit::default() }, ..Self::new() };
        log.run(1);
        for _ in 0..3 {
            log.run(12);
        }
        assert!(log.files() > 2, "{}", log.files());
        log
    }

    /// Puts the file aside as a rotation does, and ends there.
    fn break_off(&self) {
        let audit = self.open();
        audit.file.set_aside(audit.chain.seq()).unwrap();
    }
}

fn note(report: &Report, text: &str) -> bool {
    report.notes.iter().any(|note| note.contains(text))
}

#[test]
fn a_rotation_that_was_broken_off_does_not_begin_the_log_anew() {
    for left in
        [None, Some(""), Some("{\"ki"), Some("{\"kind\":\"head\",\"time\":\"20"), Some("\0\0\0"), Some("{\"k\n{\"kind")]
    {
        let log = Log::rotated();
        let before = log.verify().unwrap();
        log.break_off();
        if let Some(left) = left {
            fs::write(log.path(), left).unwrap();
        }
        log.run(1);
        let report = log.verify().unwrap_or_else(|broken| panic!("{left:?}: {broken}"));
        assert_eq!(report.calls, before.calls + 1, "{left:?}");
        assert_eq!(report.files.len(), before.files.len() + 1, "{left:?}");
        assert!(report.last > before.last);
        assert!(note(&report, "there was no file"), "{left:?}: {:?}", report.notes);
        assert_eq!(note(&report, "torn"), left.is_some_and(|left| !left.is_empty()), "{left:?}");
        // What the lost head left is told of, and may not be changed.
        if left.is_some_and(|left| !left.is_empty()) {
            let text = fs::read(log.path()).unwrap();
            fs::write(log.path(), [b"{", text.as_slice()].concat()).unwrap();
            assert!(log.verify().is_err(), "{left:?}");
        }
    }
}

#[test]
fn lines_behind_the_name_of_a_full_file_are_found_unsealed_by_who_begins_the_next() {
    let log = Log::rotated();
    log.break_off();
    let aside = names::set_aside(&log.path()).unwrap().remove(0);
    let text = fs::read_to_string(&aside).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let line = forged(text.lines().last().unwrap(), last["seq"].as_u64().unwrap() + 1);
    fs::write(&aside, text + &line + "\n").unwrap();
    log.run(1);
    let broken = log.verify().unwrap_err();
    assert!(broken.why.contains("never sealed"), "{broken}");
    let accepted = Check { key: Some(KEY), allow_unsealed: true, ..Check::default() };
    assert!(note(&log.verify_with(&accepted).unwrap(), "the 1 lines before"));
}

#[test]
fn a_file_that_only_has_the_name_of_a_full_one_is_passed_over() {
    let log = Log::rotated();
    let before = log.verify().unwrap();
    log.break_off();
    fs::write(log.folder.path().join("audit.999999999999.jsonl"), "hello\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", log.folder.path().join("audit.999999999998.jsonl")).unwrap();
    log.run(1);
    assert_eq!(log.verify().unwrap().calls, before.calls + 1);
}

#[test]
fn starts_that_were_broken_off_leave_one_torn_piece() {
    let log = Log::new();
    log.run(4);
    let whole = fs::read_to_string(log.path()).unwrap();
    let pieces = [
        "{\"kind\":\"call\",\"ti\n{\"kind\":\"recov",
        "{\"kind\":\"call\",\"ti\n",
        "{\"kind\":\"call\",\"ti\n\n{\"kind\":\"recovered\"\n{",
        "\n",
        "\n\n",
    ];
    for piece in pieces {
        fs::write(log.path(), format!("{whole}{piece}")).unwrap();
        log.run(2);
        let report = log.verify().unwrap_or_else(|broken| panic!("{piece:?}: {broken}"));
        assert_eq!((report.calls, report.notes.len()), (6, 1), "{piece:?}: {:?}", report.notes);
        let lines = log.lines();
        let told: Value = serde_json::from_str(&lines[lines.len() - 4]).unwrap();
        assert_eq!(told["torn"]["bytes"], piece.strip_suffix('\n').unwrap_or(piece).len(), "{piece:?}");
        // Each byte of it counts.
        let text = fs::read_to_string(log.path()).unwrap();
        fs::write(log.path(), text.replacen(piece, &format!("{piece}\n"), 1)).unwrap();
        assert!(log.verify().is_err(), "{piece:?}");
    }
    // A disk that lost its power may leave more than a line is long.
    fs::write(log.path(), format!("{whole}{}", "\0".repeat(3 << 20))).unwrap();
    log.run(1);
    assert_eq!(log.verify().unwrap().calls, 5);
}

#[test]
fn a_start_looks_back_no_further_than_it_must_and_a_check_does() {
    let log = Log::new();
    log.run(2);
    let mut lines = log.lines();
    // Two lines that somebody forged, and a start that saw one of them.
    for _ in 0..2 {
        lines.push(forged(lines.last().unwrap(), lines.len() as u64 + 1));
    }
    let last = lines.last().unwrap();
    let mut chain = chain::Chain::after(Key::new(&KEY).derive(LABEL), lines.len() as u64, chain::hash(last.as_bytes()));
    let mut told = Vec::new();
    chain.recovered(&mut told, 1, None);
    lines.push(String::from_utf8(told).unwrap().trim_end().to_owned());
    log.replace(&lines);
    let accepted = Check { key: Some(KEY), allow_unsealed: true, ..Check::default() };
    let report = log.verify_with(&accepted).unwrap();
    assert!(note(&report, "the 2 lines before"), "{:?}", report.notes);
}

#[test]
fn a_copy_of_another_log_is_found_and_not_gone_on_with() {
    let log = Log::new();
    log.run(2);
    let operators = names::of_operator(&log.path());
    fs::copy(log.path(), &operators).unwrap();
    let check = Check { key: Some(KEY), ..Check::default() };
    let broken = verify(std::slice::from_ref(&operators), &check).unwrap_err();
    assert!(broken.why.contains("it belongs to the log audit.jsonl, not to audit.operator.jsonl"), "{broken}");
    let error = Audit::open(&operators, &log.options, &KEY).unwrap_err();
    assert!(matches!(error, AuditError::Other { .. }) && error.to_string().contains("audit.jsonl"), "{error}");
    assert_eq!(log.verify().unwrap().log, "audit.jsonl");
}

#[test]
fn nothing_that_a_file_says_moves_the_terminal() {
    let log = Log::new();
    log.run(1);
    let lines = log.lines();
    for field in ["predecessor", "log"] {
        let mut head: Value = serde_json::from_str(&lines[0]).unwrap();
        head[field] = "a\u{1b}[31m\u{202e}\n.000000000001.jsonl".into();
        let mut changed = lines.clone();
        changed[0] = head.to_string();
        log.replace(&changed);
        let broken = log.verify().unwrap_err().to_string();
        assert!(broken.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{broken:?}");
    }
    let named = Broken { file: "a\u{1b}[31m".into(), line: 1, why: String::new() };
    assert!(!named.to_string().contains('\u{1b}'));
}
