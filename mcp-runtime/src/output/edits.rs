//! Changes to a text, noted while it is read and made at once.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of which bytes. A text that nothing changes costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<(Range<usize>, &'static str)>,
}

impl Edits {
    /// Puts `text` in place of these bytes; both ends are ends of characters.
    pub(super) fn replace(&mut self, range: Range<usize>, text: &'static str) {
        self.list.push((range, text));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The text with all of them made. Where two overlap, the first takes the place of both.
    pub(super) fn apply(mut self, text: &str) -> Cow<'_, str> {
        if self.list.is_empty() {
            return Cow::Borrowed(text);
        }
        self.list.sort_by_key(|(range, _)| range.start);
        let mut changed = String::with_capacity(text.len() + 16 * self.list.len());
        let mut copied = 0;
        for (range, replacement) in self.list {
            if copied == 0 || range.start >= copied {
                changed.push_str(text.get(copied..range.start).unwrap_or_default());
                changed.push_str(replacement);
            }
            copied = copied.max(range.end);
        }
        changed.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;

    #[test]
    fn overlapping_edits_become_one() {
        let mut edits = Edits::default();
        edits.replace(4..8, "B");
        edits.replace(0..1, "A");
        edits.replace(6..9, "C");
        assert_eq!(edits.apply("0123456789"), "A123B9");
        let mut edits = Edits::default();
        edits.replace(2..2, "-");
        assert_eq!(edits.apply("0123"), "01-23");
    }
}
