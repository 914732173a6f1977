//! An example server as a process, for the clients that test it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use crate::{Result, child};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(20);

/// A running server; dropped, it is gone.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) url: String,
}

impl Server {
    /// Starts a server, and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_owned();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let log = Arc::new(Mutex::new(String::new()));
        let (found, url) = mpsc::channel();
        let stderr = child.stderr.take();
        let lines = Arc::clone(&log);
        // To the end: a server whose log nobody reads would stop.
        thread::spawn(move || {
            for line in
                stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines()).map_while(std::io::Result::ok)
            {
                if let Some((_, url)) = line.split_once("listening on ") {
                    let _ = found.send(url.trim().to_owned());
                }
                if let Ok(mut lines) = lines.lock() {
                    lines.push_str(&line);
                    lines.push('\n');
                }
            }
        });
        let mut server = Self { child, log, url: String::new() };
        match url.recv_timeout(START) {
            Ok(url) => {
                server.url = url;
                Ok(server)
            }
            Err(_) => Err(format!("the server does not say where it listens\n{}", server.log())),
        }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }

    /// Asks it to stop, which it has to, and without an error; returns what it logged.
    pub(crate) fn stop(mut self, show: bool) -> Result<String> {
        child::terminate(&self.child);
        let status = child::wait(&mut self.child, STOP);
        let log = self.log();
        if show {
            println!("-- what the server logged\n{log}");
        }
        match status {
            Ok(status) if !status.success() => Err(format!("asked to stop, the server ends with {status}\n{log}")),
            Err(error) => Err(format!("asked to stop, the server is {error}\n{log}")),
            Ok(_) if log.contains("panicked at") => Err(format!("the server panicked\n{log}")),
            Ok(_) => Ok(log),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
