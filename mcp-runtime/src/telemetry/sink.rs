//! What gets records, on a thread of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::record::CallRecord;

/// Why a sink could not take a record.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Gets every record, one after the other, on a thread of its own.
///
/// Between the calls and the sink stands a queue of a fixed size, so that a slow sink never slows a call: what does not
/// fit is dropped and counted, and the sink hears of it with [`dropped`](Self::dropped) as soon as there is room again.
/// A panic or an error in the sink is logged and counts as a lost record; the next one comes all the same.
///
/// ```
/// use mcp_runtime::telemetry::{CallRecord, Sink, SinkError};
///
/// struct Denials(std::fs::File);
///
/// impl Sink for Denials {
///     fn name(&self) -> &'static str {
///         "denials"
///     }
///
///     fn write(&mut self, record: &CallRecord) -> Result<(), SinkError> {
///         use std::io::Write;
///         if record.is_denial() {
///             writeln!(self.0, "{} {} {}", record.time, record.agent(), record.outcome)?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Sink: Send + 'static {
    /// What logs and counters call it.
    fn name(&self) -> &'static str;

    /// Takes a record.
    ///
    /// # Errors
    /// The record is lost: logged, and counted.
    fn write(&mut self, record: &CallRecord) -> Result<(), SinkError>;

    /// Records were dropped since the last one, because the queue was full or because they could not be written.
    ///
    /// # Errors
    /// The count is kept, and told again with the next one.
    fn dropped(&mut self, dropped: &Dropped) -> Result<(), SinkError> {
        let _ = dropped;
        Ok(())
    }

    /// Everything that came so far is to be written: called when the queue is empty, at least once a second, and at the
    /// end. What holds something back lets go of it here.
    ///
    /// # Errors
    /// Logged and counted. What the sink took since the last flush that went well counts as written only after the next
    /// one that does.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Records that a sink did not get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// How many of them were [denials](CallRecord::is_denial), by their code.
    pub denials: BTreeMap<&'static str, u64>,
    /// When the first of them arrived.
    pub first: Option<Timestamp>,
    /// When the last of them arrived.
    pub last: Option<Timestamp>,
}

impl Dropped {
    /// One more. The codes are the program's own, so there are only so many.
    pub(super) fn add(&mut self, record: &CallRecord) {
        self.count += 1;
        if record.is_denial() {
            *self.denials.entry(record.outcome).or_default() += 1;
        }
        self.first = self.first.or(Some(record.time));
        self.last = Some(record.time);
    }

    /// These as well.
    pub(super) fn merge(&mut self, later: &Self) {
        self.count += later.count;
        for (code, count) in &later.denials {
            *self.denials.entry(code).or_default() += count;
        }
        self.first = self.first.or(later.first);
        self.last = later.last.or(self.last);
    }

    /// The denials as text: `PERMISSION_DENIED 3, RATE_LIMITED 20`.
    pub(super) fn denials_text(&self) -> String {
        let texts: Vec<_> = self.denials.iter().map(|(code, count)| format!("{code} {count}")).collect();
        texts.join(", ")
    }
}
