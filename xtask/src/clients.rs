//! The official clients against the example server: real programs, real sockets and pipes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{Result, child, root, server::Server, target, tools};

/// Everything that a tool of the example asks for.
const SCOPES: [&str; 8] = [
    "catalog.read",
    "customer.delete",
    "customer.read",
    "feedback.read",
    "feedback.write",
    "record.delete",
    "record.read",
    "revenue.read",
];
/// A word that the example's own database holds in a title.
const QUERY: &str = "love";
/// For one script, which bounds its own calls.
const SCRIPT: Duration = Duration::from_mins(5);
const COMMAND: Duration = Duration::from_secs(30);

/// Runs every script over HTTP and over stdio; with `chinook` also compares figures with SQL.
pub(crate) fn check(metadata: &Value, chinook: Option<&Path>) -> Result {
    let tools = tools::install(metadata)?;
    child::run(child::cargo().args(["build", "--locked", "--bin", "revenue"]))?;
    let target = target(metadata)?;
    let program = target.join("debug").join(format!("revenue{}", std::env::consts::EXE_SUFFIX));

    let python = || {
        let mut command = child::command(&tools.python);
        command.arg(root().join("tests/clients/python/checks.py"));
        command
    };
    let typescript = || {
        let mut command = child::command(&tools.node);
        command.arg(tools.typescript.join("checks.mjs"));
        command
    };

    let folder = Folder::new(&target)?;
    let revenue = Example { program, state: folder.0.join("state") };
    let server = revenue.serve(&[])?;
    let mut failed = Vec::new();
    let mut keys = Vec::new();
    // An agent for each run: they must not use up each other's limits.
    let runs = [
        ("python-http", python(), true),
        ("python-stdio", python(), false),
        ("typescript-http", typescript(), true),
        ("typescript-stdio", typescript(), false),
    ];
    for (name, mut command, http) in runs {
        println!("-- {name}");
        let every = revenue.key(name, &SCOPES)?;
        let reporting = revenue.key(&format!("{name}-reporting"), &["revenue.read"])?;
        command.env("MCP_API_KEY", &every).env("REPORTING_API_KEY", &reporting);
        keys.extend([every, reporting]);
        command.args(["--query", QUERY]);
        if http {
            command.args(["--url", &server.url]);
        } else {
            command.arg("--command").arg(&revenue.program);
            command.args(["serve", "--stdio", "--state"]).arg(&revenue.state);
        }
        if let Err(error) = script(&mut command) {
            println!("{error}");
            failed.push(name);
        }
    }
    // What it logged is worth reading only where a client was not content.
    let log = server.stop(!failed.is_empty())?;
    if keys.iter().any(|key| log.contains(key)) {
        return Err(format!("a key stands in the server's log\n{log}"));
    }

    if let Some(database) = chinook {
        println!("-- chinook");
        if let Err(error) = figures(&revenue, &tools, database) {
            println!("{error}");
            failed.push("chinook");
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not content: {}", failed.join(", "))) }
}

/// Serves a copy of the database and asks the same of it in two ways.
fn figures(revenue: &Example, tools: &tools::Tools, database: &Path) -> Result {
    let read = || fs::read(database).map_err(|error| format!("{}: {error}", database.display()));
    let before = read()?;
    let server = revenue.serve(&["--db", &database.to_string_lossy()])?;
    let mut command = child::command(&tools.python);
    command
        .arg(root().join("tests/clients/python/chinook.py"))
        .args(["--url", &server.url, "--database"])
        .arg(database)
        .env("MCP_API_KEY", revenue.key("chinook", &["revenue.read"])?);
    let compared = script(&mut command);
    server.stop(compared.is_err())?;
    compared?;
    if read()? != before {
        return Err(format!("{} is changed: the server is to work on a copy", database.display()));
    }
    Ok(())
}

/// Runs a script and shows what it prints.
pub(crate) fn script(command: &mut std::process::Command) -> Result {
    let mut child = command.spawn().map_err(|error| format!("the script does not start: {error}"))?;
    let status = child::wait(&mut child, SCRIPT)?;
    if status.success() { Ok(()) } else { Err(format!("the script failed: {status}")) }
}

/// An example server's binary and its state.
pub(crate) struct Example {
    pub(crate) program: PathBuf,
    pub(crate) state: PathBuf,
}

impl Example {
    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = child::command(&self.program);
        command.args(words).arg("--state").arg(&self.state).env_remove("MCP_API_KEY");
        command
    }

    /// Issues a key from a process of its own, beside the running server.
    pub(crate) fn key(&self, agent: &str, scopes: &[&str]) -> Result<String> {
        let mut command = self.command(&["keys", "issue", "--json", "--agent", agent]);
        for scope in scopes {
            command.args(["--scope", scope]);
        }
        let printed = child::output(&mut command, COMMAND)?;
        let issued: Value = serde_json::from_str(&printed).map_err(|error| format!("keys issue --json: {error}"))?;
        issued["key"].as_str().map(str::to_owned).ok_or_else(|| "keys issue --json prints no `key`".to_owned())
    }

    /// Starts to serve on a free port.
    pub(crate) fn serve(&self, options: &[&str]) -> Result<Server> {
        let mut command = self.command(&["serve", "--http", "127.0.0.1:0"]);
        Server::start(command.args(options))
    }
}

/// A folder of this run alone.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let path = target.join("clients").join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
