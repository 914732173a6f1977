//! The runtime under another path.

/// What a crate of one's own may re-export.
pub(crate) mod runtime {
    pub(crate) use ::mcp_runtime::{__private, ToolError, server};
}

/// A server.
pub(crate) struct Orders;

#[runtime::server(name = "orders", rate = "10/s", crate = crate::hygiene::reexport::runtime)]
impl Orders {
    /// Count.
    #[tool(any_caller, rate = inherit, errors(Gone = "gone"))]
    async fn count(&self) -> Result<String, CountError> {
        Err(CountError::Gone)
    }
}

/// An error.
#[derive(Debug, thiserror::Error, runtime::ToolError)]
#[tool_error(crate = crate::hygiene::reexport::runtime)]
pub(crate) enum OrderError {
    #[error("gone")]
    Gone,
}

#[test]
fn it_compiles() {
    assert_eq!(super::super::tools::<Orders>(), ["count"]);
    assert_eq!(OrderError::Gone.to_string(), "gone");
}
