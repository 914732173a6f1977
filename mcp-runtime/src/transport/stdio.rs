//! Standard input and output: a message a line, each read as strictly as over HTTP.
//!
//! This is no boundary: who starts the process owns its key, its state and its configuration. The key still says what
//! the agent may do, and is asked for again with every message, so that a revoked one is refused at its next call.

mod end;
mod handshake;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::request::Parts;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::envelope::{
    self, Envelope, INTERNAL_ERROR, INVALID_REQUEST, TOO_MANY_REQUESTS, UNAUTHENTICATED, UNAVAILABLE,
};
use super::exchange::Exchange;
use super::render;
use crate::auth::{Authenticate, Refusal, verify};
use crate::error::{Correlation, Failure, code};
use crate::gate::Gate;
use crate::record::{CallRecord, Recording, Via};
use crate::telemetry::SessionMark;
pub(crate) use end::Signals;
use end::{End, Questions, Share};
use handshake::Handshake;

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// Lines in, lines out, with an [`Exchange`] on each message that is handed to rmcp.
///
/// rmcp gives up waiting for a message whenever it has something to send. So the lines are read by a task of their own:
/// what is half read, or being checked, is never thrown away. At the end of the input it waits only for the answers that
/// are written by then, so the end is kept from it until the calls that run are done.
pub(crate) struct Lines<W> {
    messages: mpsc::Receiver<RxJsonRpcMessage<RoleServer>>,
    writer: Arc<Mutex<W>>,
    handshake: Arc<Handshake>,
    reading: AbortHandle,
    questions: Questions,
    end: End,
    signals: Signals,
}

impl<W: AsyncWrite + Send + Unpin + 'static> Lines<W> {
    pub(crate) fn new<R>(
        (reader, writer): (R, W),
        gate: Arc<Gate>,
        authenticate: Arc<dyn Authenticate>,
        credential: Parts,
        session: Arc<SessionMark>,
        signals: Signals,
        drain: Duration,
    ) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
    {
        let writer = Arc::new(Mutex::new(writer));
        let (handed, messages) = mpsc::channel(1);
        let handshake = Arc::new(Handshake::new(session));
        let (end, share) = End::new(signals.clone(), drain);
        let lines = BufReader::new(reader);
        let lines = Reader { lines, gate, authenticate, credential, handshake: Arc::clone(&handshake), share };
        let reading = tokio::spawn(lines.read(handed, Arc::clone(&writer), signals.clone())).abort_handle();
        Self { messages, writer, handshake, reading, questions: Questions::default(), end, signals }
    }
}

impl<W> Drop for Lines<W> {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Reads lines, answers what goes no further, and hands the rest on.
struct Reader<R> {
    lines: BufReader<R>,
    gate: Arc<Gate>,
    authenticate: Arc<dyn Authenticate>,
    credential: Parts,
    handshake: Arc<Handshake>,
    share: Share,
}

/// A line above its bound.
struct TooLong;

impl<R: AsyncRead + Send + Unpin> Reader<R> {
    /// Runs until the client closes its end, either stream breaks, or the server is to stop.
    async fn read<W: AsyncWrite + Unpin>(
        mut self,
        handed: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
        writer: Arc<Mutex<W>>,
        Signals { stop, broken, .. }: Signals,
    ) {
        loop {
            let line = match select(std::pin::pin!(stop.cancelled()), std::pin::pin!(self.line())).await {
                Either::Right((Ok(Some(line)), _)) => line,
                Either::Left(_) | Either::Right(_) => return,
            };
            if matches!(&line, Ok(line) if line.trim_ascii().is_empty()) {
                continue;
            }
            let done = match self.message(line).await {
                Ok(message) => handed.send(message).await.is_ok(),
                Err(None) => true,
                Err(Some(answer)) => write(&writer, answer.to_string().as_bytes(), &broken).await.is_ok(),
            };
            if !done {
                return;
            }
        }
    }

    /// Reads a line; `None` at the end. A line that is too long is read to its end and thrown away.
    async fn line(&mut self) -> io::Result<Option<Result<Bytes, TooLong>>> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') || (line.len() as u64) <= MAX_LINE_BYTES {
            return Ok(Some(Ok(line.into())));
        }
        loop {
            let rest = self.lines.fill_buf().await?;
            let (used, done) = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (rest.len(), rest.is_empty()),
            };
            self.lines.consume(used);
            if done {
                return Ok(Some(Err(TooLong)));
            }
        }
    }

    /// Reads one message: what to hand on, or what to answer at once.
    async fn message(&mut self, line: Result<Bytes, TooLong>) -> Result<RxJsonRpcMessage<RoleServer>, Option<Value>> {
        let caller = verify(&*self.authenticate, &self.credential).await;
        let read = match &line {
            Ok(line) => envelope::read(line).map_err(|rejection| rejection.to_json()),
            Err(TooLong) => {
                let message = format!("the line is longer than {MAX_LINE_BYTES} bytes");
                Err(envelope::error(None, INVALID_REQUEST, &message, None))
            }
        };
        let caller = caller.map_err(|refusal| {
            self.gate.sinks().refused(&refusal);
            unauthenticated(refusal, read.as_ref())
        })?;
        let recording = Recording::new(self.gate.sinks(), &caller, Correlation::new(), Via::Stdio);
        self.handshake.tell(&recording);
        let limited = |id: Option<&Value>, failure: &Failure| {
            envelope::error(id, TOO_MANY_REQUESTS, &failure.message, Some(json!(failure)))
        };
        if let Err(error) = &read {
            let code = error["error"]["code"].as_i64().and_then(|code| i32::try_from(code).ok());
            recording.rpc_error(code.unwrap_or(INVALID_REQUEST));
        }
        let envelope = read.map_err(|error| match Exchange::unreadable(&self.gate, &caller, &recording) {
            Ok(()) => Some(error),
            Err(failure) => Some(limited(None, &failure)),
        })?;
        let id = envelope.id.as_ref();
        let exchange = Exchange::begin(&self.gate, caller, &envelope, Via::Stdio, recording)
            .map_err(|failure| id.map(|id| limited(Some(id), &failure)))?;
        let line = line.unwrap_or_default();
        envelope.check_form(&line).map_err(|rejection| {
            exchange.recording().decide(code::INVALID_REQUEST);
            exchange.recording().rpc_error(rejection.code);
            Some(rejection.to_json())
        })?;
        let Ok(mut message) = serde_json::from_slice(&envelope.for_rmcp(&line)) else {
            exchange.recording().decide(code::INVALID_REQUEST);
            return Err(Some(envelope::error(id, INVALID_REQUEST, "the message is none of MCP's", None)));
        };
        // What rmcp answers by itself, it answers; a call that the gate never sees was none.
        let is_refused = envelope.is_call() || self.handshake.is_before(&message);
        exchange.recording().presume(if is_refused { code::INVALID_REQUEST } else { CallRecord::OK });
        self.handshake.asked(&envelope, exchange.recording());
        if matches!(message, JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) {
            // A subscription never finishes, so nobody waits for it.
            if envelope.id.is_some() && envelope.method != "subscriptions/listen" {
                exchange.hold(self.share.clone());
            }
            message.insert_extension(exchange);
        }
        Ok(message)
    }
}

/// The key is no longer good: a tool error for a call, so that the model reads it, a JSON-RPC error for the rest.
fn unauthenticated(refusal: Refusal, read: Result<&Envelope, &Value>) -> Option<Value> {
    let (rpc, name) = match refusal {
        Refusal::Unavailable { .. } => (UNAVAILABLE, code::UNAVAILABLE),
        _ => (UNAUTHENTICATED, code::UNAUTHENTICATED),
    };
    let failure = Failure::new(name, refusal.to_string());
    match read {
        Ok(envelope) if envelope.is_call() => {
            Some(json!({ "jsonrpc": "2.0", "id": envelope.id, "result": render::failed(&failure) }))
        }
        Ok(Envelope { id: Some(id), .. }) => {
            Some(envelope::error(Some(id), rpc, &failure.message, Some(json!(failure))))
        }
        Ok(_) => None,
        Err(error) => Some(error.clone()),
    }
}

async fn write<W: AsyncWrite + Unpin>(writer: &Mutex<W>, message: &[u8], broken: &CancellationToken) -> io::Result<()> {
    let written = async {
        let mut writer = writer.lock().await;
        writer.write_all(message).await?;
        writer.write_all(b"\n").await?;
        writer.flush().await
    };
    written.await.inspect_err(|_| broken.cancel())
}

impl<W: AsyncWrite + Send + Unpin + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        self.questions.sent(&message);
        self.handshake.answered(&message);
        let (writer, broken) = (Arc::clone(&self.writer), self.signals.broken.clone());
        async move {
            let id = match &message {
                JsonRpcMessage::Response(response) => serde_json::to_value(&response.id).ok(),
                _ => None,
            };
            let text = render::cleaned(serde_json::to_vec(&message)?.into()).unwrap_or_else(|_| {
                let error = envelope::error(id.as_ref(), INTERNAL_ERROR, "the answer cannot be sent", None);
                error.to_string().into()
            });
            write(&writer, &text, &broken).await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        if let Some(message) = self.messages.recv().await {
            self.questions.received(&message);
            return Some(message);
        }
        if let Some(answer) = self.questions.give_up() {
            return Some(answer);
        }
        self.end.reached().await;
        None
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.reading.abort();
        self.writer.lock().await.flush().await
    }
}
