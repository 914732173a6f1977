//! The fixture server over HTTP, as a process of its own, and requests written by hand.
//!
//! This is two test targets: `wire`, and `wire_through_rmcp` (a link to the same folder), in which rmcp answers what our
//! own way for calls would.

mod abuse;
mod authentication;
mod bodies;
mod bounds;
mod connections;
mod hosts;
mod http2;
mod limits;
mod oauth;
mod questions;
mod records;
mod revisions;
mod revocation;
mod scope_challenge;
mod sessions;
mod ways;

use mcp_tests::audit::Audit;
use mcp_tests::process::{Key, Serving, Site};
use serde_json::{Value, json};

/// How the fixture is served in this target.
fn serving() -> &'static [&'static str] {
    if env!("CARGO_CRATE_NAME") == "wire_through_rmcp" { &["--through-rmcp"] } else { &[] }
}

/// A place for the fixture.
fn site(config: &str) -> Site {
    Site::new(env!("CARGO_BIN_EXE_fixture"), config).serving(serving())
}

/// A server that runs, and a key for everything.
struct Fixture {
    site: Site,
    serving: Serving,
    key: Key,
}

impl Fixture {
    fn start(config: &str) -> Self {
        let site = site(config);
        let key = site.issue("tester", &["*"]);
        let serving = site.serve();
        Self { site, serving, key }
    }

    fn ask(&self, message: &Value) -> Value {
        self.serving.ask(&self.key, message)
    }

    fn audit(&self) -> Audit {
        self.site.audit()
    }

    /// The server still answers a normal call.
    fn assert_alive(&self) {
        let answer = self.ask(&mcp_tests::message::call(99, "ping", json!({})));
        assert_eq!(answer["result"]["content"][0]["text"], "pong", "{answer}");
    }
}
