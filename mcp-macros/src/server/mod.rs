//! `#[server]` and `#[tool]`: parse, validate, expand.

mod argument;
mod block;
mod cost;
mod expand;
mod limits;
mod model;
mod signature;
mod tool;

#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream};

use crate::mistakes::Mistakes;

/// `#[server(options)] item`
pub(crate) fn server(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::new();
    let block = block::read(item, &mut mistakes);
    let mut tokens = block.cleaned;
    if let Some(head) = block.head {
        let server = model::Server::build(options, head, block.tools, &mut mistakes);
        tokens.extend(expand::server(&server));
    }
    tokens.extend(mistakes.into_tokens());
    tokens
}

/// `#[tool(options)] item` that no `#[server]` has read.
pub(crate) fn lone_tool(options: &TokenStream, item: TokenStream) -> TokenStream {
    // The mark of the probe that `#[server]` writes so that an import of `tool` counts as used.
    if options.to_string() == expand::PROBE {
        return item;
    }
    let mut mistakes = Mistakes::new();
    mistakes.at_span(
        Span::call_site(),
        "`#[tool]` works inside of a `#[server]` block, which checks it and builds the tool",
        "write `#[mcp_runtime::server(name = \"…\", rate = \"300/min\")]` on the impl block; \
         if it is there, write `#[tool]` itself and not `#[cfg_attr(…, tool)]`: `#[cfg(…)]` beside it takes a tool away",
    );
    let mut tokens = block::clean_function(item);
    tokens.extend(mistakes.into_tokens());
    tokens
}
