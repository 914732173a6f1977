//! `1..=240`: bounds of numbers and of lengths.

use proc_macro2::TokenStream;
use syn::{Expr, ExprRange, ExprUnary, Lit, RangeLimits, UnOp};

use crate::mistakes::Fault;
use crate::options::literal;

/// A number of the source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    #[allow(clippy::cast_precision_loss, reason = "only compared, and both sides lose the same")]
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    fn is_below(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a < b,
            _ => self.value() < other.value(),
        }
    }
}

/// Bounds of a number; `None` is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) minimum: Option<Number>,
    pub(crate) maximum: Option<Number>,
    pub(crate) exclusive: bool,
}

impl Bounds {
    pub(crate) fn hold(&self, number: Number) -> bool {
        let above = self.minimum.is_none_or(|minimum| !number.is_below(minimum));
        let below = self
            .maximum
            .is_none_or(|maximum| if self.exclusive { number.is_below(maximum) } else { !maximum.is_below(number) });
        above && below
    }
}

/// Bounds of a length, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
}

/// The number that a literal is, with a sign in front.
pub(crate) fn number(value: &Expr) -> Option<Number> {
    if let Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) = value {
        return Some(match number(expr)? {
            Number::Integer(integer) => Number::Integer(integer.checked_neg()?),
            Number::Float(float) => Number::Float(-float),
        });
    }
    match literal(value)? {
        Lit::Int(integer) => integer.base10_parse().ok().map(Number::Integer),
        Lit::Float(float) => float.base10_parse().ok().filter(|float: &f64| float.is_finite()).map(Number::Float),
        _ => None,
    }
}

/// `range(…)`
pub(crate) fn range(tokens: TokenStream) -> Result<Bounds, Fault> {
    const HELP: &str = "write `range(1..=240)`, `range(1..)` or `range(..=240)`, with numbers for bounds";
    let range = parse(tokens, "range", HELP)?;
    let bound = |bound: &Option<Box<Expr>>| match bound {
        None => Ok(None),
        Some(bound) => {
            number(bound).map(Some).ok_or_else(|| Fault::new("a bound of a range is a number, written out here", HELP))
        }
    };
    let exclusive = matches!(range.limits, RangeLimits::HalfOpen(_)) && range.end.is_some();
    let bounds = Bounds { minimum: bound(&range.start)?, maximum: bound(&range.end)?, exclusive };
    if let (Some(minimum), Some(maximum)) = (bounds.minimum, bounds.maximum)
        && (maximum.is_below(minimum) || (exclusive && !minimum.is_below(maximum)))
    {
        return Err(Fault::new("no number is in this range", "write the smaller bound first: `range(1..=240)`"));
    }
    Ok(bounds)
}

/// `length(…)` and `items(…)`
pub(crate) fn size(tokens: TokenStream, key: &str) -> Result<Size, Fault> {
    let help = format!("write `{key}(1..=40)`, `{key}(1..)`, `{key}(..=40)` or `{key}(2)`");
    if let Ok(Some(Number::Integer(exact))) = syn::parse2(tokens.clone()).as_ref().map(number) {
        let exact =
            u64::try_from(exact).map_err(|_| Fault::new(format_args!("a bound of `{key}` is never below 0"), help))?;
        return Ok(Size { min: Some(exact), max: Some(exact) });
    }
    let range = parse(tokens, key, &help)?;
    let bound = |bound: &Option<Box<Expr>>| match bound.as_deref().map(number) {
        None => Ok(None),
        Some(Some(Number::Integer(integer))) => u64::try_from(integer)
            .map(Some)
            .map_err(|_| Fault::new(format_args!("a bound of `{key}` is never below 0"), &help)),
        Some(_) => Err(Fault::new(format_args!("a bound of `{key}` is a whole number, written out here"), &help)),
    };
    let (min, mut max) = (bound(&range.start)?, bound(&range.end)?);
    let nothing = || Fault::new(format_args!("no {key} is in this range"), &help);
    if let (RangeLimits::HalfOpen(_), Some(end)) = (&range.limits, max) {
        max = Some(end.checked_sub(1).ok_or_else(nothing)?);
    }
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        return Err(nothing());
    }
    Ok(Size { min, max })
}

fn parse(tokens: TokenStream, key: &str, help: &str) -> Result<ExprRange, Fault> {
    match syn::parse2(tokens) {
        Ok(Expr::Range(ExprRange { start: None, end: None, .. })) => {
            Err(Fault::new(format_args!("`{key}(..)` bounds nothing"), help))
        }
        Ok(Expr::Range(range)) => Ok(range),
        _ => Err(Fault::new(format_args!("`{key}` needs a range"), help)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> TokenStream {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_of_numbers() {
        let bounds = range(tokens("-1..=240")).unwrap();
        assert_eq!(bounds.minimum, Some(Number::Integer(-1)));
        assert!(bounds.hold(Number::Integer(240)) && !bounds.hold(Number::Integer(241)));
        let bounds = range(tokens("0.0..1.0")).unwrap();
        assert!(bounds.hold(Number::Float(0.0)) && !bounds.hold(Number::Float(1.0)));
        for bad in ["", "..", "5", "5..=1", "5..5", "a..=b", "1..=MAX", "\"a\"..", "1..=2, 3", "1e999.."] {
            assert!(range(tokens(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_inclusive() {
        let parsed = |text: &str| size(tokens(text), "length").map(|size| (size.min, size.max));
        assert_eq!(parsed("1..=40"), Ok((Some(1), Some(40))));
        assert_eq!(parsed("1..40"), Ok((Some(1), Some(39))));
        assert_eq!(parsed("..40"), Ok((None, Some(39))));
        assert_eq!(parsed("2"), Ok((Some(2), Some(2))));
        for bad in ["", "..", "-1", "-1..", "..0", "5..5", "1.0..", "5..=1", "x"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
