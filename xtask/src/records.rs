//! `cargo xtask bench records`: what a record costs the call that leaves it.

use crate::{Result, child, root};

/// Builds the benchmark, and runs it on one core: the threads of the sinks share it with the calls.
pub(crate) fn run() -> Result {
    let benches = root().join("benches");
    child::run(child::cargo().args(["build", "--release", "--quiet", "-p", "records"]).current_dir(&benches))?;
    let mut run = child::command("taskset");
    run.args(["-c", "0"]).arg(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    child::run(run.args(["run", "--release", "--quiet", "-p", "records"]).current_dir(&benches))
}
