//! Child processes, none of which can run for ever.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::{Result, root};

/// How often a child is asked whether it is done.
const POLL: Duration = Duration::from_millis(20);
/// How long a child that was asked to stop may take.
const GRACE: Duration = Duration::from_secs(5);

/// Without a deadline, what is run to the end may take this long.
const LONGEST: Duration = Duration::from_hours(1);

/// When whatever runs has to be done.
static DEADLINE: Mutex<Option<Instant>> = Mutex::new(None);

/// From now on no child outlives this moment.
pub(crate) fn until(deadline: Instant) {
    if let Ok(mut current) = DEADLINE.lock() {
        *current = Some(deadline);
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program, run in the workspace, that is asked nothing.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs to the end, showing what it prints; an error unless it succeeds before the deadline.
pub(crate) fn run(command: &mut Command) -> Result {
    let shown = show(command);
    println!("$ {shown}");
    let mut child = command.spawn().map_err(|error| format!("`{shown}` does not start: {error}"))?;
    check(&shown, wait(&mut child, LONGEST))
}

/// Runs to the end and returns what it printed; an error unless it succeeds within the limit.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let shown = show(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{shown}` does not start: {error}"))?;
    // Read while it runs: a full pipe would stop it.
    let out = collect(child.stdout.take());
    let err = collect(child.stderr.take());
    let status = wait(&mut child, limit);
    let (out, err) = (finish(out)?, finish(err)?);
    check(&shown, status).map_err(|error| format!("{error}\n{}", err.trim_end()))?;
    Ok(out)
}

/// Waits for the end; past the limit, or the deadline, the child and all that it started are stopped.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let started = Instant::now();
    let deadline = DEADLINE.lock().ok().and_then(|deadline| *deadline);
    let deadline = deadline.map_or(started + limit, |deadline| deadline.min(started + limit));
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) => {
                let waited = started.elapsed().as_secs_f32();
                stop_tree(child);
                return Err(format!("not done after {waited:.0} s: stopped"));
            }
            Err(error) => return Err(format!("cannot wait for it: {error}")),
        }
    }
}

/// Asks a child to stop, as a service manager would.
pub(crate) fn terminate(child: &Child) {
    signal("TERM", &[child.id()]);
}

fn check(shown: &str, status: Result<ExitStatus>) -> Result {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}`: {error}")),
    }
}

/// Stops a child and its descendants: cargo's death alone would leave the tests running.
fn stop_tree(child: &mut Child) {
    let mut tree = descendants(child.id());
    tree.push(child.id());
    signal("TERM", &tree);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(POLL);
    }
    signal("KILL", &tree);
    let _ = child.kill();
    let _ = child.wait();
}

/// Every process below this one, as far as the system tells (Linux does).
fn descendants(of: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(parent) = parent(&entry.path()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![of];
    while let Some(id) = open.pop() {
        let below = children.remove(&id).unwrap_or_default();
        found.extend(&below);
        open.extend(below);
    }
    found
}

/// The parent in `/proc/ID/stat`: `ID (NAME) STATE PARENT …`, where NAME may hold anything.
fn parent(process: &Path) -> Option<u32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

/// The shell's `kill`: the standard library only knows how to end a process at once.
fn signal(name: &str, ids: &[u32]) {
    let mut script = format!("kill -{name}");
    for id in ids {
        let _ = write!(script, " {id}");
    }
    let _ = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::null()).status();
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<std::io::Result<String>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    })
}

fn finish(reader: thread::JoinHandle<std::io::Result<String>>) -> Result<String> {
    reader
        .join()
        .map_err(|_| "a reader of output panicked".to_owned())?
        .map_err(|error| format!("cannot read the output: {error}"))
}

/// The command as one would type it, without its environment: that may hold a key.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut shown = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let plain = !argument.is_empty() && !argument.contains([' ', '"', '\'', '*', '$', '(']);
        let _ = if plain { write!(shown, " {argument}") } else { write!(shown, " '{argument}'") };
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_hangs_is_stopped_with_its_children() {
        let started = Instant::now();
        let error = output(command("sh").args(["-c", "sleep 60 & sleep 60"]), Duration::from_millis(300))
            .expect_err("it sleeps for a minute");
        assert!(error.contains("not done after"), "{error}");
        // Both pipes closed, so the grandchild is gone too.
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn output_comes_back_and_failures_say_why() {
        let limit = Duration::from_secs(10);
        assert_eq!(output(command("sh").args(["-c", "echo yes"]), limit).as_deref(), Ok("yes\n"));
        let error = output(command("sh").args(["-c", "echo no >&2; exit 3"]), limit).expect_err("it fails");
        assert!(error.contains("exit status: 3") && error.ends_with("no"), "{error}");
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = command("/usr/bin/sh");
        command.args(["-c", "exit 0"]).env("KEY", "secret");
        assert_eq!(show(&command), "sh -c 'exit 0'");
    }
}
