//! The ways in: streamable HTTP and stdio. Protocol and sessions are rmcp's; what it leaves open is closed here, before a
//! request reaches it: strict JSON, who calls, the caller's own limit, one record.

#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) mod adapter;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) mod envelope;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) mod exchange;
pub(crate) mod forward;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "http", feature = "stdio"))]
pub(crate) mod render;
#[cfg(feature = "stdio")]
pub(crate) mod stdio;
