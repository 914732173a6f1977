//! Enums that `errors(…)` writes, and what `?` makes of other errors.

use mcp_runtime::{Json, ToolError, server};

/// A server.
pub(crate) struct Orders;

#[server(name = "orders", rate = "10/s")]
impl Orders {
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min", errors(
        /// There is none of this id.
        NotFound { id: u32 } = "no order has id {id}",
        #[tool_error(retry_after = "30s")]
        Loading = "the warehouse is loading",
        #[tool_error(code = "WAREHOUSE_SLOW", retryable)]
        Slow { seconds: f32 } = "waited {seconds:.1} s",
        #[tool_error(expose)]
        Number { source: std::num::ParseIntError } = "no number: {source}",
    ))]
    async fn find(&self, id: String) -> Result<Json<u32>, FindError> {
        let number: u32 = id.parse().map_err(|source| FindError::Number { source })?;
        match number {
            0 => return Err(FindError::NotFound { id: number }),
            1 => return Err(FindError::Loading),
            2 => return Err(FindError::Slow { seconds: 1.25 }),
            3 => Err("a text")?,
            4 => Err(Box::<dyn std::error::Error + Send + Sync>::from("boxed"))?,
            5 => Err(std::io::Error::other("/etc/passwd"))?,
            _ => {}
        }
        Ok(Json(number))
    }
}

/// An error of one's own.
#[derive(Debug, thiserror::Error, ToolError)]
pub(crate) enum OrderError {
    #[error("the database failed")]
    #[tool_error(internal)]
    Database(#[from] std::io::Error),
    #[error("gone")]
    #[tool_error(code = "GONE")]
    Gone,
    #[error("gone for good")]
    #[tool_error(code = "GONE")]
    GoneForGood,
    #[error("see {0}")]
    See(std::borrow::Cow<'static, str>),
}

/// A struct is one error.
#[derive(Debug, thiserror::Error, ToolError)]
#[error("no order has this id")]
#[tool_error(retryable)]
pub(crate) struct OrderNotFoundError;

async fn error(id: &str) -> FindError {
    Orders.find(id.to_owned()).await.map(|found| found.0).expect_err("it fails")
}

#[tokio::test]
async fn messages_and_codes() {
    let codes: Vec<_> = FindError::CODES.iter().map(|code| (code.code, code.retryable)).collect();
    assert_eq!(codes, [("NOT_FOUND", false), ("LOADING", true), ("WAREHOUSE_SLOW", true), ("NUMBER", false)]);
    assert_eq!(error("0").await.to_string(), "no order has id 0");
    assert_eq!(error("2").await.to_string(), "waited 1.2 s");
    assert_eq!(error("x").await.to_string(), "no number: invalid digit found in string");
    for id in ["3", "4", "5"] {
        let error = error(id).await;
        assert!(matches!(error, FindError::Internal(_)));
        assert_eq!(error.to_string(), "the tool failed");
    }
    assert_eq!(format!("{:?}", error("1").await.report()), format!("{:?}", FindError::Loading.report()));
}

#[test]
fn codes_of_ones_own() {
    let codes: Vec<_> = OrderError::CODES.iter().map(|code| code.code).collect();
    assert_eq!(codes, ["INTERNAL", "GONE", "SEE"]);
    let report = format!("{:?}", OrderError::from(std::io::Error::other("disk full")).report());
    assert!(report.contains("the database failed: disk full"), "{report}");
    for error in [OrderError::Gone, OrderError::GoneForGood, OrderError::See("there".into())] {
        assert!(!format!("{:?}", error.report()).contains("INTERNAL"));
    }
    assert_eq!(
        OrderNotFoundError::CODES.first().map(|code| (code.code, code.retryable)),
        Some(("ORDER_NOT_FOUND", true))
    );
}
