//! What somebody does to the lines of a file.

use super::*;

/// Who has no key can write a whole chain anew, and gets no further than the first seal.
fn rechain(lines: &mut [String]) {
    let mut before = chain::NONE;
    for line in lines.iter_mut() {
        let at = line.find("\"prev\":\"").unwrap() + 8;
        line.replace_range(at..at + 64, &chain::hex(&before));
        before = chain::hash(line.as_bytes());
    }
}

/// What somebody does to the lines of a file.
type Tamper = fn(&mut Vec<String>);

#[test]
fn every_kind_of_tampering_is_found_with_its_line() {
    let log = Log::new();
    log.run(12);
    let original = log.lines();
    let cases: [(&str, Tamper, u64, &str); 12] = [
        ("changed", |lines| lines[3] = lines[3].replace("reporting", "innocent!"), 4, "changed"),
        (
            "changed and chained anew",
            |lines| {
                lines[3] = lines[3].replace("reporting", "innocent!");
                rechain(lines);
            },
            1,
            "",
        ),
        ("one removed", |lines| drop(lines.remove(3)), 4, "was removed"),
        ("some removed", |lines| drop(lines.drain(2..5)), 3, "numbers 3 to 5 were removed"),
        ("the first removed", |lines| drop(lines.remove(0)), 1, "does not begin"),
        ("a seal removed", |lines| drop(lines.remove(6)), 7, "was removed"),
        ("two swapped", |lines| lines.swap(2, 3), 3, "reordered"),
        (
            "one moved to the end",
            |lines| {
                let line = lines.remove(2);
                lines.push(line);
            },
            3,
            "reordered",
        ),
        ("one twice", |lines| lines.insert(3, lines[2].clone()), 4, "put here"),
        ("no line at all", |lines| lines[4] = "hello".to_owned(), 5, "no line of an audit log"),
        (
            "a seal without its seal",
            |lines| {
                let at = lines[6].find(",\"seal\":").unwrap();
                lines[6].replace_range(at.., "}");
            },
            7,
            "seal was removed",
        ),
        (
            "a call made to a seal",
            |lines| {
                let last = lines.len() - 1;
                lines[last] = lines[last].replace("\"lines\":2", "\"lines\":1");
            },
            16,
            "seal is wrong",
        ),
    ];
    for (name, tamper, line, why) in cases {
        let mut lines = original.clone();
        tamper(&mut lines);
        log.replace(&lines);
        let broken = log.verify().unwrap_err();
        assert!(broken.why.contains(why), "{name}: {broken}");
        if why.is_empty() {
            assert!(broken.why.contains("seal is wrong"), "{name}: {broken}");
        } else {
            assert_eq!(broken.line, line, "{name}: {broken}");
        }
    }
    log.replace(&original);
    log.verify().unwrap();
}
