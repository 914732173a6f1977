//! The end of a connection: what runs may finish, and its answers are written.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::select;
use rmcp::ErrorData;
use rmcp::model::{JsonRpcMessage, RequestId};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So many questions to the client are remembered: it decides whether it ever answers one.
const MAX_QUESTIONS: usize = 1024;

/// What a connection is told, and tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// The server is to stop: no more messages are read.
    pub(crate) stop: CancellationToken,
    /// What still runs is cut off.
    pub(crate) cut_off: CancellationToken,
    /// The client takes no more answers.
    pub(super) broken: CancellationToken,
}

/// A share of the connection: while somebody has one, there is something to wait for.
pub(super) type Share = mpsc::Sender<Infallible>;

/// Waits for what runs once no more messages come.
pub(super) struct End {
    signals: Signals,
    /// How long what runs may take once no more messages come.
    time: Duration,
    /// Ends when the last [`Share`] is dropped.
    running: mpsc::Receiver<Infallible>,
    begun: Option<Begun>,
}

struct Begun {
    deadline: Instant,
    /// The client closed its end, before anybody asked the server to stop.
    by_client: bool,
}

impl End {
    pub(super) fn new(signals: Signals, time: Duration) -> (Self, Share) {
        let (share, running) = mpsc::channel(1);
        (Self { signals, time, running, begun: None }, share)
    }

    /// Completes when nothing runs any more, or may not any longer. It can be dropped and asked again.
    pub(super) async fn reached(&mut self) {
        let Signals { stop, cut_off, broken } = &self.signals;
        let begun = self
            .begun
            .get_or_insert_with(|| Begun { deadline: Instant::now() + self.time, by_client: !stop.is_cancelled() });
        let late = std::pin::pin!(async {
            tokio::time::sleep_until(begun.deadline).await;
            tracing::warn!(target: "mcp_runtime::stdio", "some calls did not finish in time and are cut off");
        });
        let given_up = std::pin::pin!(async {
            // Who closed their end and then asks for the end of the server waits for no answer.
            let asked_again = async {
                if begun.by_client {
                    stop.cancelled().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            select(std::pin::pin!(asked_again), std::pin::pin!(broken.cancelled())).await;
        });
        let finished = std::pin::pin!(self.running.recv());
        select(finished, select(late, given_up)).await;
        // What is left waits for nothing: subscriptions, and calls that have had their time.
        cut_off.cancel();
    }
}

/// The questions that the client has not answered. Once it closed its end it never will, and calls need not wait.
#[derive(Default)]
pub(super) struct Questions(VecDeque<RequestId>);

impl Questions {
    pub(super) fn sent(&mut self, message: &TxJsonRpcMessage<RoleServer>) {
        if let JsonRpcMessage::Request(request) = message {
            if self.0.len() == MAX_QUESTIONS {
                self.0.pop_front();
            }
            self.0.push_back(request.id.clone());
        }
    }

    pub(super) fn received(&mut self, message: &RxJsonRpcMessage<RoleServer>) {
        let answered = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let Some(answered) = answered {
            self.0.retain(|id| id != answered);
        }
    }

    /// The answer to one of them, in the client's stead.
    pub(super) fn give_up(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let id = self.0.pop_front()?;
        Some(JsonRpcMessage::error(ErrorData::internal_error("the client is not heard any more", None), Some(id)))
    }
}
