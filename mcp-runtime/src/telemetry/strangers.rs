//! Who was turned away before anybody knew them: no record each, which they could fill a disk with, but a line of the log
//! for all of a while.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::auth::Refusal;

/// How much one line tells of.
const WHILE: Duration = Duration::from_secs(10);

/// How many addresses are named in it; of the others it says only that there were some.
const ADDRESSES: usize = 8;

/// The reasons of refusals.
pub(super) const REASONS: [&str; 5] = ["missing", "malformed", "invalid", "unavailable", "too_many_failures"];

/// Where the reason of a refusal stands among [`REASONS`].
pub(super) fn place(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::Missing => 0,
        Refusal::Malformed => 1,
        Refusal::Invalid(_) => 2,
        Refusal::Unavailable { .. } => 3,
        Refusal::TooManyFailures { .. } => 4,
    }
}

/// Counts them, and tells the log.
#[derive(Debug, Default)]
pub(super) struct Strangers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    refused: [u64; REASONS.len()],
    addresses: BTreeMap<IpAddr, u64>,
    /// Some came from addresses that there was no room for.
    more: bool,
    told: Option<Instant>,
    /// Somebody tells at the end of the while.
    awaited: bool,
}

impl Strangers {
    /// The first of a while is told of at once, those behind it when it is over.
    pub(super) fn count(&self, refusal: &Refusal, from: Option<IpAddr>) {
        let mut state = lock(&self.0);
        state.refused[place(refusal)] += 1;
        if let Some(from) = from {
            if state.addresses.len() < ADDRESSES || state.addresses.contains_key(&from) {
                *state.addresses.entry(from).or_default() += 1;
            } else {
                state.more = true;
            }
        }
        if state.told.is_none_or(|told| told.elapsed() >= WHILE) {
            tell(state);
        } else if !state.awaited
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.awaited = true;
            let left = state.told.map_or(WHILE, |told| WHILE.saturating_sub(told.elapsed()));
            runtime.spawn(tell_after(left, Arc::downgrade(&self.0)));
        }
    }
}

async fn tell_after(time: Duration, state: Weak<Mutex<State>>) {
    tokio::time::sleep(time).await;
    if let Some(state) = state.upgrade() {
        let mut state = lock(&state);
        state.awaited = false;
        tell(state);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells what there is to tell. The log may be slow, so that nobody is locked out meanwhile.
fn tell(mut state: MutexGuard<'_, State>) {
    let [missing, malformed, invalid, unavailable, too_many_failures] = std::mem::take(&mut state.refused);
    if missing + malformed + invalid + unavailable + too_many_failures == 0 {
        return;
    }
    let addresses = std::mem::take(&mut state.addresses);
    let more = std::mem::take(&mut state.more);
    state.told = Some(Instant::now());
    drop(state);
    let addresses = addresses.into_iter().map(|(address, count)| format!("{address} {count}"));
    let from: Vec<_> = addresses.chain(more.then(|| "others".to_owned())).collect();
    tracing::warn!(
        target: "mcp_runtime::auth",
        missing,
        malformed,
        invalid,
        unavailable,
        too_many_failures,
        from = from.join(", "),
        "requests without a good credential were refused"
    );
}

impl Drop for Strangers {
    fn drop(&mut self) {
        tell(lock(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::telemetry::strangers::heard::Heard;

    #[tokio::test(start_paused = true)]
    async fn a_while_of_strangers_is_one_line() {
        let heard = Heard::default();
        let _listening = tracing::subscriber::set_default(heard.clone());
        let strangers = Strangers::default();
        let count = |last: u8, refusal: &Refusal| strangers.count(refusal, Some(Ipv4Addr::new(10, 0, 0, last).into()));
        count(1, &Refusal::Missing);
        assert_eq!(heard.lines().len(), 1, "the first at once");
        for last in 1..=20 {
            count(last, &Refusal::Malformed);
            count(1, &Refusal::Missing);
            count(1, &Refusal::TooManyFailures { retry_after: WHILE });
        }
        assert_eq!(heard.lines().len(), 1);
        tokio::time::sleep(2 * WHILE).await;
        let lines = heard.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("WARN ")
                && lines[0].contains("missing=1 malformed=0")
                && lines[0].contains("10.0.0.1 1"),
            "{lines:?}"
        );
        assert!(lines[1].contains("missing=20 malformed=20") && lines[1].contains("10.0.0.1 41"), "{lines:?}");
        assert!(lines[1].contains("invalid=0 unavailable=0 too_many_failures=20"), "{lines:?}");
        assert!(lines[1].contains("10.0.0.8 1, others") && !lines[1].contains("10.0.0.9"), "{lines:?}");
        // What nobody told of yet, the end does.
        count(1, &Refusal::Missing);
        count(1, &Refusal::Missing);
        drop(strangers);
        let lines = heard.lines();
        assert!(lines.len() == 3 && lines[2].contains("missing=2"), "{lines:?}");
    }
}

/// A subscriber that keeps what it hears.
#[cfg(test)]
mod heard {
    use std::fmt::{Debug, Write};
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    #[derive(Clone, Default)]
    pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

    impl Heard {
        pub(super) fn lines(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }
    }

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }

    impl Subscriber for Heard {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "mcp_runtime::auth"
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut text = Text(event.metadata().level().to_string());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}
