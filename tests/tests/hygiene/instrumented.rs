//! Beside `#[tracing::instrument(skip_all)]`, on either side of it.

use mcp_runtime::server;

/// A server.
pub(crate) struct Orders;

#[server(name = "orders", rate = "10/s")]
impl Orders {
    /// Find one.
    #[tool(any_caller, rate = inherit)]
    #[tracing::instrument(skip_all, err)]
    async fn find(&self, #[arg(secret)] token: String) -> Result<String, OrderError> {
        if token.is_empty() { Err(OrderError::Gone) } else { Ok(token) }
    }

    /// Find one, blocking.
    #[tracing::instrument(skip_all, fields(found))]
    #[tool(any_caller, rate = inherit)]
    fn find_blocking(&self, id: u32) -> String {
        id.to_string()
    }

    /// Has no argument that could be recorded.
    #[tracing::instrument(skip(self))]
    #[tool(any_caller, rate = inherit)]
    async fn count(&self) -> String {
        String::new()
    }
}

/// An error.
#[derive(Debug, thiserror::Error, mcp_runtime::ToolError)]
pub(crate) enum OrderError {
    #[error("gone")]
    Gone,
}

#[test]
fn it_compiles() {
    assert_eq!(super::super::tools::<Orders>(), ["find", "find_blocking", "count"]);
    assert_eq!(OrderError::Gone.to_string(), "gone");
}
