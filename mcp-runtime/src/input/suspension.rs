//! A call that does not go on by itself: the tool's future is left where it asked, and the gate answers.

use std::sync::{Mutex, PoisonError};

use rmcp::model::{ClientCapabilities, InputRequests};
use tokio::sync::Notify;

use crate::error::{Failure, code};

/// Why a call ends at a question.
#[derive(Debug)]
pub(crate) enum End {
    /// The client has to answer these, and to call again.
    Asked(InputRequests),
    /// The client does not offer what the tool needs, and knows the error that says so (since 2026-07-28).
    Unsupported(Box<ClientCapabilities>),
    /// The state that came with the call is none that this server gave for it.
    InvalidState,
    /// Nothing came of the question.
    Failed(Box<Failure>),
}

impl End {
    pub(super) fn unavailable(message: &'static str) -> Self {
        Self::Failed(Box::new(Failure::new(code::UNAVAILABLE, message)))
    }

    pub(super) fn internal(cause: impl Into<String>) -> Self {
        Self::Failed(Box::new(Failure::internal(cause)))
    }
}

/// Where a tool leaves word that it waits, for the gate that runs it.
#[derive(Debug, Default)]
pub(crate) struct Suspension {
    end: Mutex<Option<End>>,
    ended: Notify,
}

impl Suspension {
    /// Leaves word. Questions that a tool asks at the same time are put together; otherwise the first word stands.
    pub(crate) fn end(&self, end: End) {
        let mut found = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        match (&mut *found, end) {
            (Some(End::Asked(asked)), End::Asked(more)) => asked.extend(more),
            (Some(_), _) => {}
            (none, end) => *none = Some(end),
        }
        self.ended.notify_one();
    }

    /// Completes once the tool waits for something that will not come while it runs.
    pub(crate) async fn ended(&self) -> End {
        loop {
            let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
            match end {
                Some(end) => return end,
                None => self.ended.notified().await,
            }
        }
    }
}
