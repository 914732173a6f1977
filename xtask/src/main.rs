//! The repository's own commands: what CI runs, and the figures that the README states.
//!
//! `cargo xtask help` lists them. Everything here runs on a machine with Rust, a shell and root;
//! what a step needs beyond that it installs and says so (`tools`).

mod auth;
mod child;
mod clients;
mod compile;
mod conformance;
mod connections;
mod dependencies;
mod fuzz;
mod fuzzer;
mod http;
mod hygiene;
mod instructions;
mod oauth;
mod observability;
mod records;
mod server;
mod test;
mod tools;
mod weight;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a command or a step comes to; an error is one message for the person who reads the log.
type Result<T = ()> = std::result::Result<T, String>;

const HELP: &str = "\
The repository's own commands.

cargo xtask test [--long] [--only STEP]... [--chinook FILE]
    Everything that CI runs. A failed step does not stop the others; the summary comes last.
    --long          then every fuzz target for a minute (the step `fuzz`); installs cargo-fuzz
    --only STEP     run this step alone, may be repeated
    --chinook FILE  also compare the example server's figures with SQL on a Chinook database

cargo xtask weight [SERVER]...
    Crates, clean build and binary size of the smallest server with this toolkit and with its
    peers (benches/weight), as a Markdown table. Takes minutes; run it on a calm machine.

cargo xtask bench compile
    What fifty tools cost to compile, with our macros and with rmcp's, in turn, as a Markdown
    table. Takes minutes; run it on a calm machine.

cargo xtask bench http [ROUNDS]
    What a protected call over HTTP costs, beside axum, rmcp and tower-mcp, in turn, as a Markdown
    table. One core serves and one loads (`taskset`).

cargo xtask bench connections
    What a call takes while ten thousand connections are open, two hundred of them slow, beside
    what it takes otherwise, in turn, as a Markdown table.

cargo xtask bench call
    What the steps of a call cost in process, with their allocations; then what changes from two
    tools to a thousand, and with the number of agents, as Markdown tables.

cargo xtask bench auth
    What it costs to know who calls: an API key, a token that was seen before, a token at first
    sight, as Markdown tables.

cargo xtask bench hygiene
    What sanitising a string costs: throughput on clean text, time per byte by size on clean and
    on hostile text, allocations where nothing changes, as Markdown tables.

cargo xtask bench instructions
    How many instructions a call takes, by valgrind, and the bounds that `test` holds it to.

cargo xtask bench records
    What a record costs a call, and how many a second the audit file takes on one core, as a
    Markdown table. Run it on a calm machine.

cargo xtask bench telemetry
    What metrics and spans cost a call, as a Markdown table.

cargo xtask help
    This text.

Steps of `test`:
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = arguments.split_first().map_or(("help", &[][..]), |(command, rest)| (command.as_str(), rest));
    let done = match command {
        "test" => test::Plan::parse(rest).and_then(|plan| test::run(&plan)),
        "weight" => weight::run(rest),
        "bench" if rest == ["compile"] => compile::run(),
        "bench" if rest == ["auth"] => auth::run(),
        "bench" if rest.first().is_some_and(|what| what == "http") => http::run(rest.get(1).map(String::as_str)),
        "bench" if rest == ["connections"] => connections::run(),
        "bench" if rest == ["call"] => http::steps(),
        "bench" if rest == ["hygiene"] => hygiene::run(),
        "bench" if rest == ["instructions"] => {
            dependencies::metadata().and_then(|metadata| instructions::check(&metadata))
        }
        "bench" if rest == ["records"] => records::run(),
        "bench" if rest == ["telemetry"] => child::run(
            child::cargo()
                .args(["run", "--locked", "--release", "-p", "telemetry"])
                .current_dir(root().join("benches")),
        ),
        "bench" => {
            Err("`cargo xtask bench` measures `auth`, `call`, `compile`, `connections`, `http`, `hygiene`, `instructions`, `records` or `telemetry`"
                .into())
        }
        "help" | "--help" | "-h" => {
            print!("{HELP}{}", test::help());
            Ok(())
        }
        other => Err(format!("there is no command `{other}`; `cargo xtask help` lists them")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Where cargo builds.
fn target(metadata: &serde_json::Value) -> Result<PathBuf> {
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| "cargo metadata names no target folder".to_owned())
}
