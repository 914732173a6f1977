//! `#[cfg]` on tools, arguments, blocks and variants.

use mcp_runtime::server;

/// A server.
pub(crate) struct Orders;

#[server(name = "orders", rate = "10/s")]
impl Orders {
    /// Not there.
    #[cfg(not(test))]
    #[tool(any_caller, rate = inherit, errors(Gone = "gone"))]
    async fn absent(&self, missing: Missing) -> Result<Missing, AbsentError> {
        todo!()
    }

    /// There.
    #[tool(any_caller, rate = inherit, errors(#[cfg(not(test))] Gone { at: Missing } = "gone", Here = "here"))]
    #[cfg(test)]
    async fn present(&self) -> Result<(), PresentError> {
        Err(PresentError::Here)
    }

    /// One of two of this name.
    #[cfg(not(test))]
    #[tool(any_caller, rate = inherit)]
    async fn either(&self) -> Missing {}

    /// The other.
    #[cfg(test)]
    #[tool(any_caller, rate = inherit)]
    async fn either(&self) -> String {
        String::new()
    }

    /// Some arguments are not there, and the others keep their places.
    #[tool(scope = "a.{id}", rate = "1/s", cost = last, guard = may_find)]
    async fn find(
        &self,
        #[cfg(not(test))] first: Missing,
        id: u32,
        #[cfg(test)]
        #[arg(default = 1)]
        second: u32,
        #[cfg(not(test))] third: Missing,
        last: u32,
    ) -> String {
        format!("{id}{second}{last}")
    }
}

#[expect(clippy::unused_async, reason = "a guard is asynchronous")]
async fn may_find(
    _caller: &mcp_runtime::Caller,
    id: &u32,
    second: &u32,
    last: &u32,
) -> Result<(), mcp_runtime::Denied> {
    if id + second + last == 0 {
        return Err(mcp_runtime::Denied::because("nothing to find"));
    }
    Ok(())
}

/// Not there.
#[server(name = "absent", rate = "10/s")]
#[cfg(not(test))]
impl Missing {
    /// Count.
    #[tool(any_caller, rate = inherit)]
    async fn count(&self) -> String {}
}

/// Variants may stand behind conditions, two of one name too.
#[derive(Debug, thiserror::Error, mcp_runtime::ToolError)]
pub(crate) enum OrderError {
    #[cfg(not(test))]
    #[error("gone")]
    Gone(Missing),
    #[cfg(test)]
    #[error("gone")]
    Gone,
}

#[test]
fn what_is_not_there_is_nowhere() {
    assert_eq!(super::super::tools::<Orders>(), ["present", "either", "find"]);
    assert_eq!(super::super::arguments::<Orders>("find"), ["id", "second", "last"]);
    assert_eq!(<OrderError as mcp_runtime::ToolError>::CODES.len(), 1);
    assert_eq!(OrderError::Gone.to_string(), "gone");
}
