//! Strings on their way out, at the level of everything that nobody declared.
//!
//! What has to be gone is said here once more, apart from the code that removes it, and coarsely: by patterns where that
//! code scans.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use crate::output::{Counts, Links, OutputBounds, Problem, plain, to_clean};

/// The prefix that links may load from.
pub const ALLOWED: &str = "https://example.com/";

/// How many strings a text is taken apart into at the most.
const MOST_STRINGS: usize = 32;

static BOUNDS: LazyLock<OutputBounds> = LazyLock::new(|| {
    let links = Links::new([ALLOWED]).unwrap_or_else(|why| panic!("{why}"));
    OutputBounds { links: Arc::new(links), ..OutputBounds::new(u64::MAX) }
});

/// A text on its own, and the strings in it, between NULs, as the keys and strings of a value.
///
/// # Panics
/// If something does not hold.
pub fn sanitiser(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    on_its_own(text);
    within(&nested(text));
}

/// The text as it is sent.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    plain(text, &BOUNDS).text
}

/// The strings between NULs as they are sent, in the list that they make.
///
/// # Panics
/// If the list is not sent.
pub fn sanitise_list(text: &str) -> Vec<String> {
    let clean = to_clean(&strings(text).collect::<Vec<_>>(), &BOUNDS);
    let value = clean.map(|clean| serde_json::from_str(clean.value.text()));
    value.unwrap_or_else(|why| panic!("{why}")).unwrap_or_else(|why| panic!("{why}"))
}

/// What has to hold of every text.
pub(crate) fn on_its_own(text: &str) {
    let once = plain(text, &BOUNDS);
    let twice = plain(&once.text, &BOUNDS);
    assert_eq!(twice.text, once.text, "{text:?} does not stay");
    assert_eq!(twice.counts, Counts::default(), "{text:?} became {:?}, of which something is counted", once.text);
    assert!(once.text != "[removed]" || text == "[removed]", "{text:?} does not settle");
    let borrowed = matches!(once.text, Cow::Borrowed(_));
    assert_eq!(borrowed, once.text == text, "{text:?} is copied for nothing");
    // A carriage return that becomes a line feed is not counted.
    assert!(once.counts != Counts::default() || borrowed || text.contains('\r'), "{text:?} changes, uncounted");
    let kept = kept(&once.text);
    assert!(kept.is_none(), "{text:?} keeps {}: {:?}", kept.unwrap_or_default(), once.text);
}

/// What has to hold of every value.
fn within(value: &Value) {
    let once = match to_clean(value, &BOUNDS) {
        Ok(once) => once,
        // Keys are not merged, and not dropped.
        Err(Problem::Invalid(why)) if why.starts_with("two keys") => return,
        Err(why) => panic!("{value} is not sent: {why}"),
    };
    let text = once.value.text();
    let once = once.value.root().to_value();
    // It is checked as one, and sent as the other.
    assert_eq!(serde_json::from_str::<Value>(text).ok().as_ref(), Some(&once), "{value} is sent as {text}");
    let twice = to_clean(&once, &BOUNDS).unwrap_or_else(|why| panic!("{value} is not sent again: {why}"));
    assert_eq!(twice.value.root().to_value(), once, "{value} does not stay");
    assert_eq!(twice.counts, Counts::default(), "{value} became {once}, of which something is counted");
    each(&once, &mut |text| {
        let kept = kept(text);
        assert!(kept.is_none(), "{value} keeps {}: {text:?}", kept.unwrap_or_default());
    });
}

fn each(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(values) => values.iter().for_each(|value| each(value, look)),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            look(key);
            each(value, look);
        }),
        _ => {}
    }
}

fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split('\0').take(MOST_STRINGS)
}

/// The strings of a text as values, list entries and keys by turns.
fn nested(text: &str) -> Value {
    strings(text).enumerate().fold(Value::Null, |inner, (index, text)| match index % 4 {
        0 => json!([text, inner]),
        1 => json!({ text: inner, "a~/b": text }),
        2 => json!([[inner], 1.5, text]),
        _ => json!({ "secretAccessKey": text, "inner": { text: [inner] } }),
    })
}

/// What a sanitised text holds that it may not.
fn kept(text: &str) -> Option<String> {
    hidden(text)
        .or_else(|| role_token(text))
        .or_else(|| image(text))
        .or_else(|| credential(text))
        .map(|what| what.escape_debug().to_string())
}

/// A code point that never stays, or stands where none of its kind may.
fn hidden(text: &str) -> Option<String> {
    let mut row = 0;
    let mut before = '\n';
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or('\n');
        let never = (c.is_control() && c != '\t' && c != '\n')
            || matches!(u32::from(c),
                0x115f | 0x1160 | 0x180e | 0x202a..=0x202e | 0x2060..=0x2064 | 0x2066..=0x2069 | 0x3164 | 0xfeff
                | 0xfff9..=0xfffb | 0xe0000..=0xe007f | 0xe0100..=0xe01ef);
        let joiner = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}');
        let astray = joiner && ((before.is_ascii() && next.is_ascii() && c != '\u{ad}') || before == c || next == c);
        let invisible =
            joiner || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{34f}' | '\u{fe00}'..='\u{fe0f}');
        row = if invisible { row + 1 } else { 0 };
        if never || astray || row > 3 {
            return Some(c.to_string());
        }
        before = c;
    }
    None
}

fn role_token(text: &str) -> Option<String> {
    let folded = text.to_ascii_lowercase();
    for token in
        ["<tool_output>", "</tool_output>", "<tool_result ", "</function_results>", "<<sys>>", "</system-prompt>"]
    {
        if folded.contains(token) {
            return Some(token.to_owned());
        }
    }
    for token in ["[INST]", "[/INST]", "<system>", "</assistant>", "<invoke "] {
        if text.contains(token) {
            return Some(token.to_owned());
        }
    }
    let barred = text.split("<|").skip(1).filter_map(|rest| rest.split_once("|>")).map(|(name, _)| name);
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    barred.filter(|name| (1..=64).contains(&name.len())).find(|name| name.chars().all(in_name)).map(str::to_owned)
}

/// What who looks for images by a pattern would load.
fn image(text: &str) -> Option<String> {
    let inline = text.split("![").skip(1).filter_map(|rest| {
        let (alternative, rest) = rest.split_once("](")?;
        (!alternative.contains(['[', ']'])).then_some(rest)
    });
    let address = |text: &str| text.trim_start().trim_start_matches('<').to_ascii_lowercase();
    let foreign = |address: &String| {
        let schemes = ["http:", "https:", "data:", "//"];
        schemes.iter().any(|scheme| address.starts_with(scheme)) && !address.starts_with(ALLOWED.trim_end_matches('/'))
    };
    let folded = text.to_ascii_lowercase();
    let elements = ["<img src=", "<img src=\"", "<iframe src='", "<link href=", "<image href="];
    let loaded = elements.iter().flat_map(|element| folded.split(element).skip(1));
    let value = |text: &str| text.trim_ascii_start().to_owned();
    inline.map(address).chain(loaded.map(value)).find(foreign)
}

fn credential(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-' && c != '/' && c != '.' && c != '%');
    let key = |word: &&str| {
        let random =
            |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric()) && rest.bytes().any(|b| b.is_ascii_digit());
        let aws = word.len() == 20
            && word.starts_with("AKIA")
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let github = word.strip_prefix("ghp_").is_some_and(|rest| (36..=255).contains(&rest.len()) && random(rest));
        let stripe = word.strip_prefix("sk_live_").is_some_and(|rest| (16..=255).contains(&rest.len()) && random(rest));
        aws || github || stripe
    };
    let card = |word: &&str| {
        word.len() == 16 && word.starts_with('4') && word.bytes().all(|byte| byte.is_ascii_digit()) && luhn(word)
    };
    let mut parted = text.split_whitespace();
    words.into_iter().find(key).or_else(|| parted.find(card)).map(str::to_owned)
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10)
}
