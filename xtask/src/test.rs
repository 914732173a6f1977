//! `cargo xtask test`: everything that CI runs.

use std::{
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Result, child, clients, conformance, dependencies, fuzz, fuzzer, instructions, oauth, observability, root, target,
    tools,
};

/// The whole run; a step gets what is left of it where that is less than its own limit.
const TOTAL: Duration = Duration::from_mins(80);

/// What the long steps may take beyond that.
const LONG: Duration = Duration::from_mins(60);

/// One step: what `--only` calls it, what it does, and how long it may take in minutes.
struct Step {
    name: &'static str,
    about: &'static str,
    minutes: u64,
    /// Runs with `--long`, or by its name.
    long: bool,
    run: fn(&Context) -> Result,
}

const STEPS: [Step; 14] = [
    Step {
        name: "tools",
        about: "Python, Node and the clients' packages are there, or are installed",
        minutes: 20,
        long: false,
        run: |context| tools::install(&context.metadata).map(drop),
    },
    Step { name: "fmt", about: "the source is formatted", minutes: 5, long: false, run: fmt },
    Step { name: "clippy", about: "no warnings, with every feature on", minutes: 40, long: false, run: clippy },
    Step {
        name: "test",
        about: "all tests and documentation examples, with every feature on",
        minutes: 60,
        long: false,
        run: test,
    },
    Step {
        name: "features",
        about: "mcp-runtime compiles with each of its features alone, and with none, and names those it lacks; the fuzz targets compile",
        minutes: 30,
        long: false,
        run: features,
    },
    Step {
        name: "dependencies",
        about: "licences, sources and bans of deny.toml; what mcp-macros may depend on",
        minutes: 5,
        long: false,
        run: |context| dependencies::check(&context.metadata),
    },
    Step {
        name: "clients",
        about: "the official Python and TypeScript clients against the example server",
        minutes: 30,
        long: false,
        run: |context| clients::check(&context.metadata, context.chinook.as_deref()),
    },
    Step {
        name: "oauth",
        about: "the official TypeScript clients, a real authorization server, and our server as its resource",
        minutes: 20,
        long: false,
        run: |context| oauth::check(&context.metadata),
    },
    Step {
        name: "conformance",
        about: "the official conformance suite against the server of everything",
        minutes: 20,
        long: false,
        run: |context| conformance::check(&context.metadata),
    },
    Step {
        name: "fuzzer",
        about: "mcp-fuzzer against the server of everything; what it is answered is judged by the schemas",
        minutes: 15,
        long: false,
        run: |context| fuzzer::check(&context.metadata),
    },
    Step {
        name: "observability",
        about: "alert rules and their tests; every query of the dashboard in a real Prometheus",
        minutes: 20,
        long: false,
        run: |context| observability::check(&context.metadata),
    },
    Step {
        name: "instructions",
        about: "how many instructions a call takes, counted by valgrind, is within its bounds",
        minutes: 30,
        long: false,
        run: |context| instructions::check(&context.metadata),
    },
    Step { name: "docs", about: "the documentation builds without warnings", minutes: 30, long: false, run: docs },
    Step {
        name: "fuzz",
        about: "every fuzz target for a minute, with cargo-fuzz; only with --long",
        minutes: 60,
        long: true,
        run: |context| fuzz::run(&context.metadata),
    },
];

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    only: Vec<String>,
    long: bool,
    chinook: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut plan = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next().cloned();
                value.ok_or_else(|| format!("`{argument}` needs a value"))
            };
            match argument.as_str() {
                "--only" => {
                    let name = value()?;
                    if STEPS.iter().all(|step| step.name != name) {
                        return Err(format!("there is no step `{name}`:\n{}", help()));
                    }
                    plan.only.push(name);
                }
                "--long" => plan.long = true,
                "--chinook" => {
                    // Commands run in the workspace, the path is meant from here.
                    let path = PathBuf::from(value()?);
                    let path = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
                    plan.chinook = Some(path);
                }
                other => {
                    return Err(format!("`{other}` is no option of `test`; `cargo xtask help` lists them"));
                }
            }
        }
        Ok(plan)
    }

    fn wants(&self, step: &Step) -> bool {
        let named = self.only.iter().any(|name| name == step.name);
        named || (self.only.is_empty() && (self.long || !step.long))
    }
}

/// What steps share.
struct Context {
    metadata: Value,
    chinook: Option<PathBuf>,
}

/// The steps, one a line.
pub(crate) fn help() -> String {
    STEPS.iter().fold(String::new(), |mut text, step| {
        let _ = writeln!(text, "    {:14}{}", step.name, step.about);
        text
    })
}

/// Runs the plan; an error if any step failed.
pub(crate) fn run(plan: &Plan) -> Result {
    let started = Instant::now();
    let metadata = dependencies::metadata()?;
    println!("building in {}", target(&metadata)?.display());
    let total = TOTAL + if plan.long { LONG } else { Duration::ZERO };
    let context = Context { metadata, chinook: plan.chinook.clone() };
    let mut results = Vec::new();
    for step in STEPS.iter().filter(|step| plan.wants(step)) {
        println!("\n== {}: {}", step.name, step.about);
        let begun = Instant::now();
        child::until((begun + Duration::from_mins(step.minutes)).min(started + total));
        let result = (step.run)(&context);
        let seconds = begun.elapsed().as_secs_f32();
        match &result {
            Ok(()) => println!("== {}: passed in {seconds:.1} s", step.name),
            Err(error) => println!("{error}\n== {}: FAILED after {seconds:.1} s", step.name),
        }
        results.push((step.name, seconds, result));
    }
    summarise(&results, started.elapsed())
}

/// Says it all once more, where nobody has to look for it.
fn summarise(results: &[(&str, f32, Result)], took: Duration) -> Result {
    println!("\n== summary");
    for (name, seconds, result) in results {
        match result {
            Ok(()) => println!("  passed  {name:14}{seconds:7.1} s"),
            // The first line says what; the rest stands with the step.
            Err(error) => println!("  FAILED  {name:14}{seconds:7.1} s  {}", error.lines().next().unwrap_or("")),
        }
    }
    let failed = results.iter().filter(|(_, _, result)| result.is_err()).count();
    println!("  in all {:.1} min\n", took.as_secs_f32() / 60.0);
    println!("steps: {} passed, {failed} failed", results.len() - failed);
    if failed == 0 { Ok(()) } else { Err("see above".to_owned()) }
}

fn fmt(_: &Context) -> Result {
    child::run(child::cargo().args(["fmt", "--all", "--check"]))?;
    // Without `--all`, which follows paths into our own workspace once more.
    for workspace in ["benches", "fuzz", "mcp-runtime/fuzz"] {
        child::run(child::cargo().args(["fmt", "--check"]).current_dir(root().join(workspace)))?;
    }
    Ok(())
}

fn clippy(_: &Context) -> Result {
    let scope = ["--locked", "--workspace", "--all-targets", "--all-features"];
    child::run(child::cargo().arg("clippy").args(scope).args(["--", "-D", "warnings"]))
}

fn test(_: &Context) -> Result {
    // On after a failed binary: one run shows every failure.
    let scope = ["--locked", "--workspace", "--all-features", "--no-fail-fast"];
    child::run(child::cargo().arg("test").args(scope))
}

fn features(context: &Context) -> Result {
    let names = dependencies::features(&context.metadata, "mcp-runtime")?;
    let mut failed = Vec::new();
    for name in [""].into_iter().chain(names.iter().map(String::as_str)) {
        // Of that crate alone, warnings are errors: the dependencies keep what was built of them.
        let check = ["rustc", "--locked", "--quiet", "-p", "mcp-runtime", "--lib", "--profile", "check"];
        let features = ["--no-default-features", "--features", name, "--", "-D", "warnings"];
        if let Err(error) = child::run(child::cargo().args(check).args(features)) {
            println!("{error}");
            failed.push(if name.is_empty() { "none at all" } else { name });
        }
    }
    // What a configuration says of features that are not built in can only be tested without them.
    child::run(child::cargo().args(["test", "--locked", "--quiet", "-p", "mcp-runtime", "--lib", "built_in"]))?;
    // Fuzz targets run with `--long`; that they compile is checked here.
    for workspace in ["fuzz", "mcp-runtime/fuzz"] {
        let mut check = child::cargo();
        check.args(["check", "--locked", "--quiet", "--target-dir"]).arg(target(&context.metadata)?.join("fuzz"));
        child::run(check.current_dir(root().join(workspace)))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("does not compile alone: {}", failed.join(", "))) }
}

fn docs(_: &Context) -> Result {
    let scope = ["--locked", "--workspace", "--all-features", "--no-deps"];
    child::run(child::cargo().arg("doc").args(scope).env("RUSTDOCFLAGS", "-D warnings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Plan> {
        Plan::parse(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn everything_unless_asked_for_less() {
        let all = parse(&[]).expect("no options");
        assert!(STEPS.iter().all(|step| all.wants(step) != step.long));
        let long = parse(&["--long"]).expect("all steps");
        assert!(STEPS.iter().all(|step| long.wants(step)));
        let some = parse(&["--only", "fmt", "--only", "docs", "--only", "fuzz"]).expect("steps");
        let wanted: Vec<_> = STEPS.iter().filter(|step| some.wants(step)).map(|step| step.name).collect();
        assert_eq!(wanted, ["fmt", "docs", "fuzz"]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse(&["--only", "lint"]).is_err_and(|error| error.contains("clippy")));
        assert!(parse(&["--only"]).is_err_and(|error| error.contains("needs a value")));
        assert!(parse(&["--fast"]).is_err_and(|error| error.contains("--fast")));
        assert!(parse(&["--chinook", "/nowhere.sqlite"]).is_err_and(|error| error.contains("/nowhere.sqlite")));
    }

    #[test]
    fn one_failure_fails_the_run() {
        let took = Duration::from_secs(1);
        assert_eq!(summarise(&[("fmt", 0.1, Ok(()))], took), Ok(()));
        assert!(summarise(&[("fmt", 0.1, Ok(())), ("docs", 0.1, Err("no".to_owned()))], took).is_err());
    }
}
