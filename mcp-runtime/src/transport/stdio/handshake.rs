//! The revision that a session on standard input and output speaks, for its records.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::model::{JsonRpcMessage, ProtocolVersion, ServerResult};
use rmcp::service::{RoleServer, TxJsonRpcMessage};

use crate::record::Recording;
use crate::transport::envelope::Envelope;

/// What the client and the server agreed on by `initialize`, as the older revisions do.
#[derive(Default)]
pub(super) struct Handshake(Mutex<Agreed>);

#[derive(Default)]
struct Agreed {
    revision: Option<ProtocolVersion>,
    /// The record of an `initialize` that is not answered yet: only the answer says the revision.
    asked: Option<Recording>,
}

impl Handshake {
    fn lock(&self) -> MutexGuard<'_, Agreed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision that holds for a message that names none itself.
    pub(super) fn tell(&self, recording: &Recording) {
        if let Some(revision) = &self.lock().revision {
            recording.speaks(revision.as_str());
        }
    }

    /// A message is handed to rmcp.
    pub(super) fn asked(&self, envelope: &Envelope, recording: &Recording) {
        if envelope.method == "initialize" && envelope.id.is_some() {
            self.lock().asked = Some(recording.clone());
        }
    }

    /// A message is sent to the client.
    pub(super) fn answered(&self, message: &TxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(result) = &response.result {
                    let mut agreed = self.lock();
                    if let Some(recording) = agreed.asked.take() {
                        recording.speaks(result.protocol_version.as_str());
                    }
                    agreed.revision = Some(result.protocol_version.clone());
                }
            }
            JsonRpcMessage::Error(_) => drop(self.lock().asked.take()),
            _ => {}
        }
    }
}
