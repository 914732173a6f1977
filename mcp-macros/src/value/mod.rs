//! The small languages inside of the options: each parses a text into a value, or says what is wrong with it.

pub(crate) mod bounds;
pub(crate) mod code;
pub(crate) mod duration;
pub(crate) mod hidden;
pub(crate) mod name;
pub(crate) mod privacy;
pub(crate) mod rate;
pub(crate) mod scope;
pub(crate) mod size;

use crate::mistakes::{Fault, did_you_mean, one_of};

/// The digits in front, as a number, and what follows them.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

/// What is wrong with a unit.
fn unknown_unit(text: &str, unit: &str, units: &[(&str, u64)], correct: impl Fn(&str) -> String) -> Fault {
    let names = || units.iter().map(|(name, _)| *name);
    if unit.is_empty() {
        let usual = names().find(|name| matches!(*name, "s" | "KiB")).unwrap_or_default();
        return Fault::new(
            format_args!("`{}` has no unit", text.escape_debug()),
            format_args!("write one behind it, as in `{}`; the units are {}", correct(usual), one_of(names())),
        );
    }
    let what = format!("`{}` is no unit, in `{}`", unit.escape_debug(), text.escape_debug());
    let lower = unit.to_ascii_lowercase();
    let singular = lower.strip_suffix('s').unwrap_or(&lower);
    let meant = names().find(|name| *name == singular).or_else(|| did_you_mean(&lower, names()));
    match meant {
        Some(meant) => Fault::new(what, format_args!("did you mean `{}`?", correct(meant))),
        None => Fault::new(what, format_args!("the units are {}", one_of(names()))),
    }
}
