//! Shared by the tests: the fixture server as a process, a bare HTTP client, and ways to look at what a server left
//! behind.

pub mod audit;
pub mod http;
pub mod log;
pub mod message;
pub mod process;
