//! What the compiler says: one file, one mistake. `ui/README.md` says how to bless.

/// Mistakes, and what the compiler says of them.
#[test]
fn mistakes() {
    let cases = trybuild::TestCases::new();
    for theme in ["tool", "server", "error", "types", "placement", "values"] {
        cases.compile_fail(format!("ui/{theme}/*.rs"));
    }
}
