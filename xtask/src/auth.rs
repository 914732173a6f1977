//! `cargo xtask bench auth`: what it costs to know who calls.

use std::time::{Duration, Instant};

use crate::{Result, child, dependencies, root, target};

/// To build it from nothing, and to run it.
const LIMIT: Duration = Duration::from_mins(30);

pub(crate) fn run() -> Result {
    child::until(Instant::now() + LIMIT);
    let target = target(&dependencies::metadata()?)?.join("benches");
    let run = ["run", "--locked", "--release", "--quiet", "-p", "auth", "--target-dir"];
    child::run(child::cargo().args(run).arg(target).current_dir(root().join("benches")))
}
