//! `cargo xtask bench http`: one protected call over HTTP, ours beside its peers, in turn.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{Result, child, dependencies, root, target};

/// Connections of the load, each with one call on its way at a time.
const CONNECTIONS: &str = "32";
/// How often every server has its turn, and for how many seconds, unless told otherwise.
const ROUNDS: usize = 7;
const SECONDS: &str = "2";
/// The first core is the servers', the second the load's.
pub(crate) const CORES: [&str; 2] = ["0", "1"];
const RUN: Duration = Duration::from_mins(2);

/// A way to serve the tool: what it is called in the table, its program, and what that is told.
const SERVERS: [(&str, &str, &[&str]); 10] = [
    ("bare axum: nothing checked", "bare", &[]),
    (HAND_WRITTEN, "axum-protected", &[]),
    ("rmcp, its router in a field: nothing checked", "rmcp-plain", &["--router-in-field"]),
    (RMCP, "rmcp-plain", &[]),
    ("rmcp, protections by hand, its own log lines off", "rmcp-protected", &["--quiet"]),
    (GLUED, "rmcp-protected", &[]),
    ("tower-mcp with its own protections", "tower-mcp", &[]),
    ("ours through rmcp", "ours", &["--rmcp"]),
    ("ours, 50 tools", "ours", &["--fifty"]),
    (OURS, "ours", &[]),
];
const HAND_WRITTEN: &str = "axum, protections by hand";
const RMCP: &str = "rmcp: nothing checked";
const GLUED: &str = "rmcp, protections by hand";
const OURS: &str = "**ours**";

/// Serves, loads, prints the table. `rounds` may be fewer for a quick look.
pub(crate) fn run(rounds: Option<&str>) -> Result {
    let rounds = rounds.map_or(Ok(ROUNDS), str::parse).map_err(|_| "so many rounds: a number".to_owned())?;
    let (folder, programs) = programs()?;
    let records = folder.join("records");
    std::fs::create_dir_all(&records).map_err(|error| format!("{}: {error}", records.display()))?;
    let mut servers = Vec::new();
    for (index, (name, program, arguments)) in SERVERS.into_iter().enumerate() {
        let path = records.join(format!("{index}.jsonl"));
        servers.push((name, Server::start(&programs.join(program), &path, arguments)?, Vec::new()));
    }
    for round in 0..rounds {
        for (name, server, rounds) in &mut servers {
            rounds.push(server.load(&programs.join("load"), CONNECTIONS, SECONDS)?);
            println!("round {}: {name}: {:.1} µs", round + 1, rounds.last().map_or(f64::NAN, |round| round.micros));
        }
    }
    print(&servers.iter().map(|(name, _, rounds)| (*name, rounds.as_slice())).collect::<Vec<_>>());
    drop(servers);
    std::fs::remove_dir_all(&records).map_err(|error| format!("{}: {error}", records.display()))
}

/// Builds the programs: the folder of all benches, and theirs.
pub(crate) fn programs() -> Result<(PathBuf, PathBuf)> {
    let folder = target(&dependencies::metadata()?)?.join("benches");
    let mut build = child::cargo();
    build.args(["build", "--release", "--quiet", "-p", "bench-http", "--target-dir"]).arg(&folder);
    child::run(build.current_dir(root().join("benches")))?;
    let programs = folder.join("release");
    Ok((folder, programs))
}

/// `cargo xtask bench call`: the steps of a call in process.
pub(crate) fn steps() -> Result {
    let folder = target(&dependencies::metadata()?)?.join("benches");
    let counts = folder.join("allocations.txt");
    let run = |features: &[&str]| {
        let mut run = child::cargo();
        run.args(["run", "--release", "--quiet", "-p", "bench-call", "--target-dir"]).arg(&folder).args(features);
        run.current_dir(root().join("benches")).env("ALLOCATIONS", &counts);
        run
    };
    let _ = std::fs::remove_file(&counts);
    // First the counts, which weigh on the times, then the times, beside those counts.
    child::run(run(&["--features", "counted"]).stdout(Stdio::null()))?;
    child::run(&mut run(&[]))
}

/// A server that waits for its turns.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Server {
    pub(crate) fn start(program: &Path, records: &Path, arguments: &[&str]) -> Result<Self> {
        let failed = |why: &str| format!("{}: {why}", program.display());
        let mut command = child::command("taskset");
        command.args(["-c", CORES[0]]).arg(program).arg(records).args(arguments).env_remove("RUST_LOG");
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`taskset` (util-linux) does not start: {error}"))?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|error| failed(&error.to_string()))?;
        }
        // `taskset` becomes the program, so the id stays.
        let server = |(address, key): (&str, &str)| (address.to_owned(), key.to_owned());
        let Some((address, key)) = line.trim_end().split_once(' ').map(server) else {
            let _ = process.kill();
            let _ = process.wait();
            return Err(failed("it does not say where it listens"));
        };
        Ok(Self { process, address, key })
    }

    pub(crate) fn load(&self, program: &Path, connections: &str, seconds: &str) -> Result<Round> {
        let mut command = child::command("taskset");
        let pid = self.process.id().to_string();
        command.args(["-c", CORES[1]]).arg(program).args([&self.address, &self.key, &pid]).args([connections, seconds]);
        let line = child::output(&mut command, RUN)?;
        let line: Value = serde_json::from_str(&line).map_err(|error| format!("the load said `{line}`: {error}"))?;
        let number = |name: &str| line[name].as_f64().unwrap_or(f64::NAN);
        let answers = number("answers");
        Ok(Round {
            rate: answers / number("seconds"),
            micros: (number("user") + number("system")) / answers * 1e6,
            user: number("user") / answers * 1e6,
            p50: number("p50"),
            p99: number("p99"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What one turn came to; times are in microseconds.
pub(crate) struct Round {
    pub(crate) rate: f64,
    micros: f64,
    user: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

fn print(servers: &[(&str, &[Round])]) {
    let median_of = |rounds: &[Round], of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    // Of each round by itself: a machine that is slow is slow for both.
    let ratio = |one: &[Round], other: &[Round], of: fn(&Round) -> f64| {
        median(one.iter().zip(other).map(|(one, other)| of(one) / of(other)).collect())
    };
    let rounds = |name: &str| servers.iter().find(|(other, _)| *other == name).map_or(&[][..], |(_, rounds)| rounds);
    println!("\n| | requests/s | CPU µs a request | of it in user space | p50 µs | p99 µs | CPU, hand-written = 1 |");
    println!("| --- | --: | --: | --: | --: | --: | --: |");
    for (name, own) in servers {
        println!(
            "| {name} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {:.2} |",
            median_of(own, |round| round.rate),
            median_of(own, |round| round.micros),
            median_of(own, |round| round.user),
            median_of(own, |round| round.p50),
            median_of(own, |round| round.p99),
            ratio(own, rounds(HAND_WRITTEN), |round| round.micros),
        );
    }
    let ours = rounds(OURS);
    println!("\n| ours, beside | CPU | user CPU | requests/s |");
    println!("| --- | --: | --: | --: |");
    for name in [HAND_WRITTEN, GLUED, RMCP, "ours, 50 tools"] {
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} |",
            ratio(ours, rounds(name), |round| round.micros),
            ratio(ours, rounds(name), |round| round.user),
            ratio(ours, rounds(name), |round| round.rate),
        );
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(upper), 0) => values.get(middle - 1).map_or(*upper, |lower| f64::midpoint(*lower, *upper)),
        (Some(value), _) => *value,
        (None, _) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }
}
