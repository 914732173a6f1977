//! A page of metrics, read by what the formats say and no more.

use std::collections::BTreeMap;

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// The samples of a page.
#[derive(Clone, Debug)]
pub struct Page(pub Vec<Sample>);

impl Page {
    /// Reads a page.
    ///
    /// # Panics
    /// If a line is neither a comment nor a sample, or a sample stands twice.
    pub fn read(text: &str) -> Self {
        let mut samples: Vec<Sample> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let sample = sample(line);
            let twice = samples.iter().any(|other| other.name == sample.name && other.labels == sample.labels);
            assert!(!twice, "twice: {line}");
            samples.push(sample);
        }
        Self(samples)
    }

    /// The sum of the samples with this name and at least these labels; zero if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.with(name, labels).map(|sample| sample.value).sum()
    }

    /// The samples with this name and at least these labels.
    pub fn with(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        })
    }
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, mut rest)) = head.split_once('{') else {
        return Sample { name: head.to_owned(), labels: BTreeMap::new(), value };
    };
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        let mut text = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("no end of a value: {line}")) {
                (place, '"') => break place + 1,
                (_, '\\') => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, c @ ('\\' | '"'))) => text.push(c),
                    other => panic!("an escape of {other:?}: {line}"),
                },
                (_, c) => text.push(c),
            }
        };
        labels.insert(label.trim_start_matches(',').to_owned(), text);
        rest = &after[end..];
    }
    Sample { name: name.to_owned(), labels, value }
}
