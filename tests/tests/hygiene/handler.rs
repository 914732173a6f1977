//! A `ServerHandler` of the user's own is found where there is one.

use mcp_runtime::rmcp::ServerHandler;
use mcp_runtime::server;
use mcp_runtime::spec::Server;

/// Without one.
pub(crate) struct Alone;

#[server(name = "alone", rate = "10/s")]
impl Alone {}

/// With one.
pub(crate) struct Beside;

impl ServerHandler for Beside {}

#[server(name = "beside", rate = "10/s", handler)]
impl Beside {}

/// With one that nobody insisted on.
pub(crate) struct Found<T>(T);

impl<T: Send + Sync + 'static> ServerHandler for Found<T> {}

#[server(name = "found", unlimited)]
impl<T: Send + Sync + 'static> Found<T> {
    /// Count.
    #[tool(any_caller, rate = "10/min")]
    async fn count(&self) -> &'static str {
        let _ = &self.0;
        "one"
    }
}

#[test]
fn handlers_are_found() {
    assert!(Alone::HANDLER.is_none());
    assert!(Beside::HANDLER.is_some());
    assert!(<Found<u32> as Server>::HANDLER.is_some());
    assert!(<Found<u32> as Server>::SPEC.rate.is_empty());
}
