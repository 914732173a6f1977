//! How many instructions a call takes (`valgrind --tool=callgrind`): a figure that does not depend on what else a machine
//! does, and so one that CI can hold.
//!
//! It counts what happens between the head of a request and the last byte of its answer, in process, on the thread that
//! serves; sockets, and the thread that writes the record, have no part in it. valgrind's processor has no instructions
//! for SHA-256, so what a key and a digest cost is counted at several times its true weight.

use std::time::Duration;

use serde_json::Value;

use crate::{Result, child, root, target, tools};

/// Calls, and how many instructions each may take. Whoever makes one dearer sees it here, and raises the bound with a
/// reason or not at all; whoever makes one much cheaper lowers it. They are 6 % above what was counted: which way the C
/// library copies memory depends on the processor.
const CASES: [(&str, u64); 3] = [("no-arguments", 44_700), ("ten-arguments", 91_200), ("refused", 232_900)];

/// One case under valgrind.
const CASE: Duration = Duration::from_mins(3);

/// Counts, prints, and compares with the bounds.
pub(crate) fn check(metadata: &Value) -> Result {
    tools::valgrind()?;
    let folder = target(metadata)?.join("benches");
    let mut build = child::cargo();
    build.args(["build", "--locked", "--quiet", "--profile", "counted", "-p", "bench-call", "--bin", "instructions"]);
    child::run(build.arg("--target-dir").arg(&folder).current_dir(root().join("benches")))?;
    let program = folder.join("counted/instructions");
    let (audit, log) = (folder.join("instructions.jsonl"), folder.join("instructions.log"));
    let mut above = Vec::new();
    println!("| call | instructions | bound |\n| --- | --: | --: |");
    for (case, bound) in CASES {
        let mut run = child::command("valgrind");
        run.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
        run.arg("--toggle-collect=instructions::counted").arg(format!("--log-file={}", log.display()));
        let calls = child::output(run.arg(&program).arg(case).arg(&audit), CASE)?;
        let report = std::fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        for file in [&audit, &log] {
            let _ = std::fs::remove_file(file);
        }
        let count = per_call(&calls, &report).ok_or_else(|| format!("valgrind counted nothing:\n{report}"))?;
        println!("| {case} | {count} | {bound} |");
        if count > bound {
            above.push(format!("{case}: {count} instructions, more than {bound}"));
        }
    }
    if above.is_empty() { Ok(()) } else { Err(above.join("\n")) }
}

/// What the program says it did, and what valgrind counted meanwhile.
fn per_call(calls: &str, report: &str) -> Option<u64> {
    let calls: u64 = calls.trim().parse().ok()?;
    let counted = report.lines().find_map(|line| line.split_once("Collected :"))?.1;
    let counted: u64 = counted.trim().parse().ok()?;
    // Nothing was collected: a name has changed.
    counted.checked_div(calls).filter(|each| *each > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_its_part_of_all_and_never_nothing() {
        let report = |counted| format!("==1== Events    : Ir\n==1== Collected : {counted}\n");
        assert_eq!(per_call("100\n", &report("2345600")), Some(23_456));
        assert_eq!(per_call("100\n", &report("0")), None);
        assert_eq!(per_call("", &report("1")), None);
        assert_eq!(per_call("100", "valgrind: no such program"), None);
    }
}
