//! Rates as text: `"10/min"`, in configuration and in what is shown of the policy.

use crate::spec::{MAX_RATE, Window};

const UNITS: &[(&str, u32)] =
    &[("s", 1), ("sec", 1), ("second", 1), ("min", 60), ("minute", 60), ("h", 3600), ("hour", 3600), ("day", 86_400)];

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no rate: write a count and a unit, as in \"10/min\"; units are s, min, h and day, counts 1 to {MAX_RATE}", text.escape_debug())]
pub struct InvalidRate {
    text: String,
}

/// Reads a rate; its burst is its count.
///
/// # Errors
/// Anything that is not `COUNT/UNIT`.
pub fn parse(text: &str) -> Result<Window, InvalidRate> {
    let invalid = || InvalidRate { text: text.chars().take(32).collect() };
    let (count, unit) = text.split_once('/').ok_or_else(invalid)?;
    let (count, unit) = (count.trim(), unit.trim());
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    if !count.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    let count = count.parse().ok().filter(|count| (1..=MAX_RATE).contains(count)).ok_or_else(invalid)?;
    Ok(Window::new(count, *seconds, count))
}

/// Writes a window as [`parse`] reads it, and its burst where it is another.
pub fn text(window: &Window) -> String {
    let unit = match window.period.as_secs() {
        1 => "s",
        60 => "min",
        3600 => "h",
        86_400 => "day",
        seconds => return format!("{}/{seconds}s", window.count),
    };
    if window.burst == window.count {
        format!("{}/{unit}", window.count)
    } else {
        format!("{}/{unit}, {} at once", window.count, window.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_and_parse_agree() {
        for text_form in ["10/min", "1/s", "1000/day", "1000000000/h"] {
            assert_eq!(text(&parse(text_form).unwrap()), text_form);
        }
        assert_eq!(parse("5/minute").unwrap(), parse(" 5 / min ").unwrap());
        assert_eq!(text(&Window::new(10, 60, 20)), "10/min, 20 at once");
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for bad in [
            "",
            "10",
            "10/",
            "/min",
            "0/min",
            "-1/min",
            "+1/min",
            "1.5/s",
            "1000000001/s",
            "10/mn",
            "10/min/s",
            "99999999999/s",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
