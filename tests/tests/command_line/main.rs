//! The command line that every server binary has, as an operator types it.

mod audit;
mod configuration;
mod inspect;
mod keys;
mod refusals;
mod serve;

use mcp_tests::process::Site;

/// A place for the fixture.
fn site(config: &str) -> Site {
    Site::new(env!("CARGO_BIN_EXE_fixture"), config)
}
