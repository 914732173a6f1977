//! Every fuzz target for a while, with [cargo-fuzz](https://github.com/rust-fuzz/cargo-fuzz) and libFuzzer.
//!
//! Targets are built with coverage and without a sanitizer, which the stable compiler can do: what is looked for are
//! panics, and there is no unsafe code of ours. The programs run on copies of the seeds, so that the repository stays as
//! it is.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{Result, child, root, target};

/// Which cargo-fuzz builds the targets.
const CARGO_FUZZ: &str = "0.13.2";
/// How long each target runs, in seconds.
const SECONDS: u64 = 60;
/// An input that takes longer, in seconds, is a finding.
const SLOW: u64 = 10;
/// The longest input.
const LONGEST: u64 = 16_384;
/// Folders with a `fuzz` in them.
const CRATES: [&str; 2] = [".", "mcp-runtime"];
const MINUTE: Duration = Duration::from_mins(1);

/// Runs them one after the other; an error names the inputs that break something.
pub(crate) fn run(metadata: &Value) -> Result {
    let folder = target(metadata)?.join("fuzz");
    let program = install(&folder.join("tools"))?;
    let build = folder.join("build");
    let triple = host()?;
    let mut found = Vec::new();
    for of in CRATES {
        let of = root().join(of);
        // One package, so all targets are built at once.
        let mut command = child::command(&program);
        command.args(["fuzz", "build", "--sanitizer", "none", "--target", &triple, "--target-dir"]).arg(&build);
        child::run(command.current_dir(&of))?;
        for name in targets(&of.join("fuzz"))? {
            let binary = build.join(&triple).join("release").join(&name);
            found.extend(fuzz(&of.join("fuzz"), &name, &binary, &folder.join("runs").join(&name))?);
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// cargo-fuzz, installed unless it is there.
fn install(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("bin/cargo-fuzz");
    let version = || child::output(child::command(&program).args(["fuzz", "--version"]), MINUTE);
    if version().is_ok_and(|version| version.trim().ends_with(CARGO_FUZZ)) {
        println!("cargo-fuzz {CARGO_FUZZ} is there: {}", folder.display());
        return Ok(program);
    }
    println!("installing cargo-fuzz {CARGO_FUZZ} from crates.io into {}", folder.display());
    let mut command = child::cargo();
    command.args(["install", "cargo-fuzz", "--locked", "--force", "--version", CARGO_FUZZ, "--root"]).arg(folder);
    // Its programs are of no use to the next build of ours.
    child::run(command.arg("--target-dir").arg(folder.join("build")))?;
    version().map(|_| program)
}

/// Runs one target; says what it found.
fn fuzz(from: &Path, name: &str, binary: &Path, folder: &Path) -> Result<Option<String>> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    let (corpus, inputs) = (folder.join("corpus"), folder.join("found"));
    for folder in [&corpus, &inputs] {
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    let seeds = from.join("corpus").join(name);
    for seed in files(&seeds)? {
        let copy = corpus.join(seed.file_name().unwrap_or_default());
        fs::copy(&seed, copy).map_err(|error| failed(&seed, error))?;
    }
    let mut command = child::command(binary);
    command
        .arg(&corpus)
        .arg(format!("-artifact_prefix={}/", inputs.display()))
        .args([format!("-max_total_time={SECONDS}"), format!("-timeout={SLOW}"), format!("-max_len={LONGEST}")])
        .args(["-print_final_stats=1", "-verbosity=0"]);
    let dictionary = from.join("dictionaries").join(format!("{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let Err(error) = child::run(&mut command) else { return Ok(None) };
    let inputs: Vec<_> = files(&inputs)?.iter().map(|input| format!("  {}", input.display())).collect();
    if inputs.is_empty() {
        return Err(error);
    }
    Ok(Some(format!("the fuzz target {name} fails with\n{}", inputs.join("\n"))))
}

/// The targets of a folder, by its manifest.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let manifest: toml::Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    let binaries = manifest.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    let names: Vec<_> = binaries.filter_map(|binary| binary.get("name")?.as_str()).map(str::to_owned).collect();
    if names.is_empty() { Err(format!("{} names no fuzz target", path.display())) } else { Ok(names) }
}

/// The files of a folder, by name; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    files.sort();
    Ok(files)
}

/// The triple of the machine.
fn host() -> Result<String> {
    let printed = child::output(child::command("rustc").arg("-vV"), MINUTE)?;
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc names no host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_found() {
        for of in CRATES {
            let folder = root().join(of).join("fuzz");
            let mut names = targets(&folder).expect("targets");
            names.sort();
            let files = files(&folder.join("fuzz_targets")).expect("files");
            let is_target = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("fuzz_target!"));
            let stems: Vec<_> =
                files.iter().filter(|path| is_target(path)).filter_map(|path| path.file_stem()?.to_str()).collect();
            assert_eq!(names, stems);
        }
    }
}
