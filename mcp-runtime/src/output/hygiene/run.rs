//! A run: everything between two visible characters, and what of it stays.

use super::escape;
use super::kind::{Kind, kind};
use super::tables::{is_brahmic, is_cursive, is_mark, is_pictograph, is_south_east_asian, is_virama};

const ZERO_WIDTH_SPACE: char = '\u{200b}';
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const SOFT_HYPHEN: char = '\u{ad}';
const GRAPHEME_JOINER: char = '\u{34f}';
const KEYCAP: char = '\u{20e3}';

/// A run of characters that are not visible, escape sequences included.
///
/// Only what may stay of it is remembered, so that a run of any length takes the same few bytes. What is removed in
/// any case is as if it had never been there: it neither separates nor joins its neighbours.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Where it ends in the text, in bytes.
    pub(super) end: usize,
    /// How many code points it has.
    pub(super) length: usize,
    /// The visible character or carriage return that ends it; none at the end of the text.
    pub(super) next: Option<char>,
    /// The selector it starts with.
    selector: Option<char>,
    joiners: Joiners,
    /// The first mark of direction, and the last if there are several. Only the two ends of a row of such marks can
    /// have an effect on what stands beside it.
    directions: (Option<char>, Option<char>),
    /// Whether it holds anything that could stay.
    begun: bool,
}

/// The joiners of a run.
#[derive(Debug, Default)]
enum Joiners {
    #[default]
    None,
    /// One, or the same one several times, as hurried typists leave it.
    Of(char),
    /// Several: an alphabet.
    Mixed,
}

/// What stays of a run, in order.
#[derive(Debug)]
pub(super) struct Kept([Option<char>; 3]);

impl Kept {
    /// The characters.
    pub(super) fn chars(&self) -> impl Iterator<Item = char> {
        self.0.into_iter().flatten()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.chars().count()
    }
}

impl Run {
    /// Reads the run that starts at byte `start`; an empty one if a visible character stands there.
    pub(super) fn read(text: &str, start: usize) -> Self {
        let mut run = Self { end: start, ..Self::default() };
        loop {
            let rest = text.get(run.end..).unwrap_or_default();
            let Some(c) = rest.chars().next() else { return run };
            let mut width = c.len_utf8();
            match kind(c) {
                Kind::Visible | Kind::Return => {
                    run.next = Some(c);
                    return run;
                }
                Kind::Removed => {}
                Kind::Introducer => {
                    width = escape::length(rest);
                    run.length += rest.get(..width).unwrap_or_default().chars().count() - 1;
                }
                Kind::Selector => {
                    if !run.begun {
                        run.selector = Some(c);
                    }
                    run.begun = true;
                }
                Kind::Joiner => {
                    run.joiners = match run.joiners {
                        Joiners::None => Joiners::Of(c),
                        // Two soft hyphens in a row have no meaning.
                        Joiners::Of(same) if same == c && c != SOFT_HYPHEN => Joiners::Of(c),
                        Joiners::Of(_) | Joiners::Mixed => Joiners::Mixed,
                    };
                    run.begun = true;
                }
                Kind::Direction => {
                    match run.directions {
                        (None, _) => run.directions.0 = Some(c),
                        (Some(_), _) => run.directions.1 = Some(c),
                    }
                    run.begun = true;
                }
            }
            run.length += 1;
            run.end += width;
        }
    }

    /// What stays of it behind `previous`, the visible character before it.
    pub(super) fn kept(&self, previous: Option<char>) -> Kept {
        // The ends of a text are like those of a line.
        let (previous, next) = (previous.unwrap_or('\n'), self.next.unwrap_or('\n'));
        let selector = self.selector.filter(|&selector| takes(previous, selector, next));
        // Between two Latin letters a direction changes nothing that anybody sees: there it can only carry a message.
        let in_word = previous.is_ascii_alphabetic() && next.is_ascii_alphabetic();
        let directions = if in_word { (None, None) } else { self.directions };
        match (&self.joiners, directions) {
            (Joiners::Of(joiner), (None, _)) if joins(previous, *joiner, next) => Kept([selector, Some(*joiner), None]),
            (_, (first, last)) => Kept([selector, first, last]),
        }
    }
}

/// Whether `base` takes the variation selector. Ranges where the standard lists single characters of a block.
fn takes(base: char, selector: char, next: char) -> bool {
    let han = || matches!(base, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}');
    let hieroglyph = || matches!(base, '\u{13000}'..='\u{1342f}' | '\u{13460}'..='\u{143ff}');
    let operator = || matches!(base, '\u{2200}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}');
    let myanmar = || matches!(base, '\u{1000}'..='\u{109f}' | '\u{aa60}'..='\u{aa7f}');
    let manichaean_or_phags_pa = || matches!(base, '\u{a840}'..='\u{a873}' | '\u{10ac0}'..='\u{10ae6}');
    let quote = || matches!(base, '‘' | '’' | '“' | '”');
    let east_asian_stop = || matches!(base, '、' | '。' | '！' | '，' | '．' | '：' | '；' | '？');
    match selector {
        // Text style and emoji style. Digits take them too, but to some effect in keycaps alone.
        '\u{fe0e}' | '\u{fe0f}' => match base {
            '#' | '*' | '0'..='9' => next == KEYCAP,
            _ => is_pictograph(base),
        },
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(base, '\u{1820}'..='\u{1878}' | '\u{1880}'..='\u{18aa}'),
        '\u{fe00}' if operator() || myanmar() || manichaean_or_phags_pa() => true,
        '\u{fe00}' | '\u{fe01}' if quote() || east_asian_stop() => true,
        '\u{fe00}'..='\u{fe02}' if han() => true,
        '\u{fe00}'..='\u{fe06}' => hieroglyph(),
        _ => false,
    }
}

/// Whether `joiner` does something between these two.
fn joins(previous: char, joiner: char, next: char) -> bool {
    match joiner {
        ZERO_WIDTH_SPACE => is_south_east_asian(previous) && is_south_east_asian(next),
        SOFT_HYPHEN => (previous.is_alphabetic() || is_mark(previous)) && next.is_alphabetic(),
        GRAPHEME_JOINER => is_ink(previous) && is_mark(next),
        // Behind a virama they choose the shape of what stands before them, at the end of a word too (RFC 5892,
        // appendix A). Bengali and Sinhala also have them before one.
        NON_JOINER | JOINER if is_virama(previous) || (is_brahmic(previous) && is_brahmic(next)) => true,
        // Persian sets endings apart from words of any script, from figures and from closing quotes: one of the two
        // is enough, but there have to be two.
        NON_JOINER => is_ink(previous) && is_ink(next) && (is_cursive(previous) || is_cursive(next)),
        // It shapes the letter it touches, as in the Persian abbreviation for the lunar year, where a full stop
        // follows.
        JOINER => {
            is_cursive(previous)
                || is_cursive(next)
                || ((is_pictograph(previous) || is_skin_tone(previous)) && is_pictograph(next))
        }
        _ => false,
    }
}

/// Whether a visible character is more than a space.
fn is_ink(c: char) -> bool {
    !c.is_whitespace()
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}
