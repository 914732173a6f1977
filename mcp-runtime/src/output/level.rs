//! What is done to a string, by the level that its type declares.

use std::borrow::Cow;
use std::sync::Arc;

use super::links::{self, Labels, Links};
use super::{hygiene, roles, secrets};

/// How much of a string is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// This server's authors wrote it: cleaned of code points that hide something.
    Trusted,
    /// Everything else: links that load by themselves, role tokens and leaked secrets are dealt with as well.
    Plain,
}

/// By what rules a tool's output is sanitised and bounded.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OutputBounds {
    /// In bytes of JSON.
    pub max_bytes: u64,
    /// What links that load by themselves may load.
    pub links: Arc<Links>,
    /// The tool may send what looks like a credential.
    pub unmasked: bool,
}

impl OutputBounds {
    /// Bounds with nothing allowed.
    pub fn new(max_bytes: u64) -> Self {
        Self { max_bytes, ..Self::default() }
    }
}

/// How much sanitising changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Code points removed.
    pub(crate) removed: usize,
    /// Links that lost their address, and role tokens that were broken.
    pub(crate) defused: usize,
    /// Secrets masked.
    pub(crate) masked: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.removed += other.removed;
        self.defused += other.defused;
        self.masked += other.masked;
    }
}

/// A sanitised string.
#[derive(Debug)]
pub(crate) struct Sanitised<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) counts: Counts,
}

/// How often a string is gone over until nothing changes any more. What one pass writes hardly ever gives another
/// something to do; what takes longer was made for that, and is not sent.
const ROUNDS: usize = 8;

/// What is sent of a string that does not settle.
const UNSETTLED: &str = "[removed]";

/// What stands around a string.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Labels in the other strings of the answer.
    pub(super) labels: Labels,
    /// The string is the value of a field that is called after a secret key of AWS.
    pub(super) aws_secret: bool,
}

/// Sanitises a string. Borrowed where nothing has to change, and then nothing is allocated but for labels of images and
/// definitions that may meet; linear in any case.
///
/// A fixed point: what comes out stays as it is when it comes in again.
pub(super) fn sanitise<'a>(
    text: &'a str,
    level: Level,
    bounds: &OutputBounds,
    around: &mut Surroundings,
) -> Sanitised<'a> {
    if is_harmless(text) && !around.aws_secret {
        return Sanitised { text: Cow::Borrowed(text), counts: Counts::default() };
    }
    let cleaned = hygiene::clean(text);
    let mut sanitised =
        Sanitised { text: cleaned.text, counts: Counts { removed: cleaned.removed, ..Counts::default() } };
    if level == Level::Trusted {
        links::note_images(&sanitised.text, &mut around.labels);
        return sanitised;
    }
    for _ in 0..ROUNDS {
        let counts = round(&mut sanitised.text, bounds, around);
        if counts == Counts::default() {
            return sanitised;
        }
        sanitised.counts.add(counts);
    }
    sanitised.text = Cow::Owned(UNSETTLED.to_owned());
    sanitised
}

/// No credential is shorter than this.
const SHORTEST: usize = 14;

/// Whether a glance is enough: most names, and many values, are words, or a short one of something else. Every credential
/// that is told by its form has a digit, a dot or a dash, but for an access key id of AWS, which may do with letters.
#[allow(clippy::needless_bitwise_bool, reason = "`||` branches, and what branches does not run in vectors")]
fn is_harmless(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() | (byte == b'_') | (byte == b' ');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ' | b'.' | b',' | b':');
    if text.len() < SHORTEST {
        text.bytes().all(plain)
    } else {
        let letters = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & letter(*byte));
        text.as_bytes().chunks(32).all(letters) && !text.as_bytes().windows(4).any(secrets::begins_key_id)
    }
}

/// Every pass once.
fn round(text: &mut Cow<'_, str>, bounds: &OutputBounds, around: &mut Surroundings) -> Counts {
    let mut counts = Counts::default();
    if !bounds.unmasked {
        let aws_secret = around.aws_secret;
        counts.masked = pass(text, |text| secrets::mask(text, aws_secret));
    }
    // One look is enough for text without markup.
    if memchr::memchr3(b'<', b'[', b']', text.as_bytes()).is_some() {
        counts.defused = pass(text, roles::break_up);
        counts.defused += pass(text, |text| links::defuse(text, &bounds.links, &mut around.labels));
    }
    if counts != Counts::default() {
        counts.removed = pass(text, |text| {
            let cleaned = hygiene::clean(text);
            (cleaned.text, cleaned.removed)
        });
    }
    counts
}

/// Runs a pass; a text that it does not change stays borrowed.
fn pass(text: &mut Cow<'_, str>, run: impl FnOnce(&str) -> (Cow<'_, str>, usize)) -> usize {
    let (changed, count) = match run(text) {
        (Cow::Borrowed(_), count) => (None, count),
        (Cow::Owned(changed), count) => (Some(changed), count),
    };
    if let Some(changed) = changed {
        *text = Cow::Owned(changed);
    }
    count
}

/// A string on its own, at the level of everything that nobody declared.
pub(crate) fn plain<'a>(text: &'a str, bounds: &OutputBounds) -> Sanitised<'a> {
    sanitise(text, Level::Plain, bounds, &mut Surroundings::default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stays(text: &str) {
        assert!(is_harmless(text), "{text}");
        assert_eq!(hygiene::clean(text).removed, 0);
        let mut seen = Cow::Borrowed(text);
        let counts = round(&mut seen, &OutputBounds::default(), &mut Surroundings::default());
        assert_eq!(counts, Counts::default());
        assert_eq!(&*seen, text);
    }

    proptest! {
        #[test]
        fn what_is_done_with_at_a_glance_would_have_stayed(text in "[A-Za-z0-9_. ,:-]{0,13}") {
            stays(&text);
        }

        #[test]
        fn a_key_id_of_letters_is_found(before in "[a-z ]{0,20}( |_)", id in "(AKIA|ASIA)[A-Z]{16}", after in "( [a-z]{0,20})?") {
            let sanitised = plain(&format!("{before}{id}{after}"), &OutputBounds::default()).text.into_owned();
            prop_assert!(!sanitised.contains(&id), "{sanitised}");
        }

        #[test]
        fn words_alone_would_have_stayed(
            pieces in proptest::collection::vec("A|AK|IA|AS|eyJhbGciOiJIUzIn|ghp_|github_pat_|mcpk_|sk_live_|whsec_|secret|_| |access key|BEGIN PRIVATE KEY|[A-Za-z]{1,40}", 3..12),
        ) {
            let text = pieces.concat();
            if is_harmless(&text) {
                stays(&text);
            }
        }
    }
}
