//! `add` over HTTP with this toolkit: keys, limits, validation, records and the command line with it.

use mcp_runtime::{Json, server};

/// Adds.
struct Calculator;

#[server(name = "calculator", rate = "1000/s")]
impl Calculator {
    /// The sum of two numbers.
    #[tool(any_caller, rate = inherit, read_only)]
    async fn add(
        &self,
        /// One number.
        a: i64,
        /// The other one.
        b: i64,
    ) -> Json<i64> {
        Json(a.wrapping_add(b))
    }
}

#[tokio::main]
async fn main() -> mcp_runtime::Result {
    mcp_runtime::run(|| Calculator).await
}
