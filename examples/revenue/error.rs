//! What the tools can fail with.

use mcp_runtime::ToolError;

use crate::database::is_busy;
use crate::model::RecordKind;

/// The errors of all tools: the code is for programs, the text for the model that has to mend its call.
#[derive(Debug, thiserror::Error, ToolError)]
pub(crate) enum RevenueError {
    #[error("no {kind} has id {id}")]
    #[tool_error(code = "RECORD_NOT_FOUND")]
    RecordNotFound { kind: RecordKind, id: u32 },
    #[error("no customer has this email address")]
    #[tool_error(code = "RECORD_NOT_FOUND")]
    CustomerNotFound,
    #[error("no invoice was billed to this country; countries are spelt as in: {known}")]
    #[tool_error(code = "RECORD_NOT_FOUND")]
    CountryNotFound { known: String },
    #[error("customer {id} has another email address; nothing was deleted")]
    EmailMismatch { id: u32 },
    #[error("{kind} {id} stands on invoices and cannot be deleted")]
    RecordInUse { kind: RecordKind, id: u32 },
    #[error("the database is busy")]
    #[tool_error(retry_after = "1s")]
    DatabaseBusy,
    #[error(transparent)]
    #[tool_error(internal)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for RevenueError {
    fn from(error: sqlx::Error) -> Self {
        if is_busy(&error) { Self::DatabaseBusy } else { Self::Database(error) }
    }
}
