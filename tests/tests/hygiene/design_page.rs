//! The program that the documentation shows.

use mcp_runtime::{Caller, Json, ToolError, Untrusted, server};

#[derive(Debug, thiserror::Error, ToolError)]
pub enum RevenueError {
    #[error("no customer has id {id}")]
    RecordNotFound { id: u32 },
    #[error("the warehouse is loading")]
    #[tool_error(retry_after = "30s")]
    WarehouseLoading,
    #[error(transparent)]
    #[tool_error(internal)]
    Database(#[from] std::io::Error),
}

#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct RevenueReport {
    country: String,
    months: u32,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct Feedback {
    id: u32,
    text: Untrusted<String>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    Customer,
    Track,
}

pub struct Revenue;

#[server(name = "revenue", rate = "300/min")]
impl Revenue {
    /// Revenue of one country, month by month.
    #[tool(scope = "revenue.read", rate = "10/min", timeout = "5s", read_only)]
    async fn get_revenue_data(
        &self,
        caller: &Caller,
        /// Country, as on the invoices.
        #[arg(length(1..=40))]
        country: String,
        /// How many months back from the newest invoice.
        #[arg(range(1..=240), default = 12)]
        months: u32,
    ) -> Result<Json<RevenueReport>, RevenueError> {
        let _ = (caller, std::fs::read("/nowhere")?);
        Ok(Json(RevenueReport { country, months }))
    }

    /// What customers wrote about a track.
    #[tool(scope = "feedback.read", rate(agent = "30/min", total = "300/min"), concurrency(agent = 2, total = 8))]
    async fn list_feedback(&self, track: u32) -> Result<Json<Vec<Feedback>>, RevenueError> {
        if track == 0 {
            return Err(RevenueError::RecordNotFound { id: track });
        }
        Ok(Json(Vec::new()))
    }

    /// Delete one record for good.
    #[tool(scope = all("record.delete", "record.read"), rate = "5/min", destructive)]
    async fn delete_record(&self, kind: RecordKind, id: u32) -> Result<(), RevenueError> {
        let _ = id;
        match kind {
            RecordKind::Customer => Ok(()),
            RecordKind::Track => Err(RevenueError::WarehouseLoading),
        }
    }
}

#[test]
fn it_compiles() {
    assert_eq!(super::super::tools::<Revenue>(), ["get_revenue_data", "list_feedback", "delete_record"]);
    assert_eq!(super::super::arguments::<Revenue>("get_revenue_data"), ["country", "months"]);
}
