//! A record as JSON text, written in one go.
//!
//! Every call writes one, so this is on the bill of every call: what cannot need an escape is copied, and nothing is
//! allocated but the buffer. The text is that of the record's `Serialize`, byte for byte; a test compares them.

use jiff::fmt::temporal::DateTimePrinter;

use super::{CallRecord, Digest, Traced};
use crate::caller::{Agent, Source};
use crate::json;
use crate::limit::rate_text;
use crate::spec::Window;

/// JSON text in the making.
pub(crate) struct Line<'b>(&'b mut Vec<u8>);

impl CallRecord {
    /// Appends the object, without its opening bracket: the fields can follow others.
    pub(crate) fn write_fields(&self, to: &mut Vec<u8>) {
        let mut line = Line(to);
        line.raw("\"time\":\"");
        // Writing to memory does not fail.
        let _ = DateTimePrinter::new().print_timestamp(&self.time, &mut *line.0);
        line.raw("\",\"request\":");
        line.text(&self.request);
        line.raw(",\"correlation\":\"");
        line.hex(&self.correlation.bytes());
        line.raw("\",\"via\":\"");
        line.raw(self.via.as_str());
        line.raw("\",\"revision\":");
        line.option(self.revision);
        line.raw(",\"method\":");
        line.text(self.method);
        line.raw(",\"tool\":");
        line.option(self.tool);
        line.raw(",\"agent\":");
        line.agent(self.agent());
        line.raw(",\"subject\":");
        line.option(self.subject());
        line.raw(",\"credential\":");
        line.text(self.credential());
        line.raw(",\"decision\":\"");
        line.raw(self.decision.as_str());
        line.raw("\",\"outcome\":");
        line.text(self.outcome);
        if let Some(Traced { trace, span, .. }) = &self.trace {
            line.raw(",\"trace\":\"");
            line.hex(&trace.to_be_bytes());
            line.raw("\",\"span\":\"");
            line.hex(&span.to_be_bytes());
            line.raw("\"");
        }
        line.raw(",\"arguments\":");
        line.raw(self.arguments.as_str());
        if let Some(Digest(digest)) = &self.arguments_digest {
            line.raw(",\"arguments_digest\":\"");
            line.hex(digest);
            line.raw("\"");
        }
        if !self.coerced.is_empty() {
            line.raw(",\"coerced\":[");
            line.list(&self.coerced, |line, name| line.text(name));
            line.raw("]");
        }
        if !self.violations.is_empty() {
            line.raw(",\"violations\":{");
            line.list(&self.violations, |line, (keyword, count)| {
                line.text(keyword);
                line.raw(":");
                line.number(u64::from(*count));
            });
            line.raw("}");
        }
        line.counts(self);
        line.raw("}");
    }
}

impl Line<'_> {
    /// The numbers at the end of a record.
    fn counts(&mut self, record: &CallRecord) {
        let latency = &record.latency;
        for (name, number) in [
            (",\"duration_us\":", record.duration_us),
            (",\"latency\":{\"queue_us\":", latency.queue_us),
            (",\"gate_us\":", latency.gate_us),
            (",\"tool_us\":", latency.tool_us),
            (",\"output_us\":", latency.output_us),
            ("},\"output_bytes\":", record.output_bytes),
        ] {
            self.raw(name);
            self.number(number);
        }
        for (name, count) in [
            (",\"untrusted\":", record.untrusted),
            (",\"removed\":", record.removed),
            (",\"defused\":", record.defused),
            (",\"masked\":", record.masked),
        ] {
            if count > 0 {
                self.raw(name);
                self.number(count as u64);
            }
        }
        if let Some(quota) = &record.quota {
            self.raw(",\"quota\":{\"limit\":");
            self.rate(&quota.window);
            self.raw(",\"remaining\":");
            self.number(quota.remaining);
            self.raw("}");
        }
    }

    /// A rate as [`rate_text`] has it, which nearly always is a count and a unit.
    fn rate(&mut self, window: &Window) {
        let unit = match window.period.as_secs() {
            1 => "/s\"",
            60 => "/min\"",
            _ => return self.text(&rate_text(window)),
        };
        if window.burst != window.count {
            return self.text(&rate_text(window));
        }
        self.raw("\"");
        self.number(u64::from(window.count));
        self.raw(unit);
    }

    /// JSON as it is.
    fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.raw(itoa::Buffer::new().format(number));
    }

    fn option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.raw("null"),
        }
    }

    /// A string. Names hardly ever need an escape.
    fn text(&mut self, text: &str) {
        json::string(self.0, text);
    }

    fn agent(&mut self, agent: &Agent) {
        if *agent.source() == Source::Key && json::is_plain(agent.name()) {
            // As it shows itself, and as nearly every one does.
            self.raw("\"key:");
            self.raw(agent.name());
            self.raw("\"");
        } else {
            self.text(&agent.to_string());
        }
    }

    fn hex(&mut self, bytes: &[u8]) {
        crate::hex::write(bytes, self.0);
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            each(self, item);
        }
    }
}

impl std::fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.raw(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::{Redacted, sample};
    use super::*;
    use crate::caller::Caller;
    use crate::limit::{Bucket, Quota};

    fn written(record: &CallRecord) -> String {
        let mut line = b"{".to_vec();
        record.write_fields(&mut line);
        String::from_utf8(line).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_what_serde_writes(
            request in any::<String>(), keyword in any::<String>(), name in any::<String>(),
            numbers in any::<[u64; 6]>(), counts in any::<[usize; 4]>(),
            trace in any::<Option<(u128, u64)>>(), digest in any::<Option<[u8; 16]>>(),
            quota in any::<Option<u64>>(), is_bare in any::<bool>(),
        ) {
            let mut record = sample("RATE_LIMITED");
            record.request = request;
            record.violations = vec![(keyword, 3), ("minimum".to_owned(), 1)];
            record.coerced = vec![name, "b\"\\\n".to_owned()];
            record.duration_us = numbers[0];
            record.latency.queue_us = numbers[1];
            record.latency.gate_us = numbers[2];
            record.latency.tool_us = numbers[3];
            record.latency.output_us = numbers[4];
            record.output_bytes = numbers[5];
            [record.untrusted, record.removed, record.defused, record.masked] = counts;
            record.trace = trace.map(|(trace, span)| Traced { trace, span, sampled: true });
            record.arguments_digest = digest.map(Digest);
            record.revision = Some("2026-07-28");
            record.http_version = Some("2");
            let window = Window::new(10, if is_bare { 60 } else { 1 }, if is_bare { 10 } else { 20 });
            record.quota = quota.map(|remaining| Quota { bucket: Bucket::Agent, window, remaining, reset: std::time::Duration::ZERO });
            if is_bare {
                (record.violations, record.coerced) = (Vec::new(), Vec::new());
                (record.tool, record.revision, record.arguments) = (None, None, Redacted::default());
                let source = Source::Client { issuer: "https://issuer.example/\\\"a\"".into() };
                let agent = Agent::new(source, "b\"").unwrap();
                record.caller = Arc::new(Caller::new(agent, "k\"1"));
            }
            prop_assert_eq!(written(&record), serde_json::to_string(&record).unwrap());
        }
    }
}
