//! The fixture server as a process of its own, as its operator runs it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::audit::Audit;
use crate::http::Request;

/// No step of a test takes longer than this.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until something holds.
///
/// # Panics
/// If it does not within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder with state, configuration and audit of one server, and its command line.
pub struct Site {
    binary: PathBuf,
    folder: TempDir,
    serve: &'static [&'static str],
}

/// A key as `keys issue` gave it.
#[derive(Clone, Debug)]
pub struct Key {
    /// The id.
    pub id: String,
    /// The whole key.
    pub key: String,
}

impl Site {
    /// A place for the fixture binary; `env!("CARGO_BIN_EXE_fixture")` names it. `config` may hold anything but
    /// `[audit]`.
    pub fn new(binary: &str, config: &str) -> Self {
        Self::new_with_audit(binary, config, "")
    }

    /// As [`Site::new`], with more keys of `[audit]` than its path.
    pub fn new_with_audit(binary: &str, config: &str, audit_config: &str) -> Self {
        let site = Self { binary: binary.into(), folder: tempfile::tempdir().expect("a folder"), serve: &[] };
        let audit = site.path("audit.jsonl");
        let config =
            format!("{config}\n[audit]\npath = {:?}\n{audit_config}\n", audit.to_str().expect("a path in UTF-8"));
        std::fs::write(site.path("config.toml"), config).expect("a configuration");
        site
    }

    /// The same, with more arguments whenever it serves.
    #[must_use]
    pub fn serving(self, serve: &'static [&'static str]) -> Self {
        Self { serve, ..self }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The audit file.
    pub fn audit(&self) -> Audit {
        Audit::at(&self.path("audit.jsonl"))
    }

    /// The audit file of the operator's own calls.
    pub fn operators_audit(&self) -> Audit {
        Audit::at(&self.path("audit.operator.jsonl"))
    }

    /// What the tools left behind, a line each.
    pub fn trace(&self) -> Vec<String> {
        std::fs::read_to_string(self.path("trace")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// A command in this place, with its state and configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.arg("--state").arg(self.path("state")).arg("--config").arg(self.path("config.toml"));
        command
    }

    /// A command in this place, with nothing but its arguments.
    pub fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MCP_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        finish(&mut self.command(arguments))
    }

    /// Runs a command that succeeds, and gives the JSON that it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Issues a key.
    pub fn issue(&self, agent: &str, scopes: &[&str]) -> Key {
        let mut arguments = vec!["keys", "issue", "--agent", agent];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let issued = self.json(&arguments);
        let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
        Key { id: text("id"), key: text("key") }
    }

    /// Serves over HTTP on a port that the system picks.
    pub fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    /// As [`Site::serve`], with more arguments.
    pub fn serve_with(&self, arguments: &[&str]) -> Serving {
        let mut command = self.command(&[&["serve", "--http", "127.0.0.1:0"], self.serve, arguments].concat());
        command.arg("--trace").arg(self.path("trace"));
        Serving::start(command.stdin(Stdio::piped()))
    }

    /// One more server of the same state, with an audit file of its own.
    pub fn serve_beside(&self) -> Serving {
        let mut command = self.command(&["serve", "--http", "127.0.0.1:0"]);
        command.env("MCP_RUNTIME__AUDIT__PATH", self.path("audit.second.jsonl"));
        Serving::start(command.stdin(Stdio::piped()))
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }
}

/// Runs a command to its end, within [`PATIENCE`].
pub fn finish(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    let mut child = Killed(child);
    let read = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stream.map(|mut stream| stream.read_to_end(&mut bytes));
            bytes
        })
    };
    let out = read(child.0.stdout.take().map(|out| Box::new(out) as _));
    let err = read(child.0.stderr.take().map(|err| Box::new(err) as _));
    let status = child.wait();
    Output { status, stdout: out.join().expect("output"), stderr: err.join().expect("output") }
}

/// A process that does not outlive the test.
struct Killed(Child);

impl Killed {
    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < end, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that runs.
pub struct Serving {
    process: Killed,
    /// Where it listens.
    pub address: SocketAddr,
    /// As it printed it.
    pub url: String,
    /// What it wrote to standard error before it listened.
    pub said: Vec<String>,
    lines: Receiver<String>,
}

impl Serving {
    /// Starts a server, and waits until it listens.
    ///
    /// # Panics
    /// If it ends before.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
        let mut process = Killed(child);
        let (sender, lines) = channel();
        let stderr = process.0.stderr.take().expect("standard error");
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        let mut seen = Vec::new();
        let url = loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else { panic!("the server does not listen: {seen:#?}") };
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
            seen.push(line);
        };
        let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let address = authority.replace("localhost", "127.0.0.1").parse().ok();
        Self { process, address: address.expect("an address"), url, lines, said: seen }
    }

    /// A request to it.
    pub fn request(&self) -> Request {
        Request::new(self.address)
    }

    /// Sends a message with a key, and gives the JSON of the answer.
    pub fn ask(&self, key: &Key, message: &Value) -> Value {
        self.request().key(&key.key).message(message).send().json()
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// What it wrote to standard error from now on, to its end.
    pub fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect()
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.process.0
    }

    /// Asks it to stop, as a service manager does.
    pub fn terminate(&self) {
        let id = self.process.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(sent.success());
    }

    /// Asks it to stop, and waits for its end.
    pub fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}

/// Standard output and standard error as text.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

/// Whether a path is there.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
