//! What each code point is to hygiene.

/// The part a code point plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Stays, and is what others are judged by. Tab, line feed and all spaces that have a width are visible.
    Visible,
    /// Goes, wherever it stands.
    Removed,
    /// Starts an escape sequence, and goes with it.
    Introducer,
    /// The carriage return.
    Return,
    /// A variation selector, of the basic plane or of Mongolian.
    Selector,
    /// Of no width, but between the right letters it changes how they look or where a line breaks: ZWJ, ZWNJ, the
    /// zero-width space, the soft hyphen, the combining grapheme joiner.
    Joiner,
    /// LRM, RLM or ALM. Text that mixes directions needs them, and unlike the embeddings and overrides they reorder
    /// no text but the punctuation beside them.
    Direction,
}

/// What `c` is.
pub(super) const fn kind(c: char) -> Kind {
    match c {
        '\t' | '\n' | ' '..='~' => Kind::Visible,
        '\r' => Kind::Return,
        '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => Kind::Introducer,
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => Kind::Selector,
        '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' => Kind::Joiner,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => Kind::Direction,
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{115f}'..='\u{1160}'
        // Khmer vowels that are written for nobody: Unicode discourages both.
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180e}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        // Tags, the supplement of variation selectors, and what is reserved for more of the kind.
        | '\u{e0000}'..='\u{e0fff}' => Kind::Removed,
        // The last two of each plane are noncharacters.
        _ if (c as u32) & 0xfffe == 0xfffe => Kind::Removed,
        _ => Kind::Visible,
    }
}

/// Whether `c` has no place in a name: of a tool, an agent, a subject.
///
/// A name is compared by eye and by byte, so here nothing is weighed by its neighbours: controls (tab and line breaks
/// too), bidi, zero-width and default-ignorable characters, tags, fillers, variation selectors and noncharacters are
/// hidden. So are characters whose look nobody knows or that have none: private use, the object replacement character
/// and the blanks that are no spaces (U+2800, U+1D159). Spaces with a width are not.
pub(crate) const fn is_hidden(c: char) -> bool {
    match c {
        '\t'
        | '\n'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2800}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{fffc}'
        | '\u{1d159}'
        | '\u{f0000}'..='\u{10ffff}' => true,
        _ => !matches!(kind(c), Kind::Visible),
    }
}
