//! Arguments: what may be one, how it is decoded, and what the table says of it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Given, Number, Rule};
use crate::arguments::{CheckError, decode};
use crate::scope::ScopeSegment;
use crate::spec::{ArgumentSpec, Bounds, Size};

/// What a parameter of a tool can be, other than `&self`, `&Caller` and `&CallContext`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a tool",
    label = "this type has no JSON Schema, or cannot be decoded from JSON",
    note = "derive both on the type: `#[derive(serde::Deserialize, schemars::JsonSchema)]`"
)]
pub trait Argument: Sized {
    #[doc(hidden)]
    fn schema(generator: &mut SchemaGenerator) -> Schema;
    #[doc(hidden)]
    fn decode(sent: decode::Sent<'_>) -> core::result::Result<Self, decode::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema> Argument for T {
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }

    fn decode(sent: decode::Sent<'_>) -> core::result::Result<Self, decode::Error> {
        decode::decode(sent)
    }
}

/// The one place where a type has to be an argument: schema and decoding both go through here, so that a type that is
/// none is reported once.
pub const fn arg<T: Argument>() -> Arg<T> {
    Arg { schema: T::schema, decode: T::decode, optional: || T::decode(decode::Sent::nothing()).is_ok() }
}

/// An argument's type, erased to what the gate and the generated function need.
pub struct Arg<T> {
    schema: fn(&mut SchemaGenerator) -> Schema,
    decode: fn(decode::Sent<'_>) -> core::result::Result<T, decode::Error>,
    optional: fn() -> bool,
}

impl<T> Arg<T> {
    /// The argument's entry in the table.
    pub const fn spec(self, name: &'static str, description: &'static str, rules: &'static [Rule]) -> ArgumentSpec {
        ArgumentSpec { name, description, schema: self.schema, optional: self.optional, rules }
    }

    /// Decodes the argument at this place of the table; a failure is noted in `given`.
    pub fn take(self, given: &mut Given<'_>, index: usize) -> core::option::Option<T> {
        match (self.decode)(given.sent(index)) {
            Ok(value) => Some(value),
            Err(error) => {
                given.refuse(index, error);
                None
            }
        }
    }
}

impl<T> Arg<T> {
    /// [`Arg::take`], and the argument's own check. There is a value although the check refused it, so that the tool's
    /// check is asked too; [`Given::checked`] stops the call.
    pub fn take_checked<V: CheckResult>(
        self,
        given: &mut Given<'_>,
        index: usize,
        check: impl FnOnce(&T) -> V,
    ) -> core::option::Option<T> {
        let value = self.take(given, index)?;
        if let Some(error) = check(&value).refusal() {
            given.refuse_by_check(core::option::Option::Some(index), &error);
        }
        Some(value)
    }
}

/// What a check gives back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a check gives back",
    label = "a check is a plain `fn` that returns `Result<(), String>`",
    note = "the error is a `String`, a `&'static str` or a `CheckError`; what has to wait is a `guard`"
)]
pub trait CheckResult {
    #[doc(hidden)]
    fn refusal(self) -> core::option::Option<CheckError>;
}

#[diagnostic::do_not_recommend]
impl<E: Into<CheckError>> CheckResult for core::result::Result<(), E> {
    fn refusal(self) -> core::option::Option<CheckError> {
        self.err().map(Into::into)
    }
}

/// `range(…)` in one line.
pub const fn range(
    minimum: core::option::Option<Number>,
    maximum: core::option::Option<Number>,
    exclusive: bool,
) -> Rule {
    Rule::Range(Bounds { minimum, maximum, exclusive })
}

/// `range(1..=240)` in one line.
pub const fn integers(minimum: i128, maximum: i128) -> Rule {
    let (minimum, maximum) = (Number::Integer(minimum), Number::Integer(maximum));
    range(core::option::Option::Some(minimum), core::option::Option::Some(maximum), false)
}

/// `length(…)` in one line; 0 and the largest number are open ends.
pub const fn length(min: u64, max: u64) -> Rule {
    Rule::Length(size(min, max))
}

/// `items(…)` in one line, likewise.
pub const fn items(min: u64, max: u64) -> Rule {
    Rule::Items(size(min, max))
}

const fn size(min: u64, max: u64) -> Size {
    Size {
        min: if min == 0 { core::option::Option::None } else { core::option::Option::Some(min) },
        max: if max == u64::MAX { core::option::Option::None } else { core::option::Option::Some(max) },
    }
}

/// What can stand in for an argument that is left out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot have a `default`, which stands in as JSON",
    label = "this type cannot be encoded as JSON",
    note = "derive it on the type: `#[derive(serde::Serialize)]`; or leave `default` out and write `Option<…>`"
)]
pub trait DefaultValue: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> DefaultValue for T {}

/// A default, as the JSON that stands in for the missing argument.
pub fn default<T: DefaultValue>(value: T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// What a cost expression may be. A cost below 1 counts as 1.
#[diagnostic::on_unimplemented(
    message = "a cost is an integer, not `{Self}`",
    label = "not an integer",
    note = "round it where it is written: `cost = (weight * 10.0) as u64`"
)]
pub trait Cost {
    #[doc(hidden)]
    fn cost(self) -> u64;
}

macro_rules! cost_of_integers {
    ($($ty:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Cost for $ty {
            fn cost(self) -> u64 {
                // Below zero is below one; above u64 is above every burst.
                if self < 1 { 1 } else { u64::try_from(self).unwrap_or(u64::MAX) }
            }
        }
    )*};
}
cost_of_integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Given<'_> {
    /// An argument's value fills `{name}` in the scope.
    pub fn fill<T: ScopeSegment>(&mut self, name: &'static str, value: &T) {
        self.segments.push((name, value.segment()));
    }

    /// What the tool's check says of all arguments; `None` if it, or a check of one of them, refused.
    pub fn check(&mut self, verdict: impl CheckResult) -> core::option::Option<()> {
        if let Some(error) = verdict.refusal() {
            self.refuse_by_check(core::option::Option::None, &error);
        }
        self.checked()
    }

    /// `None` if a check refused an argument.
    pub fn checked(&self) -> core::option::Option<()> {
        self.violations.is_empty().then_some(())
    }

    /// What the call weighs.
    pub fn cost<C: Cost>(&mut self, cost: C) {
        self.cost = cost.cost();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_at_least_one() {
        assert_eq!(Cost::cost(0_u32), 1);
        assert_eq!(Cost::cost(-5_i64), 1);
        assert_eq!(Cost::cost(7_usize), 7);
        assert_eq!(Cost::cost(u128::MAX), u64::MAX);
    }
}
