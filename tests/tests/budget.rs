//! What a tool costs to compile: lines of unoptimised LLVM IR, the user's own function not counted.
//!
//! IR is what the backend spends its time on. The figures are marginal: what fifty more tools add to a server of one,
//! by tool, so that what all tools of a server share is not in them. The lines of source that a tool expands to are
//! counted where the expansion is made, in `mcp-macros`.

mod project;

use std::fmt::Write as _;

use project::Project;

/// A tool, and each of its arguments on top.
const TOOL: usize = 460;
const ARGUMENT: usize = 120;

/// The arguments, by turns: type and option.
const ARGUMENTS: [(&str, &str); 4] = [
    ("country: String", "#[arg(length(1..=40))]"),
    ("months: u32", "#[arg(range(1..=240))]"),
    ("limit: Option<u32>", "#[arg(range(1..=50))]"),
    ("exact: bool", ""),
];

#[test]
fn a_tool_costs_little_to_compile() {
    let project = Project::new("budget", "mcp-runtime");
    let mut measured = String::new();
    let mut is_over = false;
    for arguments in [0, 2, 4] {
        let budget = TOOL + arguments * ARGUMENT;
        let [one, many] = [1, 51].map(|tools| generated(&project.ir(&source(tools, arguments))));
        let lines = (many - one).div_ceil(50);
        is_over |= lines > budget;
        let _ = writeln!(measured, "{arguments} arguments: {lines} lines of IR a tool, of {budget}");
    }
    assert!(!is_over, "a tool has outgrown its budget:\n{measured}");
    println!("{measured}");
}

/// A server of so many tools.
fn source(tools: usize, arguments: usize) -> String {
    let mut source = String::from(
        "pub struct Shop;\n#[derive(serde::Serialize, schemars::JsonSchema)]\npub struct Report { total: u64 }\n\
         #[derive(Debug, mcp_runtime::ToolError)]\npub enum ShopError { NotFound }\n\
         impl std::fmt::Display for ShopError {\n    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {\n        \
         f.write_str(\"not found\")\n    }\n}\n\
         #[mcp_runtime::server(name = \"shop\", rate = \"300/min\")]\nimpl Shop {\n",
    );
    for tool in 0..tools {
        let arguments: Vec<_> =
            ARGUMENTS.iter().take(arguments).map(|(name, option)| format!("{option} {name}")).collect();
        let _ = write!(
            source,
            "    /// Revenue of one country, month by month.\n    #[tool(scope = \"shop.read\", rate = \"10/min\", timeout = \
             \"5s\", read_only)]\n    async fn user_{tool}(&self, {}) -> Result<mcp_runtime::Json<Report>, ShopError> {{\n        \
             Err(ShopError::NotFound)\n    }}\n",
            arguments.join(", ")
        );
    }
    // What nothing reaches is not compiled.
    source + "}\npub static TOOLS: &[mcp_runtime::spec::Tool<Shop>] = <Shop as mcp_runtime::spec::Server>::TOOLS;\n"
}

/// Lines between `define … {` and `}`, comments and blank ones left out. The comment in front of a function says what it
/// is of.
fn generated(ir: &str) -> usize {
    let mut count = 0;
    let mut is_users = false;
    let mut is_inside = false;
    for line in ir.lines() {
        if line.starts_with("define ") {
            is_inside = true;
        } else if line == "}" {
            (is_inside, is_users) = (false, false);
        } else if is_inside {
            let counts = !is_users && !line.is_empty() && !line.starts_with(';');
            count += usize::from(counts);
        } else if line.starts_with("; ") {
            is_users |= line.contains("::user_");
        }
    }
    count
}
