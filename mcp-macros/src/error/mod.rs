//! The errors of tools: `#[derive(ToolError)]`, and the enums that `errors(…)` writes.

mod derive;
mod expand;
pub(crate) mod generated;
mod variant;

#[cfg(test)]
mod tests;

pub(crate) use derive::derive;
