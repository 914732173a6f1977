//! Answers that come as a stream of events (WHATWG HTML, section 9.2): read from rmcp event by event, cleaned, and sent on
//! for as long as the caller's credential is good and the client reads.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::request::Parts;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::outgoing::Outgoing;
use crate::auth::{Authenticate, Refusal, verify};
use crate::caller::Caller;
use crate::transport::exchange::Exchange;
use crate::transport::render;

/// How often the credential of an open stream is looked at again.
const CHECK_TIME: Duration = Duration::from_secs(1);

/// How long a stream stays whose credential nobody can be asked about.
const OUTAGE: Duration = Duration::from_secs(30);

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    /// As it came.
    bytes: Bytes,
    /// The message in it; none in comments, and in events that only say when to come back.
    message: Option<String>,
}

impl Event {
    fn new(bytes: Bytes) -> Self {
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let message = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
        Self { message: Some(message).filter(|message: &String| !message.is_empty()), bytes }
    }

    fn is_comment(&self) -> bool {
        self.bytes.starts_with(b":")
    }

    /// The message, if it is the answer to a request and not one on the way.
    pub(super) fn answer(&self) -> Option<&str> {
        let message = self.message.as_deref()?;
        let parsed: Value = serde_json::from_str(message).ok()?;
        (parsed.get("method").is_none()).then_some(message)
    }

    /// The same event with everything in it cleaned; an event that cannot be cleaned is left out.
    fn cleaned(self) -> Option<Bytes> {
        let Some(message) = self.message else { return Some(self.bytes) };
        let clean = render::cleaned(Bytes::from(message.clone())).ok()?;
        if clean == message.as_bytes() {
            return Some(self.bytes);
        }
        let text = std::str::from_utf8(&self.bytes).ok()?;
        let mut event = String::with_capacity(text.len());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("data:")) {
            event.extend([line, "\n"]);
        }
        event.extend(["data: ", std::str::from_utf8(&clean).ok()?, "\n\n"]);
        Some(event.into())
    }
}

/// The events of a body.
pub(super) struct Events {
    body: Outgoing,
    partial: Vec<u8>,
}

impl Events {
    pub(super) fn new(body: Outgoing) -> Self {
        Self { body, partial: Vec::new() }
    }

    /// The next event. What is half read stays, if the wait is given up.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let Ok(frame) = self.body.frame().await?;
            let Ok(data) = frame.into_data() else { continue };
            if self.partial.is_empty() && data.ends_with(b"\n\n") {
                return Some(Event::new(data));
            }
            self.partial.extend_from_slice(&data);
            if self.partial.ends_with(b"\n\n") {
                return Some(Event::new(std::mem::take(&mut self.partial).into()));
            }
        }
    }

    /// Reads up to the first event that says something, and gives what stood before it, too.
    pub(super) async fn first(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            let is_last = event.message.is_some() || event.is_comment();
            events.push(event);
            if is_last {
                break;
            }
        }
        events
    }
}

/// What a stream needs to know while it is open.
pub(super) struct Watch {
    pub(super) authenticate: Arc<dyn Authenticate>,
    /// The head of the request, with its credential.
    pub(super) credential: Parts,
    pub(super) caller: Arc<Caller>,
    /// How long the client may leave an event unread.
    pub(super) read_time: Duration,
    /// Cancelled when streams without an end of their own have to end.
    pub(super) closing: Option<CancellationToken>,
    /// The call whose answer ends the stream; what the gate answered is clean already.
    pub(super) exchange: Option<Exchange>,
}

/// The body of a stream: the events that were read already, and the rest as it comes.
///
/// A task of its own sends them. It ends with the client, and with it goes the work of a call that streams, and what is
/// `held` until then: a place among the streams, the record of the request.
pub(super) fn body(read: Vec<Event>, events: Events, watch: Watch, held: impl Send + 'static) -> Outgoing {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        send(read, events, watch, sender).await;
        drop(held);
    });
    Receiver(receiver).boxed().into()
}

async fn send(read: Vec<Event>, mut events: Events, watch: Watch, sender: mpsc::Sender<Bytes>) {
    for event in read {
        if !watch.pass(event, &sender).await {
            return;
        }
    }
    let mut told = tokio::time::Instant::now();
    let mut check = tokio::time::interval(CHECK_TIME);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let event = {
            let over = pin!(watch.over(&sender));
            let next = pin!(events.next());
            let tick = pin!(check.tick());
            match select(over, select(next, tick)).await {
                Either::Left(_) => return,
                Either::Right((Either::Left((event, _)), _)) => event,
                Either::Right((Either::Right(_), _)) => {
                    match watch.is_good().await {
                        Some(true) => told = tokio::time::Instant::now(),
                        None if told.elapsed() < OUTAGE => {}
                        _ => return,
                    }
                    continue;
                }
            }
        };
        let Some(event) = event else { return };
        if !watch.pass(event, &sender).await {
            return;
        }
    }
}

impl Watch {
    /// Completes when nobody reads, or when the server closes its streams.
    async fn over(&self, sender: &mpsc::Sender<Bytes>) {
        match &self.closing {
            Some(closing) => {
                select(pin!(sender.closed()), pin!(closing.cancelled())).await;
            }
            None => sender.closed().await,
        }
    }

    /// Whether the credential still stands for the same caller; `None` where that cannot be told.
    async fn is_good(&self) -> Option<bool> {
        match verify(&*self.authenticate, &self.credential).await {
            Ok(caller) => Some(caller.agent() == self.caller.agent() && caller.subject() == self.caller.subject()),
            Err(Refusal::Unavailable { .. }) => None,
            Err(_) => Some(false),
        }
    }

    /// Sends an event on; false if that was the last.
    async fn pass(&self, event: Event, sender: &mpsc::Sender<Bytes>) -> bool {
        let is_gates = self.exchange.as_ref().is_some_and(|exchange| exchange.reply().is_some());
        let bytes = if is_gates && event.answer().is_some() { Some(event.bytes) } else { event.cleaned() };
        match bytes {
            Some(bytes) => sender.send_timeout(bytes, self.read_time).await.is_ok(),
            None => true,
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// Events on their way to the connection.
struct Receiver(mpsc::Receiver<Bytes>);

impl Body for Receiver {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &'static str) -> Event {
        Event::new(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn events_are_told_apart() {
        assert!(event(":\n\n").is_comment());
        assert!(event("data: \nid: 0\nretry: 3000\n\n").message.is_none());
        assert_eq!(event("data: {\"id\":1,\"result\":{}}\n\n").answer(), Some(r#"{"id":1,"result":{}}"#));
        assert_eq!(event("data: {\"id\":1,\"method\":\"ping\"}\n\n").answer(), None);
    }

    #[test]
    fn an_event_keeps_its_id_and_loses_what_is_hidden() {
        let dirty = event("id: 4/1\ndata: {\"id\":\"a\u{200b}\",\"result\":{\"text\":\"a\u{202e}b\"}}\n\n");
        let clean = String::from_utf8(dirty.cleaned().unwrap().to_vec()).unwrap();
        assert_eq!(clean, "id: 4/1\ndata: {\"id\":\"a\u{200b}\",\"result\":{\"text\":\"ab\"}}\n\n");
        let fine = event("id: 4/1\ndata: {\"id\":1}\n\n");
        assert_eq!(fine.bytes, event("id: 4/1\ndata: {\"id\":1}\n\n").cleaned().unwrap());
    }

    #[tokio::test]
    async fn events_are_put_together() {
        let body = Bytes::from_static(b"data: {\"id\":1}\n\n").into();
        assert_eq!(Events::new(body).first().await.len(), 1);
    }
}
