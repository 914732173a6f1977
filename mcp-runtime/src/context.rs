//! What a tool may know of its call, and its way back to the client.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Correlation;
use crate::input::{Client, End, Suspension};

/// A call as a tool sees it: ids, cancellation, progress. A tool asks for it with a `&CallContext` parameter.
#[derive(Clone)]
pub struct CallContext {
    /// `None` if the tool never sees the context.
    request: Option<Arc<str>>,
    correlation: Correlation,
    /// `None` if whoever cancels the call drops it.
    cancelled: Option<CancellationToken>,
    progress: Option<Arc<dyn ReportProgress>>,
    client: Option<Arc<Client>>,
    /// `None` if the tool never sees the context, and so asks nobody.
    suspension: Option<Arc<Suspension>>,
}

impl CallContext {
    /// A context for the request with this id, as text: for calls of a [`Gate`](crate::gate::Gate) without a transport.
    pub fn new(request: &str, cancelled: CancellationToken) -> Self {
        Self::recorded(request, Some(cancelled), Correlation::new())
    }

    /// As [`CallContext::new`], for a call whose record has an id already.
    pub(crate) fn recorded(request: &str, cancelled: Option<CancellationToken>, correlation: Correlation) -> Self {
        let (request, suspension) = (Some(request.into()), Some(Arc::default()));
        Self { request, cancelled, suspension, ..Self::unseen(correlation) }
    }

    /// A context for a tool that takes none, in a call that is dropped when it is cancelled.
    pub(crate) fn unseen(correlation: Correlation) -> Self {
        Self { request: None, correlation, cancelled: None, progress: None, client: None, suspension: None }
    }

    /// A way to tell the client how far the call is.
    #[must_use]
    pub(crate) fn with_progress(mut self, progress: Arc<dyn ReportProgress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// A way to ask the client.
    #[must_use]
    pub(crate) fn with_client(mut self, client: Client) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.as_deref()
    }

    /// Ends the call at a question of its tool.
    pub(crate) fn suspend(&self, end: End) {
        if let Some(suspension) = &self.suspension {
            suspension.end(end);
        }
    }

    /// Completes once the tool waits for something that will not come while it runs.
    pub(crate) async fn suspended(&self) -> End {
        match &self.suspension {
            Some(suspension) => suspension.ended().await,
            None => std::future::pending().await,
        }
    }

    /// The id that the client gave the request. It is unique to the client, not to the server.
    pub fn request_id(&self) -> &str {
        self.request.as_deref().unwrap_or_default()
    }

    /// The id under which records and logs hold this call: ours, unique.
    pub fn correlation(&self) -> Correlation {
        self.correlation
    }

    /// Whether the client has gone away or has cancelled the call.
    ///
    /// An `async fn` needs not ask: it is dropped at its next `await`. A plain `fn` runs on, and may stop by this.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.as_ref().is_some_and(CancellationToken::is_cancelled)
    }

    /// Completes when the call is cancelled.
    pub async fn cancelled(&self) {
        match &self.cancelled {
            Some(cancelled) => cancelled.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the client asked to be told how far the call is. Without it [`CallContext::progress`] sends nothing, and
    /// what only progress needs can be left out.
    pub fn wants_progress(&self) -> bool {
        self.progress.is_some()
    }

    /// Tells the client how far the call is, if it asked for that: `done` of `total`, with a text for people.
    ///
    /// Nothing is sent to a client that gave no progress token.
    pub async fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        if let Some(progress) = &self.progress {
            let message = message.map(|message| {
                crate::output::plain(message, &crate::output::OutputBounds::default()).text.into_owned()
            });
            progress.report(done, total, message).await;
        }
    }

    /// The same call, with a cancellation that ends with it: what the tool leaves behind on a thread hears so that nobody
    /// waits for it any more.
    pub(crate) fn child(mut self) -> (Self, Option<DropGuard>) {
        self.cancelled = self.cancelled.map(|cancelled| cancelled.child_token());
        let over = self.cancelled.clone().map(CancellationToken::drop_guard);
        (self, over)
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("request", &self.request)
            .field("correlation", &self.correlation)
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// A transport's way to send progress.
pub(crate) trait ReportProgress: Send + Sync {
    fn report(&self, done: f64, total: Option<f64>, message: Option<String>) -> BoxFuture<'_, ()>;
}
