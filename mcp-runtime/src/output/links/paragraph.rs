//! Whether the brackets of a paragraph can be paired in more than one way.

/// A paragraph from its first image on.
///
/// Code spans, formulas, escapes, tags and titles hold brackets that pair with none outside, for a reader that knows
/// them. Where such brackets do not pair among themselves, an image may end at another bracket for one reader than for
/// the next.
#[derive(Debug)]
pub(super) struct Paragraph {
    read: usize,
    ambiguous: bool,
    within: Within,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Within {
    Text,
    /// Behind a row of backticks or dollars: which, how many, how many brackets are open, whether one too many closed.
    Code {
        mark: u8,
        length: usize,
        depth: usize,
        below: bool,
    },
    Tag,
    /// Behind `](`.
    Target,
    Title(u8),
}

impl Paragraph {
    /// The paragraph that starts at `start`, from the image at `image` on.
    pub(super) fn with_image(bytes: &[u8], start: usize, image: usize) -> Self {
        let mut paragraph = Self { read: start, ambiguous: false, within: Within::Text };
        paragraph.is_ambiguous(bytes, image);
        // What came before can end no image.
        paragraph.ambiguous = false;
        if let Within::Code { depth, below, .. } = &mut paragraph.within {
            (*depth, *below) = (0, false);
        }
        paragraph
    }

    /// Whether that is so, up to the bracket at `to`.
    pub(super) fn is_ambiguous(&mut self, bytes: &[u8], to: usize) -> bool {
        while self.read < to {
            self.read += self.step(bytes.get(self.read..to).unwrap_or_default()).max(1);
        }
        let unpaired = matches!(self.within, Within::Code { depth, below, .. } if depth > 0 || below);
        self.ambiguous || unpaired
    }

    /// Reads what comes next; says how many bytes.
    fn step(&mut self, rest: &[u8]) -> usize {
        let &[byte, ref after @ ..] = rest else { return 1 };
        match (byte, self.within) {
            (b'\\', _) => {
                // The bracket may be the one that is asked for.
                self.ambiguous |= matches!(after.first(), Some(b'[' | b']') | None);
                return 2;
            }
            (b'`' | b'$', within @ (Within::Text | Within::Code { .. })) => return self.code(rest, byte, within),
            (b'[', Within::Code { mark, length, depth, below }) => {
                self.within = Within::Code { mark, length, depth: depth + 1, below };
            }
            (b']', Within::Code { mark, length, depth, below }) => {
                let below = below || depth == 0;
                self.within = Within::Code { mark, length, depth: depth.saturating_sub(1), below };
            }
            (b'<', Within::Text) if after.first().is_some_and(|byte| !byte.is_ascii_whitespace()) => {
                self.within = Within::Tag;
            }
            (b'>', Within::Tag) | (b')', Within::Target) => self.within = Within::Text,
            (b'"' | b'\'' | b'[' | b']', Within::Tag) | (b'[' | b']' | b'<' | b'`', Within::Target) => {
                self.ambiguous = true;
            }
            (b']', Within::Text) if after.first() == Some(&b'(') => self.within = Within::Target,
            (b'"' | b'\'', Within::Target) => self.within = Within::Title(byte),
            (_, Within::Title(quote)) if byte == quote => self.within = Within::Target,
            (b'[' | b']' | b'(' | b')' | b'"' | b'\'' | b'`' | b'<', Within::Title(_)) => self.ambiguous = true,
            _ => {}
        }
        1
    }

    fn code(&mut self, rest: &[u8], byte: u8, within: Within) -> usize {
        let run = rest.iter().take_while(|other| **other == byte).count();
        self.within = match within {
            Within::Code { mark, length, depth, below } if mark == byte => {
                // A row of another length ends it for some.
                self.ambiguous |= depth > 0 || below;
                if length == run { Within::Text } else { Within::Code { mark, length, depth: 0, below: false } }
            }
            Within::Code { .. } => within,
            _ => Within::Code { mark: byte, length: run, depth: 0, below: false },
        };
        run
    }
}
