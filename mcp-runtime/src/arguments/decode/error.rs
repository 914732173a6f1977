//! What did not fit, without the value.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::arguments::escape;

/// What did not fit, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// JSON pointer below the argument.
    pub(crate) pointer: String,
    /// What was expected, or why the type said no.
    pub(crate) message: String,
}

impl Error {
    pub(super) fn expected(expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        // Rust's names of numbers are no words of JSON's.
        let words = match expected.as_str() {
            "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
                "an integer in the range of its type, that its digits show exactly"
            }
            "f32" | "f64" => "a number",
            other => other,
        };
        Self { pointer: String::new(), message: format!("must be {words}") }
    }

    pub(super) fn below(mut self, segment: &dyn Display) -> Self {
        self.pointer.insert_str(0, &escape(&segment.to_string()));
        self.pointer.insert(0, '/');
        self
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, self.message)
    }
}
impl std::error::Error for Error {}

impl de::Error for Error {
    /// A text made by the type's own code may quote the value: it is not passed on.
    fn custom<T: Display>(_: T) -> Self {
        Self { pointer: String::new(), message: "is not a value that this argument takes".to_owned() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self { pointer: String::new(), message: format!("must be one of {}", expected.join(", ")) }
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        let message = match expected {
            [] => "takes no fields".to_owned(),
            expected => format!("has a field other than {}", expected.join(", ")),
        };
        Self { pointer: String::new(), message }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { pointer: format!("/{}", escape(field)), message: "is required".to_owned() }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self { pointer: format!("/{}", escape(field)), message: "stands twice".to_owned() }
    }
}
