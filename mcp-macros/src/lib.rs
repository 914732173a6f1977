//! Under construction.

mod docs;
mod error;
mod hygiene;
mod keys;
mod mistakes;
mod options;
mod server;
mod value;

use proc_macro::TokenStream;

/// Server.
#[proc_macro_attribute]
pub fn server(options: TokenStream, item: TokenStream) -> TokenStream {
    server::server(options.into(), item.into()).into()
}

/// Tool.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    server::lone_tool(&options.into(), item.into()).into()
}

/// Error.
#[proc_macro_derive(ToolError, attributes(tool_error))]
pub fn tool_error(item: TokenStream) -> TokenStream {
    error::derive(item.into()).into()
}
