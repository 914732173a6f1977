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
        if unit.starts_with('.') {
            return Err(fraction(text));
        }
        return Err(unknown_unit(text, unit, UNITS, |meant| format!("{count}{meant}")));
    };
    match count.checked_mul(*millis) {
        Some(0) => Err(Fault::new(format_args!("`{text}` is no time at all"), "write at least `1ms`")),
        Some(millis @ 1..=MAX_MILLIS) => Ok(millis),
        _ => Err(Fault::new(format_args!("`{text}` is longer than a day"), "write at most `24h`")),
    }
}

/// `1.5s` is `1500ms`.
fn fraction(text: &str) -> Fault {
    let smaller = UNITS.iter().find_map(|(unit, millis)| {
        let (whole, part) = text.strip_suffix(unit)?.split_once('.')?;
        let digits = u32::try_from(part.len()).ok()?;
        let thousandths: u64 = format!("{whole}{part}").parse().ok()?;
        let scale = 10_u64.checked_pow(digits)?;
        let millis = thousandths.checked_mul(*millis)?;
        millis.is_multiple_of(scale).then(|| printed(millis / scale))
    });
    let what = format!("`{}` has a fraction, and a length of time is a whole number", text.escape_debug());
    match smaller {
        Some(smaller) => Fault::new(what, format_args!("take a smaller unit: `{smaller}`")),
        None => Fault::new(what, "take a smaller unit, such as `1500ms` for one and a half seconds"),
    }
}

/// Milliseconds in the largest unit that fits.
pub(crate) fn printed(millis: u64) -> String {
    let units = [("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    match units.into_iter().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
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
        for (fraction, whole) in [("1.5s", "1500ms"), ("2.5min", "150s"), ("0.5h", "30min"), ("0.001s", "1ms")] {
            assert!(format!("{:?}", parse(fraction)).contains(&format!("smaller unit: `{whole}`")), "{fraction}");
        }
    }
}
