//! The revision that a session on standard input and output speaks, for its records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientRequest, GetMeta, JsonRpcMessage, JsonRpcRequest, ProtocolVersion, ServerResult};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};

use crate::record::Recording;
use crate::telemetry::SessionMark;
use crate::transport::envelope::Envelope;

/// What the client and the server agreed on by `initialize`, as the older revisions do.
pub(super) struct Handshake {
    agreed: Mutex<Agreed>,
    session: Arc<SessionMark>,
}

#[derive(Default)]
struct Agreed {
    revision: Option<ProtocolVersion>,
    /// The record of an `initialize` that is not answered yet: only the answer says the revision.
    asked: Option<Recording>,
}

impl Handshake {
    pub(super) fn new(session: Arc<SessionMark>) -> Self {
        Self { agreed: Mutex::default(), session }
    }

    fn lock(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision that holds for a message that names none itself.
    pub(super) fn tell(&self, recording: &Recording) {
        if let Some(revision) = &self.lock().revision {
            recording.speaks(revision.as_str());
        }
    }

    /// Whether a message comes too early: it neither follows a handshake nor says all that stands in for one (its revision,
    /// what the client can do). rmcp refuses all such requests but those that need neither.
    pub(super) fn is_before(&self, message: &RxJsonRpcMessage<RoleServer>) -> bool {
        let JsonRpcMessage::Request(JsonRpcRequest { request, .. }) = message else { return false };
        let needs_none = matches!(request, ClientRequest::InitializeRequest(_) | ClientRequest::PingRequest(_));
        let agreed = self.lock();
        let shook_hands = agreed.revision.is_some() || agreed.asked.is_some();
        let missing = || request.get_meta().missing_required_keys(&ProtocolVersion::V_2026_07_28);
        !needs_none && !shook_hands && !missing().is_empty()
    }

    /// A message is handed to rmcp.
    pub(super) fn asked(&self, envelope: &Envelope, recording: &Recording) {
        // Since 2026-07-28 each message says its revision, and nobody shakes hands.
        if let Some(revision) = &envelope.version {
            self.session.speaks(revision);
        }
        if envelope.method == "initialize" && envelope.id.is_some() {
            self.lock().asked = Some(recording.clone());
        }
    }

    /// A message is sent to the client.
    pub(super) fn answered(&self, message: &TxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(result) = &response.result {
                    self.session.speaks(result.protocol_version.as_str());
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
