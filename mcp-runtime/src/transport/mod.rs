//! The ways in: streamable HTTP and stdio. Protocol and sessions are rmcp's; what it leaves open is closed here, before a
//! request reaches it: strict JSON, who calls, the caller's own limit, one record.

pub(crate) mod adapter;
pub(crate) mod envelope;
pub(crate) mod exchange;
pub(crate) mod forward;
#[cfg(feature = "http")]
pub mod http;
pub(crate) mod render;
#[cfg(feature = "stdio")]
pub(crate) mod stdio;
