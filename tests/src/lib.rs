//! Shared by the tests: the fixture server as a process, a bare HTTP client, and ways to look at what a server left
//! behind.

#![expect(clippy::missing_panics_doc, reason = "a fixture that cannot do its work fails the test")]

pub mod audit;
pub mod authority;
pub mod http;
pub mod http2;
pub mod log;
pub mod message;
pub mod metrics;
pub mod process;
pub mod stdio;
