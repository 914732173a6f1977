//! Personal data and credentials in free text, found by their form.

use std::borrow::Cow;
use std::ops::Range;

use super::{address, credential, email, iban, phone};
use crate::config::Redaction;
use crate::output::mask_secrets;

/// The text with everything replaced that the classes find. Takes time linear in the length of the text, whatever it
/// holds, and allocates only if something is found.
pub(super) fn redact<'a>(text: &'a str, classes: &Redaction) -> Cow<'a, str> {
    let masked = if text.len() >= super::SHORTEST && (classes.credentials || classes.cards) {
        mask_secrets(text, |is_card| if is_card { classes.cards } else { classes.credentials })
    } else {
        Cow::Borrowed(text)
    };
    let personal = match &masked {
        Cow::Borrowed(text) => scan(text, classes),
        Cow::Owned(text) => scan(text, classes).map(Cow::into_owned).map(Cow::Owned),
    };
    personal.unwrap_or(masked)
}

/// Something that is replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) mark: &'static str,
}

/// Bytes at which something may be found: most of a text is none of them.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let bytes = b"0123456789@%:=+(bB-_I";
    let mut at = 0;
    while at < bytes.len() {
        stops[bytes[at] as usize] = true;
        at += 1;
    }
    stops
};

/// `None` where nothing is found.
fn scan<'a>(text: &'a str, classes: &Redaction) -> Option<Cow<'a, str>> {
    let bytes = text.as_bytes();
    let mut changed = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if !STOPS[usize::from(byte)] {
            at += 1;
            continue;
        }
        match find(text, copied, at, classes) {
            // Both ends are ends of characters: what is found starts and ends with ASCII, or with a whole character.
            Ok(Found { range, mark }) => {
                changed.push_str(text.get(copied..range.start).unwrap_or_default());
                changed.push_str(mark);
                copied = range.end;
                at = range.end.max(at + 1);
            }
            Err(next) => at = next.max(at + 1),
        }
    }
    if copied == 0 {
        return None;
    }
    changed.push_str(text.get(copied..).unwrap_or_default());
    Some(Cow::Owned(changed))
}

/// What stands at a stop, or where to go on. Nothing before `from` is looked at: it is dealt with.
fn find(text: &str, from: usize, at: usize, classes: &Redaction) -> Result<Found, usize> {
    let bytes = text.as_bytes();
    let found = match bytes.get(at) {
        Some(b'@' | b'%') if classes.emails => email::find(text, from, at),
        Some(b':') => {
            let address = classes.addresses.then(|| address::v6(text, from, at)).flatten();
            address.or_else(|| classes.credentials.then(|| credential::behind(text, from, at)).flatten())
        }
        Some(b'0'..=b'9') => return number(bytes, from, at, classes),
        Some(b'+' | b'(') if classes.phones => phone::find(bytes, at),
        Some(b'=' | b'b' | b'B' | b'-' | b'_' | b'I') if classes.credentials => credential::behind(text, from, at),
        _ => None,
    };
    found.ok_or(at + 1)
}

/// What starts with the digits here. A number that is nothing is passed as a whole: nothing starts in its middle.
fn number(bytes: &[u8], from: usize, at: usize, classes: &Redaction) -> Result<Found, usize> {
    let found = classes.ibans.then(|| iban::find(bytes, from, at)).flatten();
    let found = found.or_else(|| classes.addresses.then(|| address::v4(bytes, at)).flatten());
    let found = found.or_else(|| classes.phones.then(|| phone::find(bytes, at)).flatten());
    found.ok_or_else(|| at + run(bytes, at, |byte| byte.is_ascii_digit()))
}

/// How many bytes from here are of a kind.
pub(super) fn run(bytes: &[u8], at: usize, of: impl Fn(u8) -> bool) -> usize {
    bytes.get(at..).unwrap_or_default().iter().take_while(|&&byte| of(byte)).count()
}

/// How many bytes before here are of a kind, down to `from`.
pub(super) fn run_back(bytes: &[u8], from: usize, at: usize, of: impl Fn(u8) -> bool) -> usize {
    bytes.get(from..at).unwrap_or_default().iter().rev().take_while(|&&byte| of(byte)).count()
}

/// A letter, a digit or an underscore.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether what stands before makes this the middle of something longer. The letter of an escape (`\n`) does not.
pub(super) fn is_glued(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at.saturating_sub(2)..at).unwrap_or_default() {
        [b'\\', b'n' | b'r' | b't'] => false,
        before => before.last().is_some_and(|&before| is_word(before)),
    }
}

/// Whether what follows makes this the beginning of something longer.
pub(super) fn goes_on(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_some_and(|&byte| is_word(byte))
}
