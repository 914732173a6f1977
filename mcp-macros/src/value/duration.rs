//! `"5s"`, `"500ms"`, `"2min"`: lengths of time.

use super::{number, unknown_unit};
use crate::mistakes::Fault;

/// The longest one: a day. What waits longer than that is a mistake of the unit.
const MAX_MILLIS: u64 = 86_400_000;

/// Units, in milliseconds.
const UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1000),
    ("sec", 1000),
    ("second", 1000),
    ("min", 60_000),
    ("minute", 60_000),
    ("h", 3_600_000),
    ("hour", 3_600_000),
];

/// Parses a number and a unit into milliseconds.
pub(crate) fn parse(text: &str) -> Result<u64, Fault> {
    let Some((count, unit)) = number(text) else {
        return Err(Fault::new(
            format_args!("`{}` is no length of time", text.escape_debug()),
            "write a whole number and a unit: `500ms`, `5s`, `2min`, `1h`",
        ));
    };
    let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        if let Some(fraction) = unit.strip_prefix('.') {
            let what = format_args!("`{text}` is no whole number: `.{}`", fraction.escape_debug()).to_string();
            return Err(Fault::new(what, "take the smaller unit: `1500ms`"));
        }
        return Err(unknown_unit(text, unit, UNITS, |meant| format!("{count}{meant}")));
    };
    match count.checked_mul(*millis) {
        Some(0) => Err(Fault::new(format_args!("`{text}` is no time at all"), "write at least `1ms`")),
        Some(millis @ 1..=MAX_MILLIS) => Ok(millis),
        _ => Err(Fault::new(format_args!("`{text}` is longer than a day"), "write at most `24h`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_known() {
        assert_eq!(parse("500ms"), Ok(500));
        assert_eq!(parse("5s"), Ok(5000));
        assert_eq!(parse("2min"), Ok(120_000));
        assert_eq!(parse("24h"), Ok(MAX_MILLIS));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "s", "0s", "0ms", "5", "5 s", "-5s", "1.5s", "5S", "25h", "5days", "99999999999999999999s"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(format!("{:?}", parse("5secs")).contains("did you mean `5sec`?"));
        assert!(format!("{:?}", parse("5")).contains("has no unit"));
    }
}
