//! What a record costs the call that leaves it, and how many a second one core takes. Prints a Markdown table.

use std::error::Error;
use std::time::{Duration, Instant};

use mcp_runtime::config::Config;
use mcp_runtime::measure::Records;
use mcp_runtime::telemetry::Telemetry;
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use tracing_subscriber::util::SubscriberInitExt;

/// Records in one round: fewer than the default queue holds, so that none waits or is dropped.
const ROUND: u32 = 4000;
/// Rounds of each kind, in turn; the figure is the median.
const ROUNDS: usize = 41;
/// Records a second, and for how long.
const RATE: u32 = 50_000;
const SECONDS: u32 = 10;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let folder = tempfile::tempdir()?;
    let with_audit = |name: &str| -> Result<Records> {
        let path = folder.path().join(name);
        Ok(Records::new(&Config::parse(&format!("[audit]\npath = {path:?}"))?, Telemetry::new())?)
    };
    let unheard = Records::new(&Config::default(), Telemetry::new())?;
    let heard = Records::heard(&Config::default())?;
    let audit = with_audit("audit.jsonl")?;

    let (mut plain, mut none, mut audited, mut logged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        none.push(round(&unheard));
        plain.push(round(&heard));
        audited.push(round(&audit));
        assert!(audit.flush(Duration::from_secs(30)), "the audit file keeps up");
        let listening = mcp_runtime::measure::json().set_default();
        logged.push(round(&heard));
        drop(listening);
    }
    let (plain, none, audited, logged) = (median(plain), median(none), median(audited), median(logged));
    println!("| what | CPU ns a call | budget |\n| --- | --: | --: |");
    println!("| the record: times, decision, quota, counts; that is all where every sink is off | {none:.0} | 500 |");
    println!("| its arguments: three, one of them personal, redacted and digested | {:.0} | |", plain - none);
    println!("| the audit file, on the calling thread | {:.0} | 1,500 |", audited - plain);
    println!("| `tracing` with the JSON formatter: span and event | {:.0} | 3,000 |", logged - plain);

    let mut hashes: Vec<_> = (0..ROUNDS).map(|_| hash()).collect();
    hashes.sort_by(f64::total_cmp);
    println!("| SHA-256 of 32 bytes, to compare machines | {:.0} | |", hashes[ROUNDS / 2]);

    let paced = with_audit("paced.jsonl")?;
    let before = cpu(ClockId::ProcessCPUTime);
    let took = pace(&paced);
    assert!(paced.flush(Duration::from_secs(30)), "the audit file keeps up");
    let used = cpu(ClockId::ProcessCPUTime) - before;
    let lost: u64 = paced.counts().iter().map(|sink| sink.lost).sum();
    let records = f64::from(RATE) * f64::from(SECONDS);
    println!(
        "\n{:.0} records a second for {SECONDS} s: {lost} lost, {:.0} % of one core",
        records / took,
        100.0 * used / took
    );
    Ok(())
}

/// Nanoseconds of this thread's CPU time a record: others on the machine do not count.
fn round(records: &Records) -> f64 {
    let start = cpu(ClockId::ThreadCPUTime);
    for _ in 0..ROUND {
        records.one();
    }
    (cpu(ClockId::ThreadCPUTime) - start) * 1e9 / f64::from(ROUND)
}

/// Nanoseconds of CPU time a hash.
fn hash() -> f64 {
    let mut text = [7; 32];
    let start = cpu(ClockId::ThreadCPUTime);
    for _ in 0..ROUND {
        text = Sha256::digest(text).into();
    }
    std::hint::black_box(text);
    (cpu(ClockId::ThreadCPUTime) - start) * 1e9 / f64::from(ROUND)
}

/// Leaves records at the rate, a millisecond's worth at a time; the seconds that it took.
fn pace(records: &Records) -> f64 {
    let start = Instant::now();
    for tick in 1..=SECONDS * 1000 {
        for _ in 0..RATE / 1000 {
            records.one();
        }
        let due = start + Duration::from_millis(u64::from(tick));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds on a clock of CPU time.
#[expect(clippy::cast_precision_loss, reason = "seconds and nanoseconds are far below 2^53")]
fn cpu(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
