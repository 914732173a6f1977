//! Sessions of the revisions before 2026-07-28: each belongs to the caller who opened it, is counted, and ends when it is
//! idle. rmcp keeps them and asks nobody whose they are.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::Stream;
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, ServerJsonRpcMessage, ServerResult};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, LocalSessionManagerError};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use serde_json::Value;

use super::shares::Owner;
use crate::config;
use crate::record::{Via, http_version};
use crate::telemetry::{SessionEnd, SessionMark, Sinks};

/// How long a finished answer is kept for a client that lost its connection. What is kept counts in memory.
const KEPT_ANSWERS: Duration = Duration::from_secs(15);

tokio::task_local! {
    /// For whom the request that is handled opens a session, and the version of HTTP that it came over.
    static OPENING: (Owner, Option<&'static str>);
    /// The request that is handled ends its session: all other ends are not the client's doing.
    static CLOSING: ();
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    local: LocalSessionManager,
    sinks: Arc<Sinks>,
    idle: Duration,
    open: Mutex<HashMap<SessionId, Session>>,
    limit: usize,
    limit_per_caller: usize,
}

#[derive(Debug)]
struct Session {
    owner: Owner,
    mark: Arc<SessionMark>,
    used: Instant,
    /// Ids of requests that are on their way: with the same id twice, rmcp would give one the other's answer.
    running: HashSet<Value>,
}

/// A session that could not be opened, or not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("there are too many sessions")]
    Full,
    #[error("a session is opened by nobody")]
    Nobody,
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

impl Sessions {
    pub(super) fn new(sinks: &Arc<Sinks>, config: &config::Http) -> Self {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(config.session_idle);
        local.session_config.completed_cache_ttl = KEPT_ANSWERS;
        Self {
            local,
            sinks: Arc::clone(sinks),
            idle: config.session_idle,
            open: Mutex::default(),
            limit: config.sessions,
            limit_per_caller: config.sessions_per_caller,
        }
    }

    /// Whether a caller can open one more: its own oldest makes room if need be, nobody else's.
    pub(super) fn has_room(&self, owner: &Owner) -> bool {
        let open = self.open();
        open.len() < self.limit || open.values().any(|session| session.owner == *owner)
    }

    /// Handles a request that may open a session for this caller.
    pub(super) async fn opening<T>(owner: Owner, version: http::Version, handled: impl Future<Output = T>) -> T {
        OPENING.scope((owner, http_version(version)), handled).await
    }

    /// Handles a request to end a session.
    pub(super) async fn closing<T>(handled: impl Future<Output = T>) -> T {
        CLOSING.scope((), handled).await
    }

    /// The server stops: who watches hears of the sessions as long as there is somebody to tell.
    pub(super) fn stop(&self) {
        let marks: Vec<_> = self.open().values().map(|session| Arc::clone(&session.mark)).collect();
        for mark in marks {
            mark.over(None);
        }
    }

    /// Whether this is a session of this caller. One of another caller is none.
    pub(super) fn touch(&self, id: &str, owner: &Owner) -> bool {
        match self.open().get_mut(id) {
            Some(session) if session.owner == *owner => {
                session.used = Instant::now();
                true
            }
            _ => false,
        }
    }

    /// Begins a request in a session; `None` if one with this id is on its way, or the session is gone.
    pub(super) fn begin(self: &Arc<Self>, session: &str, request: &Value) -> Option<Running> {
        let mut open = self.open();
        let (session, found) =
            open.get_key_value(session).map(|(id, found)| (SessionId::clone(id), found.running.len()))?;
        // Bounded by what a connection can carry; a client with as many as that has lost count.
        if found >= 1024 || !open.get_mut(&session)?.running.insert(request.clone()) {
            return None;
        }
        drop(open);
        Some(Running { sessions: Arc::clone(self), session, request: request.clone() })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a session, and gives the one that has to make room for it.
    fn enter(
        &self,
        id: &SessionId,
        owner: Owner,
        http_version: Option<&'static str>,
    ) -> Result<Option<(SessionId, Session)>, SessionError> {
        let mut open = self.open();
        let own = || open.iter().filter(|(_, session)| session.owner == owner);
        let oldest = || own().min_by_key(|(_, session)| session.used).map(|(id, _)| SessionId::clone(id));
        let makes_room = if own().count() >= self.limit_per_caller {
            oldest()
        } else if open.len() >= self.limit {
            Some(oldest().ok_or(SessionError::Full)?)
        } else {
            None
        };
        let removed = makes_room.and_then(|oldest| open.remove_entry(&oldest));
        let mark = Arc::new(SessionMark::new(&self.sinks, Via::Http, http_version));
        let session = Session { owner, mark, used: Instant::now(), running: HashSet::new() };
        open.insert(SessionId::clone(id), session);
        Ok(removed)
    }
}

/// A request on its way in a session.
#[derive(Debug)]
pub(super) struct Running {
    sessions: Arc<Sessions>,
    session: SessionId,
    request: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(session) = self.sessions.open().get_mut(&self.session) {
            session.running.remove(&self.request);
        }
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionError> {
        let (owner, http_version) = OPENING.try_with(Clone::clone).map_err(|_| SessionError::Nobody)?;
        let (id, mut transport) = self.local.create_session().await?;
        match self.enter(&id, owner, http_version) {
            Ok(None) => {}
            Ok(Some((oldest, session))) => {
                session.mark.over(Some(SessionEnd::EVICTED));
                // One that is over already is closed as well.
                drop(self.local.close_session(&oldest).await);
            }
            Err(full) => {
                let _ = transport.close().await;
                let _ = self.local.close_session(&id).await;
                return Err(full);
            }
        }
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        let answer = self.local.initialize_session(id, message).await?;
        if let JsonRpcMessage::Response(response) = &answer
            && let ServerResult::InitializeResult(result) = &response.result
            && let Some(session) = self.open().get(id)
        {
            session.mark.speaks(result.protocol_version.as_str());
        }
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionError> {
        Ok(self.local.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionError> {
        let removed = self.open().remove(id);
        if let Some(session) = removed {
            let is_idle = session.used.elapsed() >= self.idle;
            let error = if is_idle { SessionEnd::IDLE } else { SessionEnd::BROKEN };
            session.mark.over(CLOSING.try_with(|()| ()).is_err().then_some(error));
        }
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.resume(id, last_event_id).await?)
    }
}
