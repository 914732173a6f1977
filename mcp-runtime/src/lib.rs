//! MCP tools that are ready for production when they compile.
//!
//! Under construction.

extern crate self as mcp_runtime;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod arguments;
pub mod auth;
pub mod caller;
#[cfg(feature = "cli")]
mod cli;
pub mod config;
mod context;
pub mod error;
pub mod gate;
pub mod limit;
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
pub use cli::{Error, IntoServer, Result, run, run_with};

pub use caller::Caller;
pub use context::CallContext;
pub use error::{Denied, ToolError};
pub use mcp_macros::{ToolError, server, tool};
pub use output::{Json, Text, Trusted, Untrusted};
pub use protected::Protected;
#[cfg(feature = "stdio")]
pub use protected::StdioError;
/// Blocks of content, for tools that return images, audio, links or embedded resources.
pub use rmcp::model::ContentBlock as Content;
pub use {rmcp, schemars};
