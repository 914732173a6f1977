//! `mcp-fuzzer` against the server of everything: no crash, no malformed request accepted, a record for each message.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    Result, child,
    clients::{Example, Folder, script},
    root, target, tools,
};

/// Tools that ask somebody. The fuzzer reads a stream only once it has ended, so it never answers.
const ASKING: [&str; 14] = [
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_input_required_result_capabilities",
    "test_input_required_result_elicitation",
    "test_input_required_result_list_roots",
    "test_input_required_result_multi_round",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_request_state",
    "test_input_required_result_sampling",
    "test_input_required_result_tampered_state",
    "test_missing_capability",
    "test_sampling",
    "test_streaming_elicitation",
];

/// Runs the fuzzer over HTTP, by both revisions, and over stdio; each run judges what it was answered.
pub(crate) fn check(metadata: &Value) -> Result {
    let tools = tools::install(metadata)?;
    child::run(child::cargo().args(["build", "--locked", "--bin", "everything"]))?;
    let target = target(metadata)?;
    let program = target.join("debug").join(format!("everything{}", std::env::consts::EXE_SUFFIX));
    let folder = Folder::new(&target)?;
    let everything = Example { program, state: folder.0.join("state") };
    let key = everything.key("fuzzer", &["*"])?;
    let mut failed = Vec::new();
    for revision in ["2026-07-28", "2025-11-25"] {
        let (config, audit) = configuration(&folder.0, revision)?;
        let server = everything.serve(&["--config", &config.to_string_lossy()])?;
        let mut fuzz = python(&tools, "fuzz.py", &audit, &key);
        let judged = script(fuzz.args(["--revision", revision, "--url", &server.url]));
        // To stop without an error and without a panic of its own is a part of it.
        if let Err(error) = judged.and(server.stop(false).map(drop)) {
            println!("{error}");
            failed.push(revision);
        }
    }
    let (config, audit) = configuration(&folder.0, "stdio")?;
    let mut fuzz = python(&tools, "stdio.py", &audit, &key);
    fuzz.arg("--").arg(&everything.program).args(["serve", "--stdio", "--state"]).arg(&everything.state);
    fuzz.arg("--config").arg(config);
    if let Err(error) = script(&mut fuzz) {
        println!("{error}");
        failed.push("stdio");
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("the server does not stand up to it: {}", failed.join(", "))) }
}

fn python(tools: &tools::Tools, name: &str, audit: &Path, key: &str) -> Command {
    let mut command = child::command(&tools.fuzzer);
    command.arg(root().join("tests/clients/fuzzer").join(name)).arg("--audit").arg(audit).env("MCP_API_KEY", key);
    command
}

/// What the server is told: where its records go, and that a text is no number, as the schemas say.
fn configuration(folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
    let audit = folder.join(format!("{name}.jsonl"));
    let mut text = format!("[audit]\npath = {:?}\n[arguments]\ncoerce = false\n", audit.display().to_string());
    for tool in ASKING {
        let _ = writeln!(text, "[tools.{tool}]\ntimeout = \"200ms\"");
    }
    let config = folder.join(format!("{name}.toml"));
    fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
    Ok((config, audit))
}
