//! What the log would say: the events of this thread.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// An event: its target and its fields as text.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The target.
    pub target: String,
    /// The fields.
    pub fields: BTreeMap<String, String>,
}

/// The events of this thread, from its making until it is dropped.
pub struct Log {
    entries: Arc<Mutex<Vec<Entry>>>,
    _guard: DefaultGuard,
}

impl Log {
    /// Begins to listen.
    pub fn start() -> Self {
        let entries = Arc::default();
        let subscriber = Registry::default().with(Capture(Arc::clone(&entries)));
        Self { entries, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The events with this target.
    pub fn of(&self, target: &str) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| entry.target == target).cloned().collect()
    }

    /// The causes of failures, in order.
    pub fn causes(&self) -> Vec<String> {
        self.of("mcp_runtime::failure").into_iter().filter_map(|mut entry| entry.fields.remove("cause")).collect()
    }
}

struct Capture(Arc<Mutex<Vec<Entry>>>);

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let entry = Entry { target: event.metadata().target().to_owned(), fields: fields.0 };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
