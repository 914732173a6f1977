//! The text that Prometheus reads: its own format 0.0.4, and `OpenMetrics` 1.0.

use std::fmt::{Display, Write};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// What the `Accept` header of a scrape asks for: the better liked of the two, Prometheus' own where it says nothing.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let quality = |wanted: &str| {
            let liked = accept.unwrap_or_default().split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let media = parts.next()?;
                let q = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
                media.eq_ignore_ascii_case(wanted).then(|| q.unwrap_or(1.0))
            });
            liked.fold(0.0, f32::max)
        };
        let open = quality("application/openmetrics-text");
        if open > 0.0 && open >= quality("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Labels of a sample; those without a value are left out.
pub(super) type Labels<'a> = [(&'a str, Option<&'a str>)];

/// A page in the making.
pub(super) struct Writer {
    format: Format,
    text: String,
}

impl Writer {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(16 * 1024) }
    }

    /// Begins a family. A counter's name is given without the `_total` of its samples.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (kind_name, suffix) = match kind {
            // OpenMetrics names the family, Prometheus' format the sample.
            Kind::Counter if self.format == Format::Prometheus => ("counter", "_total"),
            Kind::Counter => ("counter", ""),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
        };
        let _ = writeln!(self.text, "# HELP {name}{suffix} {help}");
        let _ = writeln!(self.text, "# TYPE {name}{suffix} {kind_name}");
    }

    pub(super) fn counter(&mut self, name: &str, labels: &Labels<'_>, value: impl Display) {
        self.sample(name, "_total", labels, None, value);
    }

    pub(super) fn gauge(&mut self, name: &str, labels: &Labels<'_>, value: impl Display) {
        self.sample(name, "", labels, None, value);
    }

    /// A histogram, from the counts of its buckets, not yet added up; the last one has no bound.
    pub(super) fn histogram(&mut self, name: &str, labels: &Labels<'_>, bounds: &[f64], counts: &[u64], sum: f64) {
        let mut below = 0;
        for (place, count) in counts.iter().enumerate() {
            below += count;
            match bounds.get(place) {
                // OpenMetrics wants floats to look like some.
                Some(bound) => self.sample(name, "_bucket", labels, Some(&format!("{bound:?}")), below),
                None => self.sample(name, "_bucket", labels, Some("+Inf"), below),
            }
        }
        self.sample(name, "_count", labels, None, below);
        self.sample(name, "_sum", labels, None, sum);
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &Labels<'_>, le: Option<&str>, value: impl Display) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        let mut separator = '{';
        let labels = labels.iter().filter_map(|(label, value)| Some((*label, (*value)?)));
        for (label, value) in labels.chain(le.map(|le| ("le", le))) {
            self.text.push(separator);
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(value, &mut self.text);
            self.text.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// A label's value. Names with control characters are refused where they are issued; this holds if one comes all the same.
fn escape(value: &str, text: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_liked_format_is_served() {
        for (accept, expected) in [
            (None, Format::Prometheus),
            (Some("*/*"), Format::Prometheus),
            (Some("text/plain"), Format::Prometheus),
            (Some("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"), Format::OpenMetrics),
            (Some("application/openmetrics-text; version=0.0.1; q=0.75, text/plain;q=0.5"), Format::OpenMetrics),
            (Some("application/openmetrics-text;q=0.1, text/plain"), Format::Prometheus),
            (Some("application/openmetrics-text;q=0"), Format::Prometheus),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept:?}");
        }
    }

    fn written(format: Format) -> String {
        let mut writer = Writer::new(format);
        writer.family("a_calls", Kind::Counter, "Calls.");
        writer.counter("a_calls", &[("agent", Some("a\\b\"c\nd\u{1b}[31m")), ("none", None)], 3);
        writer.family("a_seconds", Kind::Histogram, "Seconds.");
        writer.histogram("a_seconds", &[], &[0.5, 1.0], &[1, 0, 2], 7.5);
        writer.finish()
    }

    #[test]
    fn a_value_stays_in_its_quotes() {
        assert_eq!(
            written(Format::Prometheus),
            "# HELP a_calls_total Calls.\n# TYPE a_calls_total counter\n\
             a_calls_total{agent=\"a\\\\b\\\"c\\nd\u{fffd}[31m\"} 3\n\
             # HELP a_seconds Seconds.\n# TYPE a_seconds histogram\n\
             a_seconds_bucket{le=\"0.5\"} 1\na_seconds_bucket{le=\"1.0\"} 1\na_seconds_bucket{le=\"+Inf\"} 3\n\
             a_seconds_count 3\na_seconds_sum 7.5\n"
        );
    }

    #[test]
    fn openmetrics_names_families_and_ends() {
        let text = written(Format::OpenMetrics);
        assert!(text.contains("# TYPE a_calls counter\n") && text.contains("\na_calls_total{"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
