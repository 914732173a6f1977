//! MCP tools that are ready for production when they compile.
//!
//! Annotate functions with [`#[tool]`](macro@tool) in an impl block with [`#[server]`](macro@server); what production needs
//! and the function does not say is a compile error. [`run`] makes a program of it, with a command line.
//!
//! ```no_run
//! use mcp_runtime::{Json, ToolError, server};
//!
//! #[derive(Debug, thiserror::Error, ToolError)]
//! pub enum CatalogError {
//!     #[error("no track has id {id}")]
//!     RecordNotFound { id: u32 },
//!     #[error(transparent)]
//!     #[tool_error(internal)]
//!     File(#[from] std::io::Error),
//! }
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Track {
//!     id: u32,
//!     title: String,
//! }
//!
//! struct Catalog;
//!
//! #[server(name = "catalog", rate = "300/min")]
//! impl Catalog {
//!     /// One track of the catalogue.
//!     #[tool(scope = "catalog.read", rate = "30/min", timeout = "5s", read_only)]
//!     async fn get_track(
//!         &self,
//!         /// The track's id.
//!         #[arg(range(1..))] id: u32,
//!     ) -> Result<Json<Track>, CatalogError> {
//!         if id == 1 { Ok(Json(Track { id, title: "One".into() })) } else { Err(CatalogError::RecordNotFound { id }) }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> mcp_runtime::Result {
//!     mcp_runtime::run(|| Catalog).await
//! }
//! ```
//!
//! # What happens to a call
//!
//! Every call takes the same way, whatever transport it came by; the [`gate`] has its order and the reasons for it.
//!
//! | | where |
//! | --- | --- |
//! | who calls: API keys, OAuth tokens, or an [`Authenticate`](auth::Authenticate) of your own | [`auth`], [`Caller`] |
//! | may they: scopes, wildcards, scopes filled by arguments | [`scope`] |
//! | how often: GCRA per agent, subject and tool | [`limit`] |
//! | with what: strict JSON, JSON Schema 2020-12, all violations at once | [`arguments`] |
//! | what a tool asks of its client while it runs: forms, texts, folders | [`input`], [`CallContext`] |
//! | what comes back: [`Json`], text, content; cleaned, bounded, true to its schema | [`output`] |
//! | what went wrong: codes, retry, nothing of the inside | [`error`], [`ToolError`](trait@ToolError) |
//! | what is left of it: one record | [`record`], [`telemetry`] |
//!
//! Attributes are the defaults; [`config`] has what an operator can change, and [`policy`] what is then in force.
//! The module `testing` (a feature) has a client for tests and the policy as a file under review.
//!
//! # Prompts and resources
//!
//! Write rmcp's `impl ServerHandler` for the same type; it is found and served behind the same authentication, per-agent
//! limit and records. Scopes hold for tools: every authenticated caller can read prompts and resources. The handler's own
//! tools are never asked.
//!
//! # Features
//!
//! `cli` (with `log`, the set-up of logging), `http`, `sqlite` and `stdio` are on by default; `jwt` accepts OAuth access tokens
//! beside API keys; `prometheus` serves `/metrics` on an address of its own, `otel` sends traces, metrics and logs over OTLP,
//! and `otel-tls` to collectors that are reached by TLS: [`telemetry`]; `tls` lets `serve` end TLS itself
//! ([`config::Tls`]); `testing` is for tests.

// What only a transport calls has no caller without one, and over stdio alone a part of it has none.
#![cfg_attr(not(feature = "http"), allow(dead_code))]

extern crate self as mcp_runtime;

#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;
pub mod arguments;
pub mod auth;
pub mod caller;
#[cfg(feature = "cli")]
mod cli;
pub mod config;
mod context;
mod deadline;
pub mod error;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod fuzz;
pub mod gate;
mod hex;
pub mod input;
mod json;
pub mod limit;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod measure;
pub mod output;
pub mod policy;
mod protected;
pub mod record;
pub mod scope;
pub mod spec;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;

#[cfg(feature = "cli")]
pub use cli::{Error, IntoServer, Result, Served, run, run_with};

pub use arguments::CheckError;
pub use caller::Caller;
pub use context::CallContext;
pub use error::{Denied, ToolError};
pub use input::{ClientFeature, Elicited, LogLevel};
pub use mcp_macros::{ToolError, server, tool};
pub use output::{Json, Text, Trusted, Untrusted};
pub use protected::Protected;
#[cfg(feature = "stdio")]
pub use protected::StdioError;
/// Blocks of content, for tools that return images, audio, links or embedded resources.
pub use rmcp::model::ContentBlock as Content;
pub use tokio_util::sync::CancellationToken;
pub use {http, jiff, rmcp, schemars};
