//! The errors of tools: what the log hears of them, and which fields may not be spoken of.

use std::fmt::{self, Display};

use super::Report;

/// What `?` in a tool with `errors(…)` takes.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The text of an error that stays in the log, with its sources: found by what the value can do, so that `anyhow`,
/// boxed errors and plain texts all tell what they know. The derive writes `(&&&Cause(&self.field)).describe()`.
pub struct Cause<'a, T: ?Sized>(pub &'a T);

/// An error that is one by trait.
pub trait DescribeError {
    #[doc(hidden)]
    fn describe(&self) -> std::string::String;
}

impl<T: std::error::Error + ?Sized> DescribeError for &&Cause<'_, T> {
    fn describe(&self) -> std::string::String {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

/// An error that lends itself as one (`anyhow::Error`, `Box<dyn Error + Send + Sync>`), or any other text.
pub trait DescribeDisplay {
    #[doc(hidden)]
    fn describe(&self) -> std::string::String;
}

impl<T: Display + ?Sized> DescribeDisplay for &Cause<'_, T> {
    fn describe(&self) -> std::string::String {
        // The alternate form of anyhow and eyre writes the chain.
        format!("{:#}", self.0)
    }
}

/// A value that says nothing of itself.
pub trait DescribeNothing {
    #[doc(hidden)]
    fn describe(&self) -> std::string::String;
}

impl<T: ?Sized> DescribeNothing for Cause<'_, T> {
    fn describe(&self) -> std::string::String {
        "no description".to_owned()
    }
}

/// What an `errors(…)` enum keeps of an error that `?` turned into its `Internal` variant.
pub struct InternalCause(Box<dyn std::error::Error + Send + Sync>);

impl InternalCause {
    /// Keeps the error for the log.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The error's report: code `INTERNAL`, cause to the log alone.
    pub fn report(&self) -> Report {
        Report::internal((&&&Cause(&*self.0)).describe())
    }
}

impl fmt::Debug for InternalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A field of an error, and whether its type is an error itself.
pub struct Field<const IS_ERROR: bool>;

/// What may be in the text that a caller reads.
#[diagnostic::on_unimplemented(
    message = "this variant carries another error, whose text may hold SQL, paths or secrets",
    label = "an error, found by its type",
    note = "write `#[tool_error(internal)]` on the variant to keep it in the log, or `#[tool_error(expose)]` if every \
            caller may read it"
)]
pub trait Harmless {}

#[diagnostic::do_not_recommend]
impl Harmless for Field<false> {}

/// Fails where the field carries an error.
pub const fn no_field_may_leak<F: Harmless>() {}

/// Questions to a type, answered at compile time: `Is::<T>::ERROR` is the inherent constant where the bound holds and the
/// trait's elsewhere. A field carries an error if `(Is::<T>::ERROR || Is::<T>::SEND_ERROR) && !Is::<T>::TEXT`: texts
/// convert into boxed errors too and are none.
pub struct Is<T: ?Sized>(core::marker::PhantomData<T>);

/// The answers where the bounds do not hold.
pub trait IsNot {
    #[doc(hidden)]
    const ERROR: bool = false;
    #[doc(hidden)]
    const SEND_ERROR: bool = false;
    #[doc(hidden)]
    const TEXT: bool = false;
}
impl<T: ?Sized> IsNot for Is<T> {}

impl<T: Into<Box<dyn std::error::Error>>> Is<T> {
    #[doc(hidden)]
    pub const ERROR: bool = true;
}
impl<T: Into<Box<dyn std::error::Error + Send + Sync>>> Is<T> {
    #[doc(hidden)]
    pub const SEND_ERROR: bool = true;
}
impl<T: AsRef<str> + ?Sized> Is<T> {
    #[doc(hidden)]
    pub const TEXT: bool = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::needless_borrow, reason = "the form of the generated code, which does not know the type")]
    fn a_cause_tells_its_chain() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        struct Mute;
        let number = "x".parse::<u32>().unwrap_err();
        assert_eq!((&&&Cause(&Outer(number))).describe(), "outer: invalid digit found in string");
        let boxed: Box<dyn std::error::Error + Send + Sync> = "plain".into();
        assert_eq!((&&&Cause(&boxed)).describe(), "plain");
        assert_eq!((&&&Cause(&Mute)).describe(), "no description");
    }
}
