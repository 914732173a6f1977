//! The log as JSON: an object a line.
//!
//! Fields go straight to the text. The standard formatter of `tracing_subscriber` makes maps and values of them first, which
//! costs three times as much, and lets characters stand that a terminal would act on.

use std::borrow::Cow;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::output::hygiene::is_hidden;

/// Most records are no longer.
const LINE: usize = 768;

/// An object a line. Events of a tool have the call's span in them; the record of the call says all that the span does,
/// and to write it once more would cost as much as the record.
#[derive(Debug)]
pub(crate) struct Lines;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, Fields> for Lines {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = String::with_capacity(LINE);
        line.push_str("{\"timestamp\":\"");
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        event.record(&mut Object { text: &mut line, taken: &["timestamp", "level", "target", "span"] });
        line.push_str(",\"target\":");
        quoted(&mut line, metadata.target());
        if metadata.target() != super::log::TARGET {
            let span = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
            if let Some(span) = span {
                line.push_str(",\"span\":{\"name\":");
                quoted(&mut line, span.name());
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<Fields>>().map_or("{}", |fields| fields.fields.as_str());
                let members = fields.trim_start_matches('{');
                line.push_str(if members == "}" { "" } else { "," });
                line.push_str(members);
            }
        }
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

/// The fields of a span, as an object.
#[derive(Debug)]
pub(crate) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut object = String::with_capacity(128);
        object.push('{');
        fields.record(&mut Object { text: &mut object, taken: &["name"] });
        object.push('}');
        writer.write_str(&object)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        // Fields may have a value already: this is the standard formatter's to sort out.
        let mut standard = FormattedFields::<JsonFields>::new(std::mem::take(&mut current.fields));
        let added = JsonFields::new().add_fields(&mut standard, fields);
        current.fields = visible(&standard.fields).into_owned();
        added
    }
}

/// Writes fields as members of an object.
struct Object<'a> {
    text: &'a mut String,
    /// Members that the line has by itself: a field of such a name gets another, or readers would take it for that.
    taken: &'static [&'static str],
}

impl Object<'_> {
    fn key(&mut self, field: &Field) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        if self.taken.contains(&name) {
            quoted(self.text, &format!("field.{name}"));
        } else {
            quoted(self.text, name);
        }
        self.text.push(':');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        // A `String` takes everything.
        let _ = write!(self.text, "{value}");
    }
}

impl Visit for Object<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field);
        quoted(self.text, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        self.plain(field, serde_json::Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.key(field);
        self.text.push('"');
        let _ = write!(Escaped(self.text), "{value:?}");
        self.text.push('"');
    }
}

/// Escapes what is written.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

fn quoted(line: &mut String, text: &str) {
    line.push('"');
    escape(line, text);
    line.push('"');
}

/// The inside of a JSON string. What JSON would let stand and a terminal or a reader of lines would act on is escaped, too:
/// the control characters behind ASCII, line separators, what turns the direction of text, and what nobody sees.
fn escape(line: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        return line.push_str(text);
    }
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if acts(c) => units(line, c),
            c => line.push(c),
        }
    }
}

/// JSON without the characters that [`escape`] leaves none of: they stand in strings alone, and may be escaped there.
pub(crate) fn visible(json: &str) -> Cow<'_, str> {
    if !json.contains(acts) {
        return json.into();
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if acts(c) { units(&mut text, c) } else { text.push(c) }
    }
    text.into()
}

/// Whether a character does something where it is printed, or cannot be seen.
fn acts(c: char) -> bool {
    c.is_control() || (!c.is_ascii() && is_hidden(c))
}

/// The escapes of a character, as many as UTF-16 has units for it.
fn units(to: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(to, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What is logged, a line each.
    fn logged(log: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt().fmt_fields(Fields).event_format(Lines);
        tracing::subscriber::with_default(subscriber.with_writer(kept.clone()).finish(), log);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    const HOSTILE: &str = "a\n\r\t\"\\\0\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{2028}\u{2029}\u{202e}\u{2066}\u{e0041}é🦀";

    #[test]
    fn a_record_is_one_line_of_json_with_every_field() {
        let lines = logged(|| {
            let span = tracing::info_span!(target: "mcp_runtime::call", "tools/call", tool = "find", agent = %HOSTILE);
            tracing::info!(
                target: "mcp_runtime::call", parent: &span, text = HOSTILE, shown = %HOSTILE, debug = ?HOSTILE, none = None::<u64>,
                count = 7_u64, below = -7_i64, is = true, real = 0.5, nan = f64::NAN, r#type = "t", "odd \"key\"" = 1, level = "theirs", "call"
            );
        });
        let [line] = &lines[..] else { panic!("one line: {lines:?}") };
        assert!(!line.contains(acts), "{line}");
        let mut found: Value = serde_json::from_str(line).unwrap();
        let time = found["timestamp"].take();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        let expected = json!({
            "timestamp": null, "level": "INFO", "target": "mcp_runtime::call", "message": "call", "text": HOSTILE,
            "shown": HOSTILE, "debug": format!("{HOSTILE:?}"), "count": 7, "below": -7, "is": true, "real": 0.5,
            "nan": null, "type": "t", "odd \"key\"": 1, "field.level": "theirs",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn other_events_have_the_span_that_they_stand_in() {
        let lines = logged(|| {
            let span =
                tracing::info_span!("tools/call", name = "theirs", agent = %HOSTILE, later = tracing::field::Empty);
            span.record("later", 1);
            span.record("later", HOSTILE);
            span.in_scope(|| tracing::info!("asked {HOSTILE}"));
            tracing::info_span!("bare").in_scope(|| tracing::info!("asked"));
        });
        assert!(!lines.concat().contains(acts), "{lines:?}");
        let spans: Vec<_> =
            lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["span"].clone()).collect();
        let expected = [
            json!({"name": "tools/call", "field.name": "theirs", "agent": HOSTILE, "later": HOSTILE}),
            json!({"name": "bare"}),
        ];
        assert_eq!(spans, expected);
    }

    #[test]
    fn json_that_is_made_visible_stays_the_same() {
        let value = json!({ "a\u{9b}31m": HOSTILE });
        let text = value.to_string();
        let shown = visible(&text);
        assert!(!shown.contains(acts), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        assert!(matches!(visible("{\"a\":\"é\"}"), Cow::Borrowed(_)));
    }
}
