//! What the macros write compiles wherever a server may stand, under the strictest lints.
#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub, warnings, clippy::all, clippy::pedantic)]

mod project;

mod hygiene {
    #[allow(clippy::ptr_arg, clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "what checks are given")]
    mod checks;
    mod conditions;
    #[allow(dead_code, unreachable_pub, reason = "as the documentation shows it")]
    mod design_page;
    mod errors;
    mod everything;
    mod generics;
    mod handler;
    mod imports;
    mod instrumented;
    mod places;
    mod prelude;
    mod reexport;
    mod renamed;
    mod shadows;
}

use mcp_runtime::spec::Server;

/// The tools of a server, in the order of the source.
fn tools<S: Server>() -> Vec<&'static str> {
    S::TOOLS.iter().map(|tool| tool.spec.name).collect()
}

/// The arguments of a tool, by their names on the wire.
fn arguments<S: Server>(tool: &str) -> Vec<&'static str> {
    let tool = S::TOOLS.iter().find(|candidate| candidate.spec.name == tool);
    tool.map(|tool| tool.spec.arguments.iter().map(|argument| argument.name).collect()).unwrap_or_default()
}
