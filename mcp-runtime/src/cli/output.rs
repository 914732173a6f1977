//! Results on standard output, for people or for programs; everything else goes to standard error.

use std::io::Write;

use serde_json::Value;

use super::Result;
use crate::telemetry::lines::visible;

/// How a command prints what it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints one result. A reader that went away (`| head`) is an error like any other that keeps the answer from
    /// being read.
    pub(super) fn print(self, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) -> Result {
        // What is printed may come from a file of somebody else.
        let text = if self.json { format!("{}\n", visible(&json().to_string())) } else { text() };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }
}

/// Lines up columns.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.chars().count() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
