//! A server as the child of its client: a line in, a line out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::message::{LEGACY, initialize};
use crate::process::{Key, PATIENCE, Site, eventually};

/// The server as a child, with its two ends.
pub struct Session {
    /// The process.
    pub child: Child,
    /// Its standard input, until it is closed.
    pub input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Session {
    /// Serves over standard input and output, with this key.
    pub fn start(site: &Site, key: &Key) -> Self {
        let mut command = site.command(&["serve", "--stdio"]);
        command.arg("--trace").arg(site.path("trace")).env("MCP_API_KEY", &key.key);
        Self::spawn(&mut command)
    }

    /// Any command that serves.
    pub fn spawn(command: &mut Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.spawn().unwrap();
        let (sender, lines) = channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        Self { input: child.stdin.take(), child, lines }
    }

    /// As a client of the older revision does it.
    pub fn initialized(site: &Site, key: &Key) -> Self {
        let mut session = Self::start(site, key);
        let answer = session.ask(&initialize(0));
        assert_eq!(answer["result"]["protocolVersion"], LEGACY, "{answer}");
        session.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        session
    }

    /// Sends a line, whatever it is.
    pub fn send(&mut self, line: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_ref()).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    /// The next message.
    pub fn receive(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        serde_json::from_str(&line).expect("JSON on standard output, and nothing else")
    }

    /// Sends a message, and gives the next one.
    pub fn ask(&mut self, message: &Value) -> Value {
        self.send(message.to_string());
        self.receive()
    }

    /// Closes standard input, and waits for the end.
    pub fn end(&mut self) -> bool {
        drop(self.input.take());
        eventually("it ends with its client", || self.ended());
        self.child.wait().unwrap().success()
    }

    /// Whether the process is gone.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
