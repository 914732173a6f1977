//! Images of Markdown, inline and by reference.

use std::ops::Range;

use memchr::{memchr2, memchr3, memmem, memrchr_iter};

use super::paragraph::Paragraph;
use super::{Labels, Links, REMOVED, keeps};
use crate::output::edits::Edits;

/// The longest target of an embedded page that is read.
const LONGEST_TARGET: usize = 999;

/// Finds images that load what they may not.
///
/// Linear: brackets are paired on a stack, and what is read ahead (an address) is not read again.
pub(super) fn scan(text: &str, links: &Links, labels: &mut Labels, edits: &mut Edits) {
    let bytes = text.as_bytes();
    let defines = memmem::find(bytes, b"]:").is_some();
    if memmem::find(bytes, b"![").is_none() && memmem::find(bytes, b"](").is_none() && !defines {
        return;
    }
    let mut found = Found { images: Vec::new(), definitions: Vec::new(), collects: defines && labels.shared };
    Scan::new(text, links).run(&mut found, edits);
    if defines && !found.collects && !found.images.is_empty() {
        // Hardly ever: most texts with definitions have no images, and then nobody asks for them.
        let mut again = Found { images: Vec::new(), definitions: Vec::new(), collects: true };
        Scan::new(text, links).run(&mut again, &mut Edits::default());
        found = again;
    }
    resolve(text, links, labels, &found, edits);
}

/// Takes the addresses of definitions that images use, or could use.
fn resolve(text: &str, links: &Links, labels: &mut Labels, found: &Found, edits: &mut Edits) {
    if !labels.shared && (found.images.is_empty() || found.definitions.is_empty()) {
        return;
    }
    labels.images.extend(found.images.iter().filter_map(|label| Some(normal(text.get(label.clone())?))));
    let mut read = 0;
    for (label, start) in &found.definitions {
        // What stands in the address of another definition is none.
        if *start < read {
            continue;
        }
        let target = address(text, *start, |_, byte| byte.is_ascii_whitespace());
        read = target.end;
        let Some(address) = text.get(inner(text, &target)) else { continue };
        if address.is_empty() || keeps(links, address) {
            continue;
        }
        let label = text.get(label.clone()).map(normal).unwrap_or_default();
        // The replacement is two words, the first of which is a relative reference.
        if labels.strict || labels.images.contains(&label) {
            edits.replace(target, REMOVED);
        } else {
            labels.kept.insert(label);
        }
    }
}

/// Labels of images, and definitions: their label, and where their address may start. Not all readers heed that a label
/// has at most 999 characters.
struct Found {
    images: Vec<Range<usize>>,
    definitions: Vec<(Range<usize>, usize)>,
    /// Definitions are asked for.
    collects: bool,
}

/// Brackets that are open, and whether each is an image's: a stack of bits, which allocates nothing for a text as people
/// write it.
#[derive(Default)]
struct Brackets {
    depth: usize,
    /// The last ones, the last of all lowest; the others by 64.
    top: u64,
    below: Vec<u64>,
}

impl Brackets {
    fn push(&mut self, image: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.below.push(self.top);
        }
        self.top = self.top << 1 | u64::from(image);
        self.depth += 1;
    }

    fn pop(&mut self) -> Option<bool> {
        self.depth = self.depth.checked_sub(1)?;
        let image = self.top & 1 == 1;
        self.top >>= 1;
        if self.depth.is_multiple_of(64) {
            self.top = self.below.pop().unwrap_or_default();
        }
        Some(image)
    }

    fn clear(&mut self) {
        self.depth = 0;
        self.below.clear();
    }
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    links: &'a Links,
    /// In the paragraph.
    open: Brackets,
    /// The last opening bracket, if no closing one came after it.
    last_open: Option<usize>,
    /// Behind the last `![` no bracket has closed. To who reads by a pattern, the next one ends the image.
    unclosed: bool,
    /// `![` stands in this line, and no `](` behind it: the same for another pattern.
    in_line: bool,
    /// The paragraph, if there is an image in it.
    paragraph: Option<Paragraph>,
    /// How far targets of `![[` have been judged, and where the first `]]` behind that is.
    embedded: usize,
    embeds_to: Option<usize>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, links: &'a Links) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            links,
            open: Brackets::default(),
            last_open: None,
            unclosed: false,
            in_line: false,
            paragraph: None,
            embedded: 0,
            embeds_to: None,
        }
    }

    fn run(&mut self, found: &mut Found, edits: &mut Edits) {
        let mut at = 0;
        while let Some(next) = self.next(at) {
            at = match self.bytes.get(next) {
                Some(b'[') => self.opened(next, edits),
                Some(b']') => self.closed(next, found, edits),
                _ => self.line_feed(next),
            };
        }
    }

    /// The next byte that matters. Where nothing is open, the end of a line ends nothing.
    fn next(&self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        let idle = self.open.depth == 0 && !self.in_line && self.paragraph.is_none();
        let next = if idle { memchr2(b'[', b']', rest) } else { memchr3(b'[', b']', b'\n', rest) };
        next.map(|next| at + next)
    }

    fn opened(&mut self, at: usize, edits: &mut Edits) -> usize {
        let image = at.checked_sub(1).and_then(|before| self.bytes.get(before)) == Some(&b'!');
        if image {
            self.unclosed = true;
            self.in_line = true;
            self.embedded(at + 1, edits);
        }
        if !self.is_escaped(at) {
            self.open.push(image);
            self.last_open = Some(at);
            if image && self.paragraph.is_none() {
                self.paragraph = Some(Paragraph::with_image(self.bytes, self.paragraph_start(at), at));
            }
        }
        at + 1
    }

    /// `![[url]]`, as wikis embed images; other targets are names of pages.
    fn embedded(&mut self, at: usize, edits: &mut Edits) {
        // What a target that was judged holds was judged with it.
        if self.bytes.get(at) != Some(&b'[') || at < self.embedded {
            return;
        }
        let start = at + 1;
        if self.embeds_to.is_none_or(|end| end < start) {
            let rest = self.bytes.get(start..).unwrap_or_default();
            self.embeds_to = Some(start + memmem::find(rest, b"]]").unwrap_or(rest.len()));
        }
        let end = self.embeds_to.unwrap_or(start).min(self.text.floor_char_boundary(start + LONGEST_TARGET));
        let target = self.text.get(start..end).unwrap_or_default();
        let target = target.split('|').next().unwrap_or_default();
        self.embedded = start + target.len();
        let loads = target.contains([':', '\\', '&']) || target.contains("//");
        if loads && !keeps(self.links, target) {
            edits.replace(start..start + target.len(), REMOVED);
        }
    }

    fn closed(&mut self, at: usize, found: &mut Found, edits: &mut Edits) -> usize {
        let next = self.bytes.get(at + 1).copied();
        let by_pattern = std::mem::take(&mut self.unclosed) | self.in_line;
        self.in_line &= next != Some(b'(');
        if self.is_escaped(at) {
            // To who reads by a pattern it is a bracket like others.
            return if by_pattern && next == Some(b'(') { self.inline(at + 2, edits) } else { at + 1 };
        }
        let own = self.last_open.take().map(|open| open + 1..at);
        let popped = self.open.pop();
        let follows = next.is_some_and(|byte| matches!(byte, b'(' | b'[' | b' ' | b'\n'));
        // Without an opening bracket of its own it may close an image of the string before.
        let image = popped == Some(true) || (follows && (popped.is_none() || self.is_ambiguous(at)));
        if next == Some(b':') && found.collects {
            found.definitions.extend(own.clone().map(|label| (label, at + 2)));
        }
        if image {
            // An image whose address turns out to be none may take it from a definition.
            found.images.extend(own);
            if matches!(next, Some(b'[' | b' ' | b'\n' | b'\\')) {
                found.images.extend(self.label_behind(at + 1));
            }
        }
        if next == Some(b'(') && (image || by_pattern) { self.inline(at + 2, edits) } else { at + 1 }
    }

    /// A blank line ends a paragraph, and with it all brackets.
    fn line_feed(&mut self, at: usize) -> usize {
        self.in_line = false;
        let rest = self.bytes.get(at + 1..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if rest.get(blank) == Some(&b'\n') {
            self.open.clear();
            self.paragraph = None;
        }
        at + 1 + blank
    }

    /// Where the paragraph starts that goes on here: behind a blank line.
    fn paragraph_start(&self, at: usize) -> usize {
        let before = self.bytes.get(..at).unwrap_or_default();
        let blank = |end: &usize| {
            let line = self.bytes.get(..*end).unwrap_or_default().iter().rev();
            line.copied().find(|byte| !matches!(byte, b' ' | b'\t')) == Some(b'\n')
        };
        memrchr_iter(b'\n', before).find(blank).unwrap_or_default()
    }

    /// The label in brackets that starts here, perhaps behind a space, or escaped: not all readers heed that.
    fn label_behind(&self, at: usize) -> Option<Range<usize>> {
        let open = at + usize::from(self.bytes.get(at) != Some(&b'['));
        self.bytes.get(open).filter(|byte| **byte == b'[')?;
        let mut end = open + 1;
        loop {
            end += memchr2(b'[', b']', self.bytes.get(end..)?)?;
            if !self.is_escaped(end) {
                return Some(open + 1..end);
            }
            end += 1;
        }
    }

    /// Judges the address behind `](`; says where to go on.
    fn inline(&self, start: usize, edits: &mut Edits) -> usize {
        let target = address(self.text, start, |depth, byte| {
            match byte {
                b'(' => *depth += 1,
                b')' if *depth == 0 => return true,
                b')' => *depth -= 1,
                _ => return byte.is_ascii_whitespace(),
            }
            false
        });
        let end = target.end.max(start);
        if !self.text.get(inner(self.text, &target)).is_none_or(|address| keeps(self.links, address)) {
            edits.replace(target, REMOVED);
        }
        end
    }

    /// Whether an odd number of backslashes stands before.
    fn is_escaped(&self, at: usize) -> bool {
        let before = self.bytes.get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
    }

    fn is_ambiguous(&mut self, at: usize) -> bool {
        self.paragraph.as_mut().is_some_and(|paragraph| paragraph.is_ambiguous(self.bytes, at))
    }
}

/// Where the address is that starts here, perhaps behind spaces: in angle brackets, or up to what ends it.
fn address(text: &str, start: usize, mut ends: impl FnMut(&mut usize, u8) -> bool) -> Range<usize> {
    let bytes = text.as_bytes();
    let rest = bytes.get(start..).unwrap_or_default();
    let start = start + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = bytes.get(start..).unwrap_or_default();
    let bracketed = || {
        let inner = rest.strip_prefix(b"<")?;
        let end = inner.iter().position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
        (inner.get(end) == Some(&b'>')).then_some(end + 2)
    };
    let mut depth = 0;
    let length = bracketed().or_else(|| rest.iter().position(|&byte| ends(&mut depth, byte))).unwrap_or(rest.len());
    start..start + length
}

/// The address without angle brackets.
fn inner(text: &str, target: &Range<usize>) -> Range<usize> {
    let bracketed = text.get(target.clone()).is_some_and(|target| target.starts_with('<') && target.ends_with('>'));
    if bracketed { target.start + 1..target.end - 1 } else { target.clone() }
}

/// A label as labels are compared: case folded, spaces collapsed.
fn normal(label: &str) -> String {
    let mut folded = String::with_capacity(label.len());
    // A label that goes on in the next line of a block quote has its mark in it.
    for word in label.lines().flat_map(|line| line.trim_start_matches([' ', '\t', '>']).split_whitespace()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    if folded.is_ascii() {
        folded.make_ascii_lowercase();
        return folded;
    }
    folded.to_lowercase().to_uppercase().to_lowercase()
}
