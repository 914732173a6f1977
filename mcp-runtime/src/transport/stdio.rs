//! Standard input and output: a message a line, each read as strictly as over HTTP.
//!
//! This is no boundary: who starts the process owns its key, its state and its configuration. The key still says what
//! the agent may do, and is asked for again with every message, so that a revoked one is refused at its next call.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::request::Parts;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use super::envelope::{self, Envelope};
use super::exchange::Exchange;
use super::render;
use crate::auth::{Authenticate, Refusal};
use crate::caller::Caller;
use crate::error::{Correlation, Failure, code};
use crate::gate::Gate;
use crate::record::{Recording, Via};

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// Lines in, lines out, with an [`Exchange`] on each message that is handed to rmcp.
pub(crate) struct Lines<R, W> {
    reader: BufReader<R>,
    writer: Arc<Mutex<W>>,
    gate: Arc<Gate>,
    authenticate: Arc<dyn Authenticate>,
    credential: Parts,
    /// Records of calls that nobody has claimed yet, by the id of their request.
    pending: HashMap<String, Recording>,
}

impl<R, W> Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub(crate) fn new(
        reader: R,
        writer: W,
        gate: Arc<Gate>,
        authenticate: Arc<dyn Authenticate>,
        credential: Parts,
    ) -> Self {
        let writer = Arc::new(Mutex::new(writer));
        Self { reader: BufReader::new(reader), writer, gate, authenticate, credential, pending: HashMap::new() }
    }

    /// Reads a line; `None` at the end. A line that is too long is read to its end and thrown away.
    async fn line(&mut self) -> io::Result<Option<Result<Bytes, TooLong>>> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') || (line.len() as u64) <= MAX_LINE_BYTES {
            return Ok(Some(Ok(line.into())));
        }
        loop {
            let rest = self.reader.fill_buf().await?;
            let (used, done) = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (rest.len(), rest.is_empty()),
            };
            self.reader.consume(used);
            if done {
                return Ok(Some(Err(TooLong)));
            }
        }
    }

    /// Reads one message: what to hand on, or what to answer at once.
    async fn message(&mut self, line: Result<Bytes, TooLong>) -> Result<RxJsonRpcMessage<RoleServer>, Option<Value>> {
        let caller = self.authenticate.authenticate(&self.credential).await;
        let read = match &line {
            Ok(line) => envelope::read(line).map_err(|rejection| rejection.to_json()),
            Err(TooLong) => {
                let message = format!("the line is longer than {MAX_LINE_BYTES} bytes");
                Err(envelope::error(None, -32600, &message, None))
            }
        };
        let caller = caller.map_err(|refusal| unauthenticated(refusal, read.as_ref()))?;
        let claimed = Arc::new(AtomicBool::new(false));
        let mut recording = Recording::new(self.gate.sinks(), &caller, "", Correlation::new(), Via::Stdio, &claimed);
        recording.edit(|record| record.outcome = code::INVALID_REQUEST);
        let envelope = match read {
            Ok(envelope) => envelope,
            Err(error) => {
                return Err(Some(self.gate.charge_request(&caller).err().map_or(error, |failure| {
                    recording.failed(&failure);
                    limited(None, &failure)
                })));
            }
        };
        recording.edit(|record| {
            record.method = envelope.method;
            record.request = crate::arguments::shown(&envelope.id_text());
        });
        if !envelope.is_call()
            && let Err(failure) = self.gate.charge_request(&caller)
        {
            recording.failed(&failure);
            return Err(envelope.id.is_some().then(|| limited(envelope.id.as_ref(), &failure)));
        }
        let text = line.as_deref().ok().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
        let Ok(message) = envelope::message(text) else {
            return Err(Some(envelope::error(envelope.id.as_ref(), -32600, "the message is none of MCP's", None)));
        };
        let handed = with_exchange(message, &envelope, caller, claimed);
        if envelope.is_call() {
            // The gate records the call. If rmcp refuses it before the gate sees it, its answer ends this one.
            self.pending.retain(|_, recording| !recording.is_claimed());
            self.pending.insert(envelope.id_text(), recording);
        } else {
            recording.served(0, 0);
        }
        Ok(handed)
    }
}

/// A line above its bound.
struct TooLong;

fn with_exchange(
    mut message: RxJsonRpcMessage<RoleServer>,
    envelope: &Envelope,
    caller: Arc<Caller>,
    claimed: Arc<AtomicBool>,
) -> RxJsonRpcMessage<RoleServer> {
    let exchange = Exchange::new(caller, envelope.arguments.clone(), Via::Stdio, claimed);
    if matches!(message, JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) {
        message.insert_extension(exchange);
    }
    message
}

/// The key is no longer good: a tool error for a call, so that the model reads it, a JSON-RPC error for the rest.
fn unauthenticated(refusal: Refusal, read: Result<&Envelope, &Value>) -> Option<Value> {
    let (rpc, name) = match refusal {
        Refusal::Unavailable { .. } => (503, code::UNAVAILABLE),
        _ => (401, code::UNAUTHENTICATED),
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

fn limited(id: Option<&Value>, failure: &Failure) -> Value {
    envelope::error(id, 429, &failure.message, Some(json!(failure)))
}

async fn write<W: AsyncWrite + Unpin>(writer: &Mutex<W>, message: &[u8]) -> io::Result<()> {
    let mut writer = writer.lock().await;
    writer.write_all(message).await?;
    writer.write_all(b"\n").await?;
    writer.flush().await
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        match &message {
            JsonRpcMessage::Response(response) => drop(self.pending.remove(&response.id.to_string())),
            JsonRpcMessage::Error(error) => {
                if let Some(id) = &error.id {
                    self.pending.remove(&id.to_string());
                }
            }
            _ => {}
        }
        let writer = Arc::clone(&self.writer);
        async move {
            let message = render::cleaned(serde_json::to_vec(&message)?.into()).map_err(io::Error::other)?;
            write(&writer, &message).await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let line = self.line().await.ok()??;
            if matches!(&line, Ok(line) if line.trim_ascii().is_empty()) {
                continue;
            }
            match self.message(line).await {
                Ok(message) => return Some(message),
                Err(None) => {}
                Err(Some(answer)) => write(&self.writer, answer.to_string().as_bytes()).await.ok()?,
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.writer.lock().await.flush().await
    }
}
