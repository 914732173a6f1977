//! Hygiene of output: what a model may read, without what nobody sees.
//!
//! [`clean`] removes the code points that carry text past the eye: terminal escape sequences, control and bidi
//! control characters, tags, fillers, stray variation selectors and joiners. It leaves alone what real text needs:
//! joiners in emoji, in Persian and in Hindi, the emoji style of a heart, combining marks. It closes channels; it does
//! not judge what a text says.
//!
//! # How it decides
//!
//! Escape sequences and what goes anywhere are as if they had never been there. The rest falls into visible
//! characters, which always stay, and the *runs* between them. What stays of a run depends on the run and on the
//! visible characters to its left and right, and what stayed once stays again: cleaning twice changes nothing more.
//!
//! | removed | unless |
//! | --- | --- |
//! | C0, C1 and DEL | tab and line feed; `CR LF` and a lone `CR` become a line feed |
//! | escape sequences, whole (`escape`) | one that does not end loses its introducer alone |
//! | bidi embeddings, overrides and isolates, U+2060–206F, fillers, BOM, annotations, tags, all that `kind` lists | |
//! | variation selectors U+FE00–FE0F, U+180B–180D, U+180F | the first behind a character that takes it |
//! | ZWJ, ZWNJ | beside letters whose shape they change; ZWJ also within an emoji |
//! | U+200B | between South-East Asian characters |
//! | U+00AD | a single one between letters |
//! | U+034F | before a combining mark |
//! | LRM, RLM, ALM in a row of more than two | its two ends |
//! | LRM, RLM, ALM between two letters of ASCII | |
//!
//! A row of *different* joiners goes entirely; of a row of equal ones (U+00AD apart) one stays where one may stand. So
//! what is left between two visible characters is at most three invisible ones, whatever was put there. An emoji flag
//! that is spelt in tags, as England's is, becomes the black flag.

mod escape;
mod kind;
mod run;
mod scan;
mod tables;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use self::kind::is_hidden;
use self::run::Run;

/// A text after [`clean`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// What is left; borrowed where nothing had to change.
    pub text: Cow<'a, str>,
    /// How many code points are gone. A lone carriage return that became a line feed is none of them.
    pub removed: usize,
}

/// Removes from `text` the code points that hide something, by the rules of this module.
///
/// Takes time linear in the length of the text, whatever it holds, and allocates only if something changes.
pub fn clean(text: &str) -> Cleaned<'_> {
    let mut writer = Writer { text, copied: 0, clean: String::new(), removed: 0 };
    let mut at = scan::next(text.as_bytes(), 0);
    while at < text.len() {
        let after = writer.gap(at);
        at = scan::next(text.as_bytes(), after);
    }
    writer.finish()
}

/// [`clean`] for a string of one's own, with the count of code points removed: a clean one is handed back as it is.
pub fn clean_in_place(value: String) -> (String, usize) {
    let changed = match clean(&value) {
        Cleaned { text: Cow::Owned(text), removed } => Some((text, removed)),
        Cleaned { text: Cow::Borrowed(_), .. } => None,
    };
    changed.unwrap_or((value, 0))
}

/// Copies what stays, in pieces as long as possible.
struct Writer<'a> {
    text: &'a str,
    /// Bytes of `text` that are dealt with; 0 as long as nothing has changed.
    copied: usize,
    clean: String,
    removed: usize,
}

impl<'a> Writer<'a> {
    /// Deals with the run that starts at `at`, where a visible character ends, and with the character behind it.
    /// Returns where to go on.
    fn gap(&mut self, at: usize) -> usize {
        let run = Run::read(self.text, at);
        let previous = self.text.get(..at).and_then(|before| before.chars().next_back());
        let kept = run.kept(previous);
        if kept.count() != run.length {
            self.removed += run.length - kept.count();
            self.replace(at, run.end, kept.chars());
        }
        match run.next {
            Some('\r') => self.carriage_return(run.end),
            Some(next) => run.end + next.len_utf8(),
            None => run.end,
        }
    }

    /// Turns the carriage return at `at` into a line feed, or removes it where one follows once the text is clean.
    fn carriage_return(&mut self, at: usize) -> usize {
        let run = Run::read(self.text, at + 1);
        if run.next == Some('\n') && run.kept(Some('\n')).count() == 0 {
            self.removed += 1 + run.length;
            self.replace(at, run.end, std::iter::empty());
            run.end
        } else {
            self.replace(at, at + 1, std::iter::once('\n'));
            at + 1
        }
    }

    /// Writes all up to `start`, then `kept` for what stands from there to `end`.
    fn replace(&mut self, start: usize, end: usize, kept: impl Iterator<Item = char>) {
        if self.copied == 0 {
            self.clean.reserve(self.text.len());
        }
        self.clean.push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.clean.extend(kept);
        self.copied = end;
    }

    fn finish(mut self) -> Cleaned<'a> {
        if self.copied == 0 {
            return Cleaned { text: Cow::Borrowed(self.text), removed: 0 };
        }
        self.clean.push_str(self.text.get(self.copied..).unwrap_or_default());
        Cleaned { text: Cow::Owned(self.clean), removed: self.removed }
    }
}
