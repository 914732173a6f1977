//! Elements and attributes of HTML that load something.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3};

use super::references::decoded;
use super::{Links, REMOVED, css, keeps};
use crate::output::edits::Edits;

/// Where a reader may be within a tag, as a set: readers differ in where they think that a tag started.
/// A value without quotes may be so long, in bytes. Nobody writes longer ones, but to have each of the values that begin in
/// one looked at to the end of it.
const LONGEST_BARE: usize = 256;

const BETWEEN: u8 = 1;
const IN_DOUBLE: u8 = 2;
const IN_SINGLE: u8 = 4;

/// Elements whose `href` waits for somebody to follow it.
const FOLLOWED: &[&str] = &["a", "area"];

/// Elements with attributes of their own that load: `<object data>`, and the animations of SVG, which write the `href` of
/// the element around them.
const WITH_OWN: &[&str] = &["object", "set", "animate"];
const OWN: &[&str] = &["data", "to", "from", "by", "values"];

/// Finds attributes that load what they may not, in every tag, closed or not.
///
/// A tag is followed through its quotes by all the ways to read it at once: a quote may be one, or stand in the quotes of
/// a tag around it. One pass, and an address that was judged is not read again.
pub(super) fn scan(text: &str, links: &Links, edits: &mut Edits) {
    let bytes = text.as_bytes();
    if memchr(b'<', bytes).is_none() {
        return;
    }
    let mut scan = Scan {
        text,
        bytes,
        links,
        any: 0,
        loading: 0,
        own: 0,
        named: 0,
        styled: 0,
        marks: (0, true),
        quotes: memchr_iter(b'>', bytes).any(|at| is_mark(bytes, at)),
        line: 0,
        quoted: false,
    };
    let mut at = 0;
    while let Some(next) = scan.next(at) {
        at = scan.step(next, edits);
    }
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    links: &'a Links,
    /// In a tag of any name.
    any: u8,
    /// In a tag that loads what its `href` names.
    loading: u8,
    /// In one of [`WITH_OWN`].
    own: u8,
    /// Where the last name of a tag, or value without quotes, ends: quotes in it open nothing.
    named: usize,
    /// Whether any line of the text starts as one of a block quote.
    quotes: bool,
    /// Whether a line of the paragraph starts as one of a block quote: then `>` at the start of a line ends no tag.
    quoted: bool,
    /// Where it was asked last whether only marks stand before, and the answer.
    marks: (usize, bool),
    /// The first line that has not been looked at for that.
    line: usize,
    /// How far style sheets have been read.
    styled: usize,
}

/// What an attribute holds.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Address,
    Addresses,
    Style,
    Refresh,
    Document,
}

fn holds(name: &str) -> Option<Holds> {
    const ADDRESS: &[&str] = &["src", "poster", "background", "lowsrc", "dynsrc"];
    const STYLE: &[&str] = &[
        "style",
        "fill",
        "stroke",
        "filter",
        "mask",
        "clip-path",
        "cursor",
        "marker",
        "marker-start",
        "marker-mid",
        "marker-end",
    ];
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    if ADDRESS.iter().any(is) {
        Some(Holds::Address)
    } else if STYLE.iter().any(is) {
        Some(Holds::Style)
    } else if ["srcset", "imagesrcset"].iter().any(is) {
        Some(Holds::Addresses)
    } else if is(&"content") {
        Some(Holds::Refresh)
    } else if is(&"srcdoc") {
        Some(Holds::Document)
    } else {
        None
    }
}

impl Scan<'_> {
    /// The next byte that matters.
    fn next(&self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        let found = if self.any == 0 {
            memchr(b'<', rest)
        } else {
            rest.iter().position(|byte| matches!(byte, b'<' | b'>' | b'"' | b'\'' | b'='))
        };
        found.map(|found| at + found)
    }

    fn step(&mut self, at: usize, edits: &mut Edits) -> usize {
        match self.bytes.get(at) {
            Some(b'<') => return self.tag(at + 1, edits),
            Some(b'>') if !(self.quoted && self.starts_line(at)) => {
                for state in [&mut self.any, &mut self.loading, &mut self.own] {
                    *state &= !BETWEEN;
                }
            }
            Some(b'"') => self.quote(at, IN_DOUBLE),
            Some(b'\'') => self.quote(at, IN_SINGLE),
            Some(b'=') if self.any & BETWEEN != 0 => return self.attribute(at, edits),
            _ => {}
        }
        at + 1
    }

    /// Whether nothing but marks of block quotes stands before, in its line. Asked from front to back.
    fn starts_line(&mut self, at: usize) -> bool {
        let (known, starts) = self.marks;
        // What was gone over for another mark is not gone over again.
        let since = self.bytes.get(known..at).unwrap_or_default();
        let other = since.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t' | b'>'));
        let starts = other.map_or(starts, |byte| *byte == b'\n');
        self.marks = (at, starts);
        starts
    }

    /// Looks at the lines up to here.
    fn note_lines(&mut self, to: usize) {
        while self.quotes && self.line <= to {
            let rest = self.bytes.get(self.line..).unwrap_or_default();
            match rest.iter().find(|byte| !before_mark(**byte)) {
                Some(b'>') => self.quoted = true,
                // A blank line ends the paragraph, but for a tag that is still open.
                Some(b'\n') => self.quoted &= self.any != 0,
                _ => {}
            }
            self.line += memchr(b'\n', rest).unwrap_or(rest.len()) + 1;
        }
    }

    /// A quote opens a value behind an equals sign, and closes one of its kind.
    fn quote(&mut self, at: usize, kind: u8) {
        let before = |end: usize| {
            let before = self.bytes.get(..end).unwrap_or_default();
            before.iter().rposition(|byte| !self.is_blank(*byte))
        };
        let equals = before(at).filter(|&equals| self.bytes.get(equals) == Some(&b'='));
        let opens = equals.is_some();
        // Without the name of an attribute before it, an equals sign is a part of one, and the quote as well.
        let literal = equals.is_some_and(|equals| {
            at < self.named
                || before(equals).is_none_or(|name| {
                    name < self.named || self.bytes.get(name).is_none_or(|byte| b"='\"/<>".contains(byte))
                })
        });
        for state in [&mut self.any, &mut self.loading, &mut self.own] {
            let (between, inside, other) = (*state & BETWEEN, *state & kind, *state & (IN_DOUBLE | IN_SINGLE) & !kind);
            let opened = match (opens, literal) {
                (false, _) => between,
                (true, false) if between != 0 => kind,
                // In a name it is a character like others.
                (true, true) if between != 0 => kind | between,
                (true, _) => 0,
            };
            let closed = if inside == 0 { 0 } else { BETWEEN };
            *state = opened | closed | other;
        }
    }

    fn tag(&mut self, start: usize, edits: &mut Edits) -> usize {
        let rest = self.bytes.get(start..).unwrap_or_default();
        if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
            return start;
        }
        let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'_' | b'.');
        let length = rest.iter().take_while(in_name).count();
        let end = start + length;
        let name = self.text.get(start..end).unwrap_or_default();
        let outside = (self.any | self.loading | self.own) == 0;
        if outside && self.bytes.get(end) == Some(&b'>') && !name.eq_ignore_ascii_case("style") {
            // Without attributes, and closed: as if it had not been there.
            return end + 1;
        }
        if end > self.named {
            let rest = self.bytes.get(end..).unwrap_or_default();
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
            self.named = end + rest.iter().position(ends).unwrap_or(rest.len());
        }
        self.note_lines(start - 1);
        self.any |= BETWEEN;
        let local = name.rsplit(':').next().unwrap_or_default();
        if !FOLLOWED.iter().any(|known| local.eq_ignore_ascii_case(known)) {
            self.loading |= BETWEEN;
        }
        if WITH_OWN.iter().any(|known| local.eq_ignore_ascii_case(known)) {
            self.own |= BETWEEN;
        }
        if name.eq_ignore_ascii_case("style") && start >= self.styled {
            self.style_sheet(end, edits);
        }
        end
    }

    /// The text of a `<style>`, up to its end or the text's.
    fn style_sheet(&mut self, name: usize, edits: &mut Edits) {
        let attributes = self.bytes.get(name..).and_then(|rest| memchr(b'>', rest));
        let start = attributes.map_or(name, |length| name + length + 1);
        let sheet = self.text.get(start..).unwrap_or_default();
        let end = memchr::memmem::find_iter(sheet.as_bytes(), b"</")
            .find(|&at| sheet.as_bytes().get(at + 2..at + 7).is_some_and(|name| name.eq_ignore_ascii_case(b"style")));
        let sheet = end.and_then(|end| sheet.get(..end)).unwrap_or(sheet);
        self.styled = start + sheet.len();
        css::loads(sheet, self.links, |target| edits.replace(start + target.start..start + target.end, REMOVED));
    }

    /// Judges the attribute whose equals sign stands here; says where to go on.
    fn attribute(&mut self, equals: usize, edits: &mut Edits) -> usize {
        let name = self.name_before(equals);
        let href = name.rsplit(':').next().is_some_and(|local| local.eq_ignore_ascii_case("href"));
        let own = OWN.iter().any(|known| name.eq_ignore_ascii_case(known));
        let holds = if href && self.loading & BETWEEN != 0 {
            Some(Holds::Address)
        } else if own && self.own & BETWEEN != 0 {
            Some(Holds::Addresses)
        } else {
            holds(name)
        };
        let Some(holds) = holds else {
            // In a value without quotes they are characters like others.
            if equals >= self.named {
                let Value { whole, quoted, .. } = self.value(equals + 1);
                self.named = if quoted { self.named } else { whole.end };
            }
            return equals + 1;
        };
        let Value { start, inner, whole, quoted } = self.value(equals + 1);
        let Some(value) = self.text.get(inner.clone()) else { return equals + 1 };
        let is_bare_and_long = !quoted && value.len() > LONGEST_BARE;
        if value == REMOVED
            || (!is_bare_and_long && self.may_stay(holds, value) && self.may_stay(holds, &decoded(value)))
        {
            // An address that stays holds nothing that could start anything, but for attributes of a tag around it.
            if quoted && (holds != Holds::Address || value.contains('=')) {
                return start;
            }
            if value.contains('<') {
                self.loading |= BETWEEN;
                self.own |= BETWEEN;
            }
            // An equals sign in the name of the tag is a part of it, and an attribute may follow.
            return if equals < self.named { whole.end.min(self.named) } else { whole.end };
        }
        let edit = if quoted { inner } else { whole.clone() };
        edits.replace(edit, if quoted { REMOVED } else { "\"link removed\"" });
        self.any |= BETWEEN;
        whole.end.max(equals + 1)
    }

    fn may_stay(&self, holds: Holds, value: &str) -> bool {
        match holds {
            Holds::Address => keeps(self.links, value),
            Holds::Addresses => value
                .split([',', ';'])
                .all(|candidate| candidate.split_whitespace().next().is_none_or(|first| keeps(self.links, first))),
            Holds::Style => {
                let mut stays = true;
                css::loads(value, self.links, |_| stays = false);
                stays
            }
            Holds::Refresh => refresh(value).is_none_or(|address| keeps(self.links, address)),
            Holds::Document => !value.contains(['<', '&']),
        }
    }

    /// Whether a byte parts names and values: in a block quote its mark may as well.
    fn is_blank(&self, byte: u8) -> bool {
        byte.is_ascii_whitespace() || (self.quoted && byte == b'>')
    }

    fn name_before(&self, equals: usize) -> &str {
        /// One more than the longest name that matters.
        const LONGEST: usize = 16;
        let before = self.bytes.get(..equals).unwrap_or_default();
        let end = equals - before.iter().rev().take_while(|byte| self.is_blank(**byte)).count();
        let before = self.bytes.get(..end).unwrap_or_default();
        let in_name =
            |byte: &&u8| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'"' | b'\'' | b'>' | b'<' | b'=');
        let length = before.iter().rev().take(LONGEST).take_while(in_name).count();
        self.text.get(end - length..end).unwrap_or_default()
    }

    /// The value that starts here, perhaps behind spaces.
    fn value(&self, at: usize) -> Value {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let start = at + rest.iter().take_while(|byte| self.is_blank(**byte)).count();
        let rest = self.bytes.get(start..).unwrap_or_default();
        if let Some(&quote @ (b'"' | b'\'')) = rest.first() {
            let inside = rest.get(1..).unwrap_or_default();
            if let Some(length) = memchr(quote, inside) {
                let inner = start + 1..start + 1 + length;
                return Value { start, whole: start..inner.end + 1, inner, quoted: true };
            }
            // No reader that wants the closing quote shows the tag; another takes what there is.
            let blank = inside.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let inside = inside.get(blank..).unwrap_or_default();
            let length = memchr3(b'>', b'<', b'\n', inside).unwrap_or(inside.len());
            let inner = start + 1..start + 1 + blank + length;
            return Value { start, whole: start..inner.end, inner, quoted: true };
        }
        let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        Value { start, inner: start..start + length, whole: start..start + length, quoted: false }
    }
}

/// What may stand before the mark of a block quote in its line: it may be in a list.
const fn before_mark(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'-' | b'*' | b'+' | b'.' | b')' | b'0'..=b'9')
}

/// Whether the `>` here is the first mark of a line.
fn is_mark(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    matches!(before.iter().rev().find(|byte| !before_mark(**byte)), None | Some(b'\n'))
}

/// Where the value of an attribute is: with its quotes, and without.
struct Value {
    start: usize,
    inner: Range<usize>,
    whole: Range<usize>,
    quoted: bool,
}

/// The address of `<meta http-equiv=refresh content="0; url=…">`, if the value is of that form.
fn refresh(value: &str) -> Option<&str> {
    let value = value.trim_start();
    let rest = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let starts = |c: char| matches!(c, ';' | ',') || c.is_ascii_whitespace();
    let target = rest.strip_prefix(starts).filter(|_| rest.len() < value.len() || !rest.is_empty())?;
    let target = target.trim_start_matches(starts);
    let named = target.get(..3).filter(|name| name.eq_ignore_ascii_case("url")).and(target.get(3..));
    let target = named.and_then(|rest| rest.trim_start().strip_prefix('=')).unwrap_or(target);
    let target = target.trim_start().trim_start_matches(['"', '\'']);
    Some(target.split(['"', '\'']).next().unwrap_or_default())
}
