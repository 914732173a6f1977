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

/// How far a test looks ahead.
const AHEAD: usize = 3;

/// Where four digits stand of which a card's number may be the first.
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

fn first(window: &[u8; SPAN + AHEAD]) -> Option<usize> {
    let mut any = false;
    for at in 0..SPAN {
        // In bounds, as the window is longer by `AHEAD`; written so that the compiler needs no checks.
        any |= digit(window[at]) & digit(window[at + 1]) & digit(window[at + 2]) & digit(window[at + 3]);
    }
    any.then(|| window.windows(4).position(|four| four.iter().copied().all(digit))).flatten()
}

#[inline]
const fn digit(byte: u8) -> bool {
    byte.wrapping_sub(b'0') < 10
}
