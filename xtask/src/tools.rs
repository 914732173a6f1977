//! What the clients need beyond Rust: Python, Node, and the official SDKs in the versions that
//! `tests/clients` pins. Programs come from Debian's packages, SDKs go into the target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{Result, child, root, target};

/// For a program that only has to say what it is.
const MINUTE: Duration = Duration::from_mins(1);
/// The SDKs, our scripts and the conformance suite need these.
const PYTHON: (u32, u32) = (3, 11);
const NODE: u32 = 22;
/// Where Debian's own Node is older: the same program as an npm package.
const NODE_PACKAGE: &str = "22.23.3";

/// The programs that run the client scripts.
pub(crate) struct Tools {
    /// Python with the SDK installed.
    pub(crate) python: PathBuf,
    pub(crate) node: PathBuf,
    /// A folder with the TypeScript SDKs and copies of our scripts, which find them beside themselves.
    pub(crate) typescript: PathBuf,
    /// A folder with the conformance suite.
    pub(crate) conformance: PathBuf,
    /// Python with mcp-fuzzer installed: what it needs does not go with the SDK.
    pub(crate) fuzzer: PathBuf,
}

/// Installs what is missing, saying so first, and leaves alone what is there.
pub(crate) fn install(metadata: &Value) -> Result<Tools> {
    let folder = target(metadata)?.join("clients");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    debian()?;
    let fuzzer = python(&folder.join("fuzzer"), "tests/clients/fuzzer", "mcp_fuzzer")?;
    let python = python(&folder.join("python"), "tests/clients/python", "mcp")?;
    let node = node(&folder.join("node"))?;
    let typescript = typescript(&folder.join("typescript"), &node)?;
    let conformance = folder.join("conformance");
    packages(&conformance, "tests/conformance", |folder| folder.join(SUITE).is_file())?;
    Ok(Tools { python, node, typescript, conformance, fuzzer })
}

/// Programs, by the names of Debian's packages.
fn debian() -> Result {
    let mut missing = Vec::new();
    let python = python_version();
    // Debian splits `venv` off: without `ensurepip` it makes an environment that has no pip.
    let venv = child::output(child::command("python3").args(["-c", "import ensurepip, venv"]), MINUTE);
    if python.is_err() || venv.is_err() {
        missing.extend(["python3", "python3-venv"]);
    }
    let node = child::output(child::command("node").arg("--version"), MINUTE);
    let npm = child::output(child::command("npm").arg("--version"), MINUTE);
    if node.is_err() {
        missing.push("nodejs");
    }
    if npm.is_err() {
        missing.push("npm");
    }
    if missing.is_empty() {
        println!("python3 with venv, node and npm are there");
    } else {
        apt(&missing)?;
    }
    let version = python_version()?;
    if version < PYTHON {
        return Err(format!("python3 is {}.{}, the clients need {}.{}", version.0, version.1, PYTHON.0, PYTHON.1));
    }
    Ok(())
}

/// Installs Debian's packages, saying so first.
fn apt(missing: &[&str]) -> Result {
    println!("missing on this machine, to be installed from Debian's packages: {}", missing.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = child::command("apt-get");
        command.args(["-q", "-y"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        child::run(&mut command)
    };
    apt(&["update"])
        .and_then(|()| apt(&[&["install", "--no-install-recommends"], missing].concat()))
        .map_err(|error| format!("{error}\ninstall by hand what is missing: {}", missing.join(", ")))
}

/// Prometheus and promtool, as Debian has them.
pub(crate) fn prometheus() -> Result {
    let is_there = |program| child::output(child::command(program).arg("--version"), MINUTE).is_ok();
    if is_there("prometheus") && is_there("promtool") {
        println!("prometheus and promtool are there");
        return Ok(());
    }
    apt(&["prometheus"])
}

/// valgrind, as Debian has it.
pub(crate) fn valgrind() -> Result {
    if child::output(child::command("valgrind").arg("--version"), MINUTE).is_ok() {
        println!("valgrind is there");
        return Ok(());
    }
    apt(&["valgrind"])
}

fn python_version() -> Result<(u32, u32)> {
    let script = "import sys; print(*sys.version_info[:2])";
    let printed = child::output(child::command("python3").args(["-c", script]), MINUTE)?;
    let mut numbers = printed.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(format!("python3 says it is `{}`", printed.trim())),
    }
}

/// A virtual environment with the packages that a folder of ours pins; one of them is imported to see that it works.
fn python(folder: &Path, from: &str, module: &str) -> Result<PathBuf> {
    let pins = root().join(from).join("requirements.txt");
    let program = folder.join("bin/python");
    let (major, minor) = python_version()?;
    let wanted = format!("# Python {major}.{minor}\n{}", read(&pins)?);
    let import = format!("import {module}");
    let works = || child::output(child::command(&program).args(["-c", &import]), MINUTE).is_ok();
    if is_stamped(folder, &wanted) && works() {
        println!("the packages of {from} are there: {}", folder.display());
        return Ok(program);
    }
    println!("installing the packages of {from} from PyPI into {}", folder.display());
    child::run(child::command("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"];
    twice(|| child::run(child::command(&program).args(install).arg(&pins)))?;
    stamp(folder, &wanted)?;
    Ok(program)
}

/// Node as the machine has it, or a newer one where it is too old for the SDKs.
fn node(folder: &Path) -> Result<PathBuf> {
    let version = child::output(child::command("node").arg("--version"), MINUTE)?;
    let major: Option<u32> =
        version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_some_and(|major| major >= NODE) {
        return Ok("node".into());
    }
    let machine = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => {
            return Err(format!("node is {}, the clients need {NODE}, and npm has none for {other}", version.trim()));
        }
    };
    let package = format!("node-{}-{machine}", env::consts::OS.replace("macos", "darwin"));
    let program = folder.join("node_modules").join(&package).join("bin/node");
    let wanted = format!("{package}@{NODE_PACKAGE}");
    let runs = || child::output(child::command(&program).arg("--version"), MINUTE);
    if !is_stamped(folder, &wanted) || runs().is_err() {
        println!(
            "node is {}, the clients need {NODE}: installing {wanted} from npm into {}",
            version.trim(),
            folder.display()
        );
        fresh(folder)?;
        let mut command = child::command("npm");
        command.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(folder).arg(&wanted);
        twice(|| child::run(&mut command))?;
        stamp(folder, &wanted)?;
    }
    runs()?;
    Ok(program)
}

/// The conformance suite, in the folder where it is installed.
pub(crate) const SUITE: &str = "node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// A folder with the TypeScript SDKs.
fn typescript(folder: &Path, node: &Path) -> Result<PathBuf> {
    let from = "tests/clients/typescript";
    packages(folder, from, |folder| {
        let mut import = child::command(node);
        import.args(["--input-type=module", "--eval", "await import('@modelcontextprotocol/client')"]);
        child::output(import.current_dir(folder), MINUTE).is_ok()
    })?;
    for script in ["checks.mjs", "oauth.mjs"] {
        copy(&root().join(from).join(script), &folder.join(script))?;
    }
    Ok(folder.to_owned())
}

/// The packages of a lock file, installed into a folder.
fn packages(folder: &Path, from: &str, works: impl Fn(&Path) -> bool) -> Result {
    let from = root().join(from);
    let wanted = read(&from.join("package-lock.json"))?;
    if is_stamped(folder, &wanted) && works(folder) {
        println!("the packages of {} are there: {}", from.display(), folder.display());
        return Ok(());
    }
    println!("installing the packages of {} from npm into {}", from.display(), folder.display());
    fresh(folder)?;
    for file in ["package.json", "package-lock.json"] {
        copy(&from.join(file), &folder.join(file))?;
    }
    let mut command = child::command("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    twice(|| child::run(&mut command))?;
    if !works(folder) {
        return Err(format!("what was installed into {} does not work", folder.display()));
    }
    stamp(folder, &wanted)
}

/// Once more after a failure: what is downloaded may be there the second time.
fn twice(mut install: impl FnMut() -> Result) -> Result {
    install().or_else(|error| {
        println!("{error}\nonce more:");
        install()
    })
}

/// The stamp is written last, so a folder that has it is complete.
fn is_stamped(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join("installed")).is_ok_and(|found| found == wanted)
}

fn stamp(folder: &Path, wanted: &str) -> Result {
    let path = folder.join("installed");
    fs::write(&path, wanted).map_err(|error| format!("{}: {error}", path.display()))
}

fn fresh(folder: &Path) -> Result {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}
