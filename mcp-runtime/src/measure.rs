//! For the benchmark of records alone: the record of a call, without the call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::__private::arg;
use crate::caller::{Agent, Caller};
use crate::config::Config;
use crate::error::Correlation;
use crate::gate::StartError;
use crate::json::Document;
use crate::limit::{Bucket, Quota};
use crate::output::Counts;
use crate::record::{Recording, Via};
use crate::spec::{ArgumentSpec, Rule, ServerSpec, Window};
use crate::telemetry::{Observer, SinkCount, Sinks, Telemetry};

const ARGUMENTS: &[ArgumentSpec] = &[
    arg::<String>().spec("country", "", &[]),
    arg::<u32>().spec("months", "", &[]),
    arg::<String>().spec("email", "", &[Rule::Pii]),
];

/// Leaves records of one call again and again, as the gate does.
#[derive(Debug)]
pub struct Records {
    sinks: Arc<Sinks>,
    caller: Arc<Caller>,
    sent: Document<'static>,
}

/// A subscriber that writes the JSON that `telemetry::init` writes, to nowhere.
#[cfg(feature = "log")]
pub fn json() -> impl tracing::Subscriber + Send + Sync {
    use crate::telemetry::lines::{Fields, Lines};
    tracing_subscriber::fmt().fmt_fields(Fields).event_format(Lines).with_writer(std::io::sink).finish()
}

/// Listens, and does nothing.
struct Nothing;

impl Observer for Nothing {}

const SPEC: ServerSpec = ServerSpec::new("records", "0.0.0", &[]);

impl Records {
    /// With somebody who listens and does nothing.
    ///
    /// # Errors
    /// As [`Records::new`].
    pub fn heard(config: &Config) -> Result<Self, StartError> {
        Self::new(config, Telemetry::new().observer(Arc::new(Nothing)))
    }

    /// With the sinks of a configuration and these.
    ///
    /// # Errors
    /// As [`Protected::with_telemetry`](crate::Protected::with_telemetry).
    pub fn new(config: &Config, telemetry: Telemetry) -> Result<Self, StartError> {
        let agent = Agent::key("reporting").map_err(|_| StartError::NoRandomness)?;
        let sent = json!({"country": "Germany", "months": 12, "email": "carol@example.com"});
        let key = telemetry.key().ok_or(StartError::NoRandomness)?;
        Ok(Self {
            sinks: Arc::new(Sinks::start(config, &SPEC, telemetry, &key)?),
            caller: Arc::new(Caller::new(agent, "k1")),
            sent: Document::of(&sent),
        })
    }

    /// One record, from its beginning to the sinks.
    pub fn one(&self) {
        let recording = Recording::new(&self.sinks, &self.caller, Correlation::new(), Via::Process);
        recording.call(Some("get_revenue_data"), "17");
        let span = recording.span();
        let _entered = span.enter();
        recording.edit(|record| self.sinks.arguments(record, &self.sent, ARGUMENTS));
        recording.admitted();
        recording.returned();
        let window = Window::new(10, 60, 10);
        let bucket = Bucket::Agent;
        recording.left(Some(Quota { bucket, window, remaining: 9, reset: Duration::from_secs(6) }));
        recording.served(202, 0, Counts::default());
    }

    /// Waits until the sinks have what came so far.
    pub fn flush(&self, within: Duration) -> bool {
        self.sinks.flush(within)
    }

    /// What became of the records.
    pub fn counts(&self) -> Vec<SinkCount> {
        self.sinks.counts()
    }
}
