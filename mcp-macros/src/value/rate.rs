//! `"10/min"`: so many calls in a period.

use std::fmt;

use super::{number, unknown_unit};
use crate::mistakes::Fault;

/// The largest count.
pub(crate) const MAX_COUNT: u32 = 1_000_000_000;

/// Units, in seconds.
pub(crate) const UNITS: &[(&str, u64)] =
    &[("s", 1), ("sec", 1), ("second", 1), ("min", 60), ("minute", 60), ("h", 3600), ("hour", 3600), ("day", 86400)];

/// `count` calls in `seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) count: u32,
    pub(crate) seconds: u32,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| *seconds == u64::from(self.seconds));
        write!(f, "{}/{}", self.count, unit.map_or("s", |(name, _)| name))
    }
}

/// Parses `COUNT/UNIT`.
pub(crate) fn parse(text: &str) -> Result<Rate, Fault> {
    let no_rate = || {
        let what = format_args!("`{}` is no rate", text.escape_debug()).to_string();
        Fault::new(what, "a rate is a count and a unit: `10/s`, `10/min`, `10/hour` or `10/day`")
    };
    let (count, unit) = text.split_once('/').ok_or_else(no_rate)?;
    let Some((count, "")) = number(count) else { return Err(no_rate()) };
    let Some((_, seconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(unknown_unit(text, unit, UNITS, |meant| format!("{count}/{meant}")));
    };
    match (u32::try_from(count), u32::try_from(*seconds)) {
        (Ok(0), _) => Err(Fault::new(
            format_args!("a rate of `{text}` refuses every call"),
            "the count is at least 1; to switch a tool off, disable it in the configuration",
        )),
        (Ok(count @ 1..=MAX_COUNT), Ok(seconds)) => Ok(Rate { count, seconds }),
        _ => Err(Fault::new(
            format_args!("the count of `{text}` is too large"),
            format_args!("the largest is {MAX_COUNT} a unit"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for count in [1, 2, 10, 999, MAX_COUNT] {
            for (unit, seconds) in UNITS {
                let rate = parse(&format!("{count}/{unit}")).unwrap();
                assert_eq!((rate.count, u64::from(rate.seconds)), (count, *seconds));
                assert_eq!(parse(&rate.to_string()), Ok(rate));
            }
        }
    }

    #[test]
    fn the_bad_part_is_quoted() {
        let meant = |text: &str| format!("{:?}", parse(text).unwrap_err());
        assert!(meant("10/mn").contains("`mn` is no unit"), "{}", meant("10/mn"));
        assert!(meant("10/mn").contains("did you mean `10/min`?"));
        assert!(meant("10/minutes").contains("did you mean `10/minute`?"));
        assert!(meant("10/Min").contains("did you mean `10/min`?"));
        assert!(meant("10/days").contains("did you mean `10/day`?"));
        assert!(meant("10/").contains("has no unit"));
        for bad in ["", "/", "10", "/min", "-1/s", "1.5/s", "10 /s", "10/ s", "ten/s", "10/s/s", "1_0/s", "0/s", "٣/s"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("1000000001/s").is_err());
        assert!(parse("99999999999999999999999/s").is_err());
    }
}
