//! The trace context of a caller, read as what it is: text that anybody may have written.
//!
//! W3C Trace Context, level 2. What does not follow it to the letter is not there; `baggage` is never read.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The length of version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
const LENGTH: usize = 55;

/// At the most so many members has a `tracestate`.
const MAX_MEMBERS: usize = 32;

/// The span that `traceparent` names, with its `tracestate` if that is one.
pub(super) fn remote(traceparent: Option<&str>, tracestate: Option<&str>) -> Option<SpanContext> {
    let text = traceparent?;
    let bytes = text.as_bytes();
    let is_future = bytes.get(..3).is_some_and(|version| version != b"00-");
    match bytes.get(LENGTH) {
        None if bytes.len() == LENGTH => {}
        // A later version may append to it, behind a dash.
        Some(b'-') if is_future => {}
        _ => return None,
    }
    let mut fields = text.get(..LENGTH)?.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || version == "ff" {
        return None;
    }
    hex(version, 2)?;
    let trace = TraceId::from_bytes(hex(trace, 32)?.to_be_bytes());
    let span = SpanId::from_bytes(u64::try_from(hex(span, 16)?).ok()?.to_be_bytes());
    // The sampled flag is the only one that means anything here.
    let flags = TraceFlags::new(u8::try_from(hex(flags, 2)?).ok()? & 1);
    let context = SpanContext::new(trace, span, flags, true, tracestate.and_then(state).unwrap_or_default());
    context.is_valid().then_some(context)
}

/// A number of so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then(|| u128::from_str_radix(text, 16).ok())?
}

/// A `tracestate` without a doubt about it.
fn state(text: &str) -> Option<TraceState> {
    if !text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
        return None;
    }
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for member in members {
        let (key, value) = member.split_once('=')?;
        if key.is_empty()
            || value.is_empty()
            || pairs.len() == MAX_MEMBERS
            || pairs.iter().any(|(other, _)| *other == key)
        {
            return None;
        }
        pairs.push((key, value));
    }
    TraceState::from_key_value(pairs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn only_what_follows_the_letter_is_a_parent() {
        let good = format!("00-{TRACE}-{SPAN}-01");
        let context = remote(Some(&good), None).unwrap();
        assert_eq!((context.trace_id().to_string(), context.span_id().to_string()), (TRACE.into(), SPAN.into()));
        assert!(context.is_sampled() && context.is_remote());
        assert!(!remote(Some(&format!("00-{TRACE}-{SPAN}-00")), None).unwrap().is_sampled());
        assert!(
            !remote(Some(&format!("00-{TRACE}-{SPAN}-fe")), None).unwrap().is_sampled(),
            "unknown flags are nothing"
        );
        assert!(remote(Some(&format!("01-{TRACE}-{SPAN}-01-more")), None).is_some(), "a later version may append");
        for bad in [
            String::new(),
            "00".to_owned(),
            good.to_uppercase(),
            format!("{good}-"),
            format!("{good}-more"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0g-{TRACE}-{SPAN}-01"),
            format!("01-{TRACE}-{SPAN}-01more"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}-1 "),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}{SPAN}--01"),
            format!("00-{}é-{SPAN}-01", &TRACE[2..]),
            format!("00-{TRACE}-{SPAN}-01{}", "-0".repeat(1000)),
        ] {
            assert_eq!(remote(Some(&bad), None), None, "{bad:?}");
        }
        assert_eq!(remote(None, Some("a=b")), None);
    }

    #[test]
    fn a_state_that_is_none_leaves_the_parent_alone() {
        let good = format!("00-{TRACE}-{SPAN}-01");
        let of = |state: &str| remote(Some(&good), Some(state)).unwrap().trace_state().header();
        assert_eq!(of("vendor=1, other@sys=2"), "vendor=1,other@sys=2");
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=v")).collect();
        for bad in ["a", "a=", "=b", "a=b\nc=d", "a=\u{1b}[31m", "A=b", "a=b,a=c", "a=é", "a=b=c", &many.join(",")] {
            assert_eq!(of(bad), "", "{bad:?}");
        }
    }
}
