//! `cargo xtask weight`: what the smallest server costs to build and to ship.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use crate::{Result, child, dependencies, root, target};

/// Folders of `benches/weight`, each a server with one tool over HTTP.
const SERVERS: [&str; 3] = ["rmcp", "tower-mcp", "ours"];
/// Of `/proc/self/stat`; Linux has counted so for decades, whatever the kernel's own tick.
const TICKS_PER_SECOND: f64 = 100.0;
const TREE: Duration = Duration::from_mins(5);

/// Measures the named servers, or all of them.
pub(crate) fn run(names: &[String]) -> Result {
    if let Some(unknown) = names.iter().find(|name| !SERVERS.contains(&name.as_str())) {
        return Err(format!("there is no server `{unknown}`; there are {}", SERVERS.join(", ")));
    }
    let folder = target(&dependencies::metadata()?)?.join("weight");
    let benches = root().join("benches");
    // Beforehand, so that no download is counted. Not `--locked`: when our own dependencies change,
    // the lock file of the benches follows here.
    child::run(child::cargo().args(["fetch"]).current_dir(&benches))?;

    let mut rows = Vec::new();
    for server in SERVERS {
        if names.is_empty() || names.iter().any(|name| name == server) {
            rows.push(measure(server, &benches, &folder)?);
        }
    }
    println!("\n| minimal server | crates | clean build, CPU s | stripped MB |");
    println!("| --- | --: | --: | --: |");
    for row in rows {
        println!("{row}");
    }
    Ok(())
}

fn measure(server: &str, benches: &Path, folder: &Path) -> Result<String> {
    let package = format!("weight-{server}");
    let tree = ["tree", "-e", "normal", "--prefix", "none", "--format", "{p}", "-p", &package];
    let printed = child::output(child::cargo().args(tree).current_dir(benches), TREE)?;
    let crates = crates(&printed);

    let clear = || {
        if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
    };
    clear().map_err(|error| format!("{}: {error}", folder.display()))?;
    let before = cpu_seconds()?;
    let mut build = child::cargo();
    build.args(["build", "--release", "--quiet", "-p", &package, "--target-dir"]).arg(folder);
    child::run(build.current_dir(benches))?;
    let seconds = cpu_seconds()? - before;

    let program = folder.join("release").join(&package);
    let bytes = fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    clear().map_err(|error| format!("{}: {error}", folder.display()))?;
    #[expect(clippy::cast_precision_loss, reason = "a binary of 2⁵³ bytes has other troubles")]
    let megabytes = bytes as f64 / 1e6;
    Ok(format!("| {server} | {crates} | {seconds:.0} | {megabytes:.1} |"))
}

/// How many crates a tree names; the server itself is its first line and no dependency.
fn crates(tree: &str) -> usize {
    let lines = tree.lines().skip(1).map(|line| line.trim_end_matches("(*)").trim());
    lines.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len()
}

/// User and system time of all children that have ended, theirs included.
pub(crate) fn cpu_seconds() -> Result<f64> {
    let stat =
        fs::read_to_string("/proc/self/stat").map_err(|error| format!("CPU time is read on Linux alone: {error}"))?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND).ok_or_else(|| format!("/proc/self/stat reads `{stat}`"))
}

/// `cutime` and `cstime` of proc(5), fields 16 and 17; the second is a name that may hold anything.
fn ticks(stat: &str) -> Option<f64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(13);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once() {
        assert_eq!(crates("server v0.0.0 (/server)\na v1.0.0\nb v1.0.0\na v1.0.0 (*)\na v2.0.0\n"), 3);
    }

    #[test]
    fn times_of_children_are_found() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 300 45 20 0 1 0 99";
        assert_eq!(ticks(stat), Some(345.0));
        assert_eq!(ticks("7 (a"), None);
    }
}
