//! `cargo xtask bench compile`: what fifty tools cost to compile, with our macros and with rmcp's.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Result, child, dependencies, root, target};

/// Pairs of runs, ours and rmcp's in turn; the first pair is not counted.
const RUNS: usize = 9;
/// Tools in each server.
const TOOLS: usize = 50;
/// One compilation.
const LIMIT: Duration = Duration::from_mins(10);

/// The arguments of a tool, by turns: name, type, description, option of ours.
const ARGUMENTS: [(&str, &str, &str, &str); 4] = [
    ("country", "String", "Country, as on the invoices.", "length(1..=40)"),
    ("months", "u32", "How many months back.", "range(1..=240)"),
    ("limit", "Option<u32>", "How many at most.", "range(1..=50)"),
    ("exact", "bool", "Whole words alone.", ""),
];

/// Times both servers and prints the table.
pub(crate) fn run() -> Result {
    let folder = target(&dependencies::metadata()?)?.join("compile");
    let write = |path: &Path, text: &str| {
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    write(&folder.join("Cargo.toml"), &workspace())?;
    write(&folder.join("ours/Cargo.toml"), &manifest("ours"))?;
    write(&folder.join("rmcp/Cargo.toml"), &manifest("rmcp"))?;
    // The lock file of the benches, so that both are built from the crates that the other figures were measured with.
    let lock = folder.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(root().join("benches/Cargo.lock"), &lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    }
    let sources = [("ours", ours as fn(usize) -> String), ("rmcp", theirs)];

    for (name, source) in &sources {
        write(&folder.join(name).join("src/lib.rs"), &source(0))?;
    }

    println!("\n{TOOLS} tools of 0 to 4 arguments, the dependencies built beforehand; median of {RUNS} pairs\n");
    println!("| | ours, CPU s | rmcp, CPU s | ours / rmcp | least and most |");
    println!("| --- | --: | --: | --: | --- |");
    for (command, incremental) in [("check", false), ("check", true), ("build", false), ("build", true)] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..=RUNS {
            for ((name, source), times) in sources.iter().zip(&mut times) {
                // Another body in one tool: what a user does all day.
                write(&folder.join(name).join("src/lib.rs"), &source(round))?;
                let time = compile(&folder, name, command, incremental)?;
                if round > 0 {
                    times.push(time);
                }
            }
        }
        let [ours, theirs] = &times;
        let mut ratios: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        ratios.sort_by(f64::total_cmp);
        let name = format!("{} `cargo {command}`", if incremental { "incremental" } else { "clean" });
        println!(
            "| {name} | {:.2} | {:.2} | **{:.2}** | {:.2} to {:.2} |",
            median(ours),
            median(theirs),
            median(&ratios),
            ratios[0],
            ratios[ratios.len() - 1],
        );
    }
    Ok(())
}

/// Compiles one server and tells the CPU seconds that its own compilation took.
fn compile(folder: &Path, name: &str, command: &str, incremental: bool) -> Result<f64> {
    let mut cargo = child::cargo();
    cargo.args([command, "--quiet", "--package", &format!("compile-{name}"), "--target-dir"]);
    cargo.arg(folder.join(if incremental { "incremental" } else { "clean" })).current_dir(folder);
    cargo.env("CARGO_INCREMENTAL", if incremental { "1" } else { "0" });
    let before = crate::weight::cpu_seconds()?;
    child::output(&mut cargo, LIMIT)?;
    Ok(crate::weight::cpu_seconds()? - before)
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn workspace() -> String {
    "[workspace]\nresolver = \"3\"\nmembers = [\"ours\", \"rmcp\"]\n".to_owned()
}

fn manifest(name: &str) -> String {
    let runtime: PathBuf = root().join("mcp-runtime");
    let framework = match name {
        "ours" => format!("mcp-runtime = {{ path = {:?} }}", runtime.display().to_string()),
        _ => "rmcp = { version = \"3.9\", features = [\"transport-streamable-http-server\"] }".to_owned(),
    };
    format!(
        "[package]\nname = \"compile-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
         {framework}\nschemars = \"1.2\"\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    )
}

/// The types and the body that both servers share. `round` changes one body, so that there is something to compile.
fn answer(tool: usize, round: usize) -> String {
    let round = if tool == 0 { round } else { 0 };
    format!("Answer {{ text: String::from(\"answer {tool}\"), count: {round} }}")
}

const ANSWER: &str = "
/// What every tool answers.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct Answer {
    text: String,
    count: usize,
}
";

/// What a user of ours writes.
fn ours(round: usize) -> String {
    let mut source = format!("//! Fifty tools.\n{ANSWER}\n/// The server.\npub struct Fifty;\n\n");
    source.push_str("#[mcp_runtime::server(name = \"fifty\", rate = \"300/min\")]\nimpl Fifty {\n");
    for tool in 0..TOOLS {
        let arguments = ARGUMENTS.iter().take(tool % 5).fold(String::new(), |mut text, (name, ty, about, option)| {
            let option = if option.is_empty() { String::new() } else { format!("#[arg({option})] ") };
            let _ = write!(text, "\n        /// {about}\n        {option}{name}: {ty},");
            text
        });
        let used = used(tool);
        let _ = write!(
            source,
            "    /// Tool number {tool}.\n    #[tool(scope = \"fifty.read\", rate = \"10/min\", read_only)]\n    pub async fn \
             tool_{tool}(&self,{arguments}) -> mcp_runtime::Json<Answer> {{\n        {used}\n        mcp_runtime::Json({})\n    }}\n\n",
            answer(tool, round)
        );
    }
    source.push_str(
        "}\n\n/// Makes the gate, so that all that a program needs is compiled here.\npub fn gate() -> bool {\n    \
         mcp_runtime::Protected::new(Fifty, mcp_runtime::config::Config::default()).is_ok()\n}\n",
    );
    source
}

/// What a user of rmcp writes.
fn theirs(round: usize) -> String {
    let mut source = format!(
        "//! Fifty tools.\n\nuse rmcp::{{Json, ServerHandler, handler::server::wrapper::Parameters, tool, tool_handler, \
         tool_router}};\n{ANSWER}\n/// The server.\n#[derive(Clone)]\npub struct Fifty;\n\n"
    );
    let mut methods = String::new();
    for tool in 0..TOOLS {
        let arguments: Vec<_> = ARGUMENTS.iter().take(tool % 5).collect();
        let parameter = if arguments.is_empty() {
            String::new()
        } else {
            let _ = write!(
                source,
                "/// Arguments.\n#[derive(serde::Deserialize, schemars::JsonSchema)]\npub struct Arguments{tool} {{\n"
            );
            for (name, ty, about, option) in &arguments {
                let option = match option.split_once('(') {
                    Some(("length", _)) => "    #[schemars(length(min = 1, max = 40))]\n",
                    Some((_, _)) if *name == "months" => "    #[schemars(range(min = 1, max = 240))]\n",
                    Some(_) => "    #[schemars(range(min = 1, max = 50))]\n",
                    None => "",
                };
                let _ = write!(source, "    /// {about}\n{option}    {name}: {ty},\n");
            }
            source.push_str("}\n\n");
            let names: Vec<_> = arguments.iter().map(|(name, ..)| *name).collect();
            format!(", Parameters(Arguments{tool} {{ {} }}): Parameters<Arguments{tool}>", names.join(", "))
        };
        let used = used(tool);
        let _ = write!(
            methods,
            "    /// Tool number {tool}.\n    #[tool(annotations(read_only_hint = true))]\n    async fn tool_{tool}(&self{parameter}) \
             -> Json<Answer> {{\n        {used}\n        Json({})\n    }}\n\n",
            answer(tool, round)
        );
    }
    let _ = write!(
        source,
        "#[tool_router]\nimpl Fifty {{\n{methods}}}\n\n#[tool_handler]\nimpl ServerHandler for Fifty {{}}\n\n/// Makes the \
         router, so that all that a program needs is compiled here.\npub fn router() -> usize {{\n    \
         Fifty::tool_router().list_all().len()\n}}\n"
    );
    source
}

/// A body that uses its arguments.
fn used(tool: usize) -> String {
    let names: Vec<_> = ARGUMENTS.iter().take(tool % 5).map(|(name, ..)| *name).collect();
    format!("drop(({}));", names.iter().fold(String::new(), |text, name| text + name + ", "))
}
