//! Types that are called like those of the prelude. They stand here since the derives of others need it.

/// Not the standard one.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct String;
/// Not the standard one.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Option;
/// Not the standard one.
pub(crate) struct Result;
/// Not the runtime's.
pub(crate) struct Json;
/// Not the standard one.
pub(crate) struct Vec;
/// Not the standard one.
pub(crate) struct Box;
/// Not the standard one.
pub(crate) fn drop() {}
