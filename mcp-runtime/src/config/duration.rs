//! Durations as text: `"5s"`, `"500ms"`.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

const UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("day", 86_400_000)];

/// The longest duration that makes sense here: a hundred years.
const MAX_MILLIS: u64 = 100 * 365 * 86_400_000;

/// Reads a duration above zero.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let invalid = || {
        format!(
            "`{}` is no duration: write a count and a unit, as in \"5s\"; units are ms, s, min, h and d",
            text.escape_debug()
        )
    };
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
    let (count, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(invalid)?;
    let count: u64 = count.parse().map_err(|_| invalid())?;
    let millis = count.checked_mul(*millis).filter(|millis| (1..=MAX_MILLIS).contains(millis)).ok_or_else(invalid)?;
    Ok(Duration::from_millis(millis))
}

/// Writes a duration as [`parse`] reads it.
pub(crate) fn text(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)] {
        if millis >= size && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

pub(super) fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

pub(super) fn option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_and_parse_agree() {
        for form in ["500ms", "5s", "90s", "2min", "1h", "30d"] {
            assert_eq!(text(parse(form).unwrap()), form);
        }
        for bad in ["", "5", "s", "0s", "-5s", "5 parsecs", "1.5s", "99999999999999999999s"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
