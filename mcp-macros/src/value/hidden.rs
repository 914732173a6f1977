//! Characters that a reader does not see.
//!
//! A model reads names and descriptions whole, a reviewer only what is visible: text that the two see differently is
//! refused where it is written.

use crate::mistakes::Fault;

/// Whether `c` has no place in a name: controls, bidi, zero-width and default-ignorable characters, tags, fillers,
/// variation selectors, noncharacters, private use, blanks that are no spaces.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffc}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}'
    ) || (c as u32) & 0xfffe == 0xfffe
}

/// Refuses a text of one line with a hidden character.
pub(crate) fn line(text: &str, what: &str) -> Result<(), Fault> {
    refuse(text.chars().find(|c| is_hidden(*c)), what)
}

/// Refuses a text of several lines with a hidden character.
pub(crate) fn lines(text: &str, what: &str) -> Result<(), Fault> {
    refuse(text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t')), what)
}

fn refuse(found: Option<char>, what: &str) -> Result<(), Fault> {
    match found {
        None => Ok(()),
        Some(c) => Err(Fault::new(
            format_args!("{what} holds U+{:04X}, which a model reads and a reviewer does not see", u32::from(c)),
            "take it out, or write it as a visible character",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_refused() {
        for hidden in
            ['\u{202e}', '\u{200b}', '\u{e0041}', '\u{feff}', '\u{1b}', '\u{ad}', '\u{3164}', '\u{fe0f}', '\u{1ffff}']
        {
            assert!(line(&format!("a{hidden}b"), "the name").is_err(), "{hidden:?}");
            assert!(lines(&format!("a{hidden}b"), "the name").is_err(), "{hidden:?}");
        }
        assert!(line("a\nb", "the name").is_err());
        assert!(lines("a\n\tb", "the name").is_ok());
        assert!(line("Umsätze – 売上 ∑ 📈", "the name").is_ok());
    }
}
