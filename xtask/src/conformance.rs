//! The official conformance suite against the server of everything, for both revisions that are served, and by both ways
//! that calls of the newer one are served by.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{Result, child, server::Server, target, tools};

/// Each revision's requirement set, and how many scenarios of it are scored.
const REVISIONS: [(&str, usize); 2] = [("2025-11-25", 30), ("2026-07-28", 37)];

/// For one revision; it takes ten seconds.
const SUITE_TIME: Duration = Duration::from_mins(5);

/// Runs every requirement set; an error unless every scored scenario of each passes.
pub(crate) fn check(metadata: &Value) -> Result {
    let tools = tools::install(metadata)?;
    child::run(child::cargo().args(["build", "--locked", "--bin", "everything"]))?;
    let program = target(metadata)?.join("debug").join(format!("everything{}", std::env::consts::EXE_SUFFIX));
    let mut failed = Vec::new();
    let ways: [(&str, &[&str]); 2] = [("", &[]), ("-through-rmcp", &["--through-rmcp"])];
    for ((revision, scored), (way, options)) in REVISIONS.into_iter().flat_map(|of| ways.map(|way| (of, way))) {
        println!("-- {revision}{way}");
        // A server of its own for each: none inherits what another revision's clients left.
        let mut command = child::command(&program);
        command.args(["serve", "--no-auth", "--http", "127.0.0.1:0"]).args(options);
        let server = Server::start(&mut command)?;
        let results = tools.conformance.join(format!("results-{revision}{way}"));
        let ran = suite(&tools, &server.url, revision, &results).and_then(|()| {
            let found = scenarios(&results)?;
            // An empty run would pass as well.
            if found < scored { Err(format!("{found} scenarios ran, {scored} are scored")) } else { Ok(()) }
        });
        let stopped = server.stop(ran.is_err());
        if let Err(error) = ran.and(stopped.map(drop)) {
            println!("{error}");
            failed.push(format!("{revision}{way}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("does not conform: {}", failed.join(", "))) }
}

/// Runs one requirement set. The suite itself knows which of its scenarios are scored, and fails for those alone.
fn suite(tools: &tools::Tools, url: &str, revision: &str, results: &Path) -> Result {
    if results.exists() {
        fs::remove_dir_all(results).map_err(|error| format!("{}: {error}", results.display()))?;
    }
    let mut command = child::command(&tools.node);
    command.arg(tools.conformance.join(tools::SUITE)).args(["server", "--url", url, "--requirements", revision, "-o"]);
    let printed = child::output(command.arg(results), SUITE_TIME)
        .map_err(|error| format!("{error}\nsee {}", results.display()))?;
    // Line by line it says what it runs; what came of it stands at the end.
    println!("{}", printed.rsplit_once("=== SUMMARY ===").map_or(&*printed, |(_, summary)| summary));
    Ok(())
}

/// How many scenarios left their checks.
fn scenarios(results: &Path) -> Result<usize> {
    let folders = fs::read_dir(results).map_err(|error| format!("{}: {error}", results.display()))?;
    let checks: Vec<PathBuf> = folders.flatten().map(|folder| folder.path().join("checks.json")).collect();
    Ok(checks.iter().filter(|checks| checks.is_file()).count())
}
