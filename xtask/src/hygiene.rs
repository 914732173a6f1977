//! `cargo xtask bench hygiene`: what sanitising a string costs, by `benches/hygiene`.

use crate::{Result, child, dependencies, root, target};

/// Builds the program and runs it; it prints the tables.
pub(crate) fn run() -> Result {
    let folder = target(&dependencies::metadata()?)?.join("hygiene");
    let benches = root().join("benches");
    let mut command = child::cargo();
    command.args(["run", "--release", "--quiet", "--package", "hygiene", "--target-dir"]).arg(folder);
    child::run(command.current_dir(benches))
}
