//! `cargo xtask bench connections`: what a call takes while ten thousand connections are open, two hundred of them slow.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use crate::{
    Result, child,
    http::{self, CORES, Round, Server, median},
};

const IDLE: &str = "9800";
const SLOW: &str = "200";
const ROUNDS: usize = 5;
/// Connections of the load: few, so that a call waits for the crowd and not for its like.
const CALLERS: &str = "4";
const SECONDS: &str = "4";

/// Serves, loads without and with the crowd in turn, prints the table.
pub(crate) fn run() -> Result {
    let (folder, programs) = http::programs()?;
    let records = folder.join("records.connections");
    std::fs::create_dir_all(&records).map_err(|error| format!("{}: {error}", records.display()))?;
    let server = Server::start(&programs.join("ours"), &records.join("0.jsonl"), &["--crowd"])?;
    let load = programs.join("load");
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        let without = server.load(&load, CALLERS, SECONDS)?;
        let memory = resident(&server)?;
        let crowd = Crowd::gather(&programs.join("crowd"), &server)?;
        let memory = resident(&server)?.saturating_sub(memory);
        let with = server.load(&load, CALLERS, SECONDS)?;
        crowd.leave()?;
        println!("round {round}: p99 {:.0} µs without, {:.0} µs with", without.p99, with.p99);
        // What one round took, the next finds free.
        rounds.push((without, with, if round == 1 { memory } else { 0 }));
    }
    print(&rounds);
    drop(server);
    std::fs::remove_dir_all(&records).map_err(|error| format!("{}: {error}", records.display()))
}

fn print(rounds: &[(Round, Round, usize)]) {
    type Of = fn(&Round) -> f64;
    println!("\n| | without | with | ratio, of each round |");
    println!("| --- | --: | --: | --: |");
    let rows: [(&str, Of); 3] =
        [("p50 µs", |round| round.p50), ("p99 µs", |round| round.p99), ("calls/s", |round| round.rate)];
    for (name, of) in rows {
        let without = median(rounds.iter().map(|(without, _, _)| of(without)).collect());
        let with = median(rounds.iter().map(|(_, with, _)| of(with)).collect());
        let ratio = median(rounds.iter().map(|(without, with, _)| of(with) / of(without)).collect());
        println!("| {name} | {without:.0} | {with:.0} | **{ratio:.2}** |");
    }
    let memory: usize = rounds.iter().map(|(_, _, memory)| memory).sum();
    println!("\nMemory of the server: {} KiB a connection.", memory / 10_000 / 1024);
}

/// The memory of a server that is in use, in bytes.
fn resident(server: &Server) -> Result<usize> {
    let path = format!("/proc/{}/status", server.process.id());
    let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| format!("{path}: it has no VmRSS"))
}

/// Connections that stay open until it is dropped.
struct Crowd(Child);

impl Crowd {
    fn gather(program: &Path, server: &Server) -> Result<Self> {
        let mut command = child::command("taskset");
        command.args(["-c", CORES[1]]).arg(program).args([&server.address, &server.key]).args([IDLE, SLOW]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut crowd = Self(spawned.map_err(|error| format!("`taskset` (util-linux) does not start: {error}"))?);
        let mut line = String::new();
        if let Some(out) = crowd.0.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|error| format!("the crowd: {error}"))?;
        }
        if line.trim() == "there" {
            return Ok(crowd);
        }
        Err("the crowd does not come together; each process needs 11,000 open files (`ulimit -n`)".to_owned())
    }

    /// Closes the connections; an error if the server did before.
    fn leave(mut self) -> Result {
        drop(self.0.stdin.take());
        match self.0.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the crowd broke: {status}")),
            Err(error) => Err(format!("the crowd: {error}")),
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
