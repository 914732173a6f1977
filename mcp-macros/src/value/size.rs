//! `"64KiB"`: sizes in bytes.

use super::{number, unknown_unit};
use crate::mistakes::Fault;

/// The largest one.
const MAX: u64 = 1 << 30;

/// Units, in bytes.
pub(crate) const UNITS: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Parses a number and a unit into bytes.
pub(crate) fn parse(text: &str) -> Result<u64, Fault> {
    let Some((count, unit)) = number(text) else {
        return Err(Fault::new(
            format_args!("`{}` is no size", text.escape_debug()),
            "write a whole number and a unit: `512B`, `64KiB`, `2MiB`",
        ));
    };
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let binary =
            ["kb", "mb", "gb", "kib", "mib", "gib"].iter().position(|known| *known == unit.to_ascii_lowercase());
        if let Some((name, _)) = binary.and_then(|at| UNITS.get(at % 3 + 1)) {
            return Err(Fault::new(
                format_args!("`{unit}` is no unit, in `{text}`"),
                format_args!("did you mean `{count}{name}`? Units are powers of 1024"),
            ));
        }
        return Err(unknown_unit(text, unit, UNITS, |meant| format!("{count}{meant}")));
    };
    match count.checked_mul(*bytes) {
        Some(0) => Err(Fault::new(format_args!("`{text}` leaves room for no answer"), "write at least `1B`")),
        Some(bytes @ 1..=MAX) => Ok(bytes),
        _ => Err(Fault::new(format_args!("`{text}` is too large"), "write at most `1GiB`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_known() {
        assert_eq!(parse("512B"), Ok(512));
        assert_eq!(parse("64KiB"), Ok(65536));
        assert_eq!(parse("1GiB"), Ok(MAX));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "64", "KiB", "0B", "64 KiB", "64KB", "2GiB", "-1B", "1.5MiB", "99999999999999999999B"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(format!("{:?}", parse("64kb")).contains("did you mean `64KiB`?"));
        assert!(format!("{:?}", parse("2MB")).contains("did you mean `2MiB`?"));
    }
}
