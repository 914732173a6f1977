//! The modules of `mcp-macros` without its entry points, over `proc_macro2`, and what has to hold of every input.
//!
//! `cargo test -p mcp-macros` makes the same checks with random inputs; a fuzzer goes on from there. `cargo xtask test
//! --only fuzz` runs every target for a minute; by hand, with [cargo-fuzz](https://github.com/rust-fuzz/cargo-fuzz):
//!
//! ```text
//! cargo fuzz run --sanitizer none attributes
//! ```
#![allow(dead_code, reason = "what only the entry points use")]

#[path = "../../mcp-macros/src/docs.rs"]
mod docs;
#[path = "../../mcp-macros/src/error/mod.rs"]
mod error;
#[path = "../../mcp-macros/src/hygiene.rs"]
mod hygiene;
#[path = "../../mcp-macros/src/keys.rs"]
mod keys;
#[path = "../../mcp-macros/src/mistakes.rs"]
mod mistakes;
#[path = "../../mcp-macros/src/options.rs"]
mod options;
#[path = "../../mcp-macros/src/robustness.rs"]
mod robustness;
#[path = "../../mcp-macros/src/server/mod.rs"]
mod server;
#[path = "../../mcp-macros/src/value/mod.rs"]
mod value;

/// Bytes that choose words: a soup for options and item, and edits of an input that was right.
pub fn attributes(bytes: &[u8]) {
    let [which, split, rest @ ..] = bytes else { return };
    let (options, item) = rest.split_at(usize::from(*split).min(rest.len()));
    let (right_options, right_item) = robustness::right(usize::from(*which));
    if which.is_multiple_of(2) {
        robustness::check_attributes(&robustness::soup(options), &robustness::soup(item));
    } else {
        let (options, item) = (robustness::edited(right_options, options), robustness::edited(right_item, item));
        robustness::check_attributes(&options, &item);
    }
}

/// Source text: options, a line break, and the item.
pub fn source(text: &str) {
    let (options, item) = text.split_once('\n').unwrap_or((text, ""));
    if let (Ok(options), Ok(item)) = (options.parse(), item.parse()) {
        robustness::check_attributes(&options, &item);
    }
}

/// A text as the value of each option.
pub fn values(text: &str) {
    robustness::check_values(text);
}
