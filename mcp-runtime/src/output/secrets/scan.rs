//! Finds the next place where a credential may start, many bytes at a time.

#![allow(clippy::needless_bitwise_bool, reason = "`&&` and `||` branch, and what branches does not run in vectors")]

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Span, packed};

/// What tokens start with, or have near their start.
const STARTS: &[&str] = &[
    "mcpk_",
    "AKIA",
    "ASIA",
    "ecret",
    "ECRET",
    "eyJ",
    "-BEGIN ",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "xoxa-",
    "xoxb-",
    "xoxc-",
    "xoxd-",
    "xoxe-",
    "xoxo-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "sk_live_",
    "rk_live_",
    "sk_test_",
    "rk_test_",
    "whsec_",
];

/// All of them at once, in vectors where the processor has them.
enum Searcher {
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
}

static SEARCHER: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let packed = packed::Builder::new().extend(STARTS).build().map(Searcher::Packed);
    packed.or_else(|| AhoCorasick::new(STARTS).ok().map(Searcher::Automaton))
});

/// The places of a text, from front to back.
pub(super) struct Places<'a> {
    bytes: &'a [u8],
    /// The next token and the next number at or behind the place last asked for; the text's length if there is none.
    token: usize,
    number: usize,
}

impl<'a> Places<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, token: token(bytes, 0), number: number(bytes, 0) }
    }

    /// The first at or behind `from`.
    pub(super) fn next(&mut self, from: usize) -> Option<usize> {
        if self.token < from {
            self.token = token(self.bytes, from);
        }
        if self.number < from {
            self.number = number(self.bytes, from);
        }
        Some(self.token.min(self.number)).filter(|&place| place < self.bytes.len())
    }
}

fn token(bytes: &[u8], from: usize) -> usize {
    let span = Span { start: from.min(bytes.len()), end: bytes.len() };
    let found = match &*SEARCHER {
        Some(Searcher::Packed(searcher)) => searcher.find_in(bytes, span).map(|found| found.start()),
        Some(Searcher::Automaton(automaton)) => {
            automaton.find(aho_corasick::Input::new(bytes).span(span)).map(|found| found.start())
        }
        // Slow, and complete: every place is looked at.
        None => Some(from),
    };
    found.unwrap_or(bytes.len())
}

/// Bytes that are looked at together; enough for the compiler to use vectors.
const SPAN: usize = 32;

/// How far a test looks ahead: a first group of fourteen digits or more is one without a parting.
const AHEAD: usize = 13;

/// Where the number of a card may start: with four digits, and ten more or, parted, four.
fn number(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let hit = match rest.first_chunk() {
            Some(window) => first(window),
            None => {
                let mut window = [b' '; SPAN + AHEAD];
                for (to, byte) in window.iter_mut().zip(rest) {
                    *to = *byte;
                }
                first(&window)
            }
        };
        if let Some(hit) = hit {
            return at + hit;
        }
        at += SPAN;
    }
    bytes.len()
}

/// The first place at which a number may start.
fn first(window: &[u8; SPAN + AHEAD]) -> Option<usize> {
    let mut any = false;
    for at in 0..SPAN {
        // In bounds, as the window is longer by `AHEAD`; written so that the compiler needs no checks.
        // Four of the eight digits that both forms have; years, times and most identifiers do not.
        any |= digit(window[at]) & digit(window[at + 3]) & digit(window[at + 5]) & digit(window[at + 7]);
    }
    if !any {
        return None;
    }
    let mut hits = [0; SPAN];
    for (at, hit) in hits.iter_mut().enumerate() {
        let issuer = window[at].wrapping_sub(b'2') < 5;
        let four = issuer & digit(window[at + 1]) & digit(window[at + 2]) & digit(window[at + 3]);
        let fifth = digit(window[at + 4]);
        let whole = fifth & digit(window[at + 8]) & digit(window[at + 13]);
        let parted = !fifth & digit(window[at + 5]) & digit(window[at + 6]) & digit(window[at + 8]);
        *hit = u8::from(four & (whole | parted));
    }
    hits.iter().position(|hit| *hit != 0)
}

#[inline]
const fn digit(byte: u8) -> bool {
    byte.wrapping_sub(b'0') < 10
}
