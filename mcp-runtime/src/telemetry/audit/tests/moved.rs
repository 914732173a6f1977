//! Files that get another name while somebody opens, checks or asks them.

use super::*;

#[test]
fn a_start_that_waits_for_a_file_that_is_put_aside_opens_the_next_one() {
    let log = Log { options: config::Audit { rotate: 4096, ..config::Audit::default() }, ..Log::new() };
    let mut audit = log.open();
    let (path, options) = (log.path(), log.options.clone());
    let waiting = std::thread::spawn(move || Audit::open(&path, &options, &KEY).map(drop));
    std::thread::sleep(Duration::from_millis(100));
    // The lock of the old file is free from now on, and the new one is ours.
    while names::set_aside(&log.path()).unwrap().is_empty() {
        audit.write(&sample("OK")).unwrap();
        audit.flush().unwrap();
    }
    let calls = log.verify().unwrap().calls;
    let error = waiting.join().unwrap().unwrap_err();
    assert!(matches!(error, AuditError::Busy { .. }), "{error}");
    audit.write(&sample("OK")).unwrap();
    drop(audit);
    assert_eq!(log.verify().unwrap().calls, calls + 1, "nobody else wrote a line");
}

#[test]
fn a_log_does_not_go_on_in_a_file_with_lines_of_another_process() {
    let log = Log::new();
    let mut audit = log.open();
    audit.write(&sample("OK")).unwrap();
    audit.flush().unwrap();
    let moved = log.folder.path().join("moved.jsonl");
    fs::rename(log.path(), &moved).unwrap();
    log.run(2);
    let of_other = fs::read(log.path()).unwrap();
    audit.write(&sample("OK")).unwrap();
    let error = audit.flush().unwrap_err();
    assert!(error.to_string().contains("lines of another process"), "{error}");
    assert_eq!(fs::read(log.path()).unwrap(), of_other);
    // Once it is out of the way, nothing is lost.
    fs::remove_file(log.path()).unwrap();
    audit.flush().unwrap();
    drop(audit);
    let check = Check { key: Some(KEY), ..Check::default() };
    assert_eq!(verify(&[moved, log.path()], &check).unwrap().calls, 2);
}

#[test]
fn a_check_of_a_log_that_goes_on_raises_no_false_alarm() {
    let log = Log { options: config::Audit { rotate: 4096, ..config::Audit::default() }, ..Log::new() };
    let mut audit = log.open();
    let (ended, end) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..300 {
                audit.write(&sample("OK")).unwrap();
                audit.flush().unwrap();
            }
            drop(ended);
            drop(audit);
        });
        let mut checks = 0;
        while end.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) || checks == 0 {
            log.verify().unwrap_or_else(|broken| panic!("{broken}"));
            let asked = Query { limit: 1000, ..Query::default() };
            query(&[log.path()], &asked).unwrap_or_else(|error| panic!("{error}"));
            checks += 1;
        }
    });
    assert_eq!(log.verify().unwrap().calls, 300);
}

#[test]
fn a_line_that_is_half_written_ends_what_is_read() {
    let log = Log::new();
    let audit = log.open();
    let mut text = fs::read_to_string(log.path()).unwrap();
    text.push_str("{\"kind\":\"call\"");
    fs::write(log.path(), &text).unwrap();
    let mut lines = lines::Lines::open(&log.path()).unwrap();
    assert!(lines.next().unwrap().unwrap().fed);
    assert!(!lines.next().unwrap().unwrap().fed);
    // What comes now was not there when the file was looked at.
    fs::write(log.path(), format!("{text},\"more\":1}}\n{{}}\n")).unwrap();
    assert!(lines.next().unwrap().is_none());
    fs::write(log.path(), &text).unwrap();
    assert!(log.verify().unwrap().notes[0].contains("not whole"), "a server writes it");
    drop(audit);
}

#[test]
fn the_newest_calls_are_shown_whatever_file_they_are_in_and_each_once() {
    let log = Log { options: config::Audit { rotate: 4096, ..config::Audit::default() }, ..Log::new() };
    let operators = names::of_operator(&log.path());
    let mut other = Audit::open(&operators, &log.options, &KEY).unwrap();
    let mut audit = log.open();
    let first = jiff::Timestamp::now();
    for number in 0..40 {
        let mut call = sample("OK");
        call.time = first + Duration::from_secs(number);
        let sink = if number % 2 == 0 { &mut audit } else { &mut other };
        sink.write(&call).unwrap();
        audit.flush().unwrap();
    }
    drop((audit, other));
    let mut files = vec![operators];
    files.extend(names::set_aside(&log.path()).unwrap());
    files.push(log.path());
    assert!(files.len() > 3);
    for files in [files.clone(), files.into_iter().rev().collect()] {
        let answer = query(&files, &Query { limit: 10, ..Query::default() }).unwrap();
        let times: Vec<_> = answer.calls.iter().map(|call| call.time.duration_since(first).as_secs()).collect();
        assert_eq!(times, (30..40).collect::<Vec<_>>());
        assert_eq!(answer.older, 30);
    }
    let error = query(&[log.path(), log.folder.path().join("gone.jsonl")], &Query::default()).unwrap_err();
    assert!(error.path.ends_with("gone.jsonl"), "{error}");
}
