//! Checks in every place, without the prelude, of generic and conditional arguments.
#![no_implicit_prelude]

use ::core::option::Option::{self, Some};
use ::core::result::Result::{self, Err, Ok};
use ::mcp_runtime::{CheckError, server};
use ::std::string::String;
use ::std::vec::Vec;

/// A server.
pub(crate) struct Checked<T>(pub(crate) T);

mod rules {
    use super::{Err, Ok, Result, String, Vec};

    pub(super) fn short(words: &Vec<String>) -> Result<(), &'static str> {
        if words.len() < 9 { Ok(()) } else { Err("must be shorter") }
    }
}

#[server(name = "checked", rate = "10/s")]
impl<T: ::core::marker::Send + ::core::marker::Sync + 'static> Checked<T> {
    /// Every kind of check.
    #[tool(any_caller, rate = inherit, check = Self::together, cost = *it)]
    async fn every_kind(
        &self,
        #[arg(check = rules::short)] words: Vec<String>,
        #[cfg(any())]
        #[arg(check = nowhere)]
        gone: u8,
        #[cfg(test)]
        #[arg(check = Self::odd, strict)]
        it: ::std::boxed::Box<u32>,
        #[arg(check = Self::maybe)] r#type: Option<u32>,
    ) -> String {
        let _ = (words, it, r#type);
        String::new()
    }

    /// A blocking tool.
    #[tool(any_caller, rate = inherit, check = Self::odd)]
    fn one(&self, given: u32) -> String {
        let _ = given;
        String::new()
    }

    fn odd(given: &u32) -> Result<(), CheckError> {
        if given % 2 == 1 { Ok(()) } else { Err(CheckError::new("must be odd")) }
    }

    fn maybe(given: &Option<u32>) -> Result<(), String> {
        if let Some(0) = given { Err(::std::borrow::ToOwned::to_owned("must not be 0")) } else { Ok(()) }
    }

    fn together(words: &[String], it: &u32, _: &Option<u32>) -> Result<(), CheckError> {
        if words.is_empty() && *it == 0 { Err(CheckError::new("say something").at("/words")) } else { Ok(()) }
    }
}

#[test]
fn it_compiles() {
    ::core::assert_eq!(super::super::arguments::<Checked<u8>>("every_kind"), ["words", "it", "type"]);
    let _ = Checked(());
}
