//! From the model to tokens, which cannot fail.
//!
//! Beside the block stands one `const _` with everything that is generated, so that none of its names is seen outside:
//! a function for each tool ([`prepare`]) and the table of what they are ([`table`]).

mod prepare;
mod table;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Generics;
use syn::spanned::Spanned as _;

use super::limits::Window;
use super::model::{Server, Tool};
use crate::error::generated::ErrorEnum;
use crate::hygiene::mixed;

/// What the probe hands to `#[tool]`.
pub(crate) const PROBE: &str = "__expanded";

/// Everything beside the block.
pub(crate) fn server(server: &Server) -> TokenStream {
    let Server { cfg, runtime, generics, ty, span, tools, errors, handler, .. } = server;
    let span = mixed(*span);
    let (parameters, _, _) = generics.split_for_impl();
    let bounds = bounds(generics, ty, span);
    let shared = shared(generics, ty, span);
    let spec = server_spec(server, span);
    let prepares = tools.iter().map(|tool| prepare::function(tool, server));
    let table = tools.iter().map(table::entry);
    let errors = errors.iter().map(ErrorEnum::expand);
    let probe = format_ident!("{PROBE}", span = span);
    let handler = if *handler {
        quote_spanned!(span=> __m::handler::<Self>())
    } else {
        quote_spanned!(span=> {
            use __m::NoHandler as _;
            __m::FindHandler::<Self>::HANDLER
        })
    };
    quote_spanned! {span=>
        #(#errors)*
        #cfg
        #[allow(deprecated)]
        const _: () = {
            use #runtime::__private as __m;
            // An import of `tool` is used, and none is needed.
            mod __imports {
                #[allow(unused_imports)]
                use super::*;
                use #runtime::__private::attributes::*;
                #[tool(#probe)]
                const _: () = ();
            }
            #shared
            #(#prepares)*
            #[automatically_derived]
            impl #parameters __m::Server for #ty #bounds {
                const SPEC: __m::ServerSpec = #spec;
                const TOOLS: &'static [__m::Tool<Self>] = &[#(#table),*];
                const HANDLER: __m::Option<__m::Handler<Self>> = #handler;
            }
        };
    }
}

/// The where clause of the block, and that the type can be shared between threads for good. Without parameters that is a
/// fact or a mistake, and [`shared`] is where the compiler says which; the binder keeps it from saying so here, too.
///
/// Of a type with lifetimes nothing is assumed but that it lives for good: the compiler forgets lifetimes inside of
/// futures, and would not recognise the type that it is promised to be `Sync`.
fn bounds(generics: &Generics, ty: &TokenStream, span: Span) -> TokenStream {
    let own = generics.where_clause.as_ref().map(|bounds| bounds.predicates.iter());
    let own = own.into_iter().flatten();
    let shared = if generics.lifetimes().next().is_some() {
        quote_spanned!(span=> #ty: 'static)
    } else {
        quote_spanned!(span=> for<'__any> #ty: __m::Send + __m::Sync + 'static)
    };
    quote_spanned!(span=> where #(#own,)* #shared)
}

/// Asks whether a server without parameters can be shared between threads.
fn shared(generics: &Generics, ty: &TokenStream, span: Span) -> Option<TokenStream> {
    generics.params.is_empty().then(|| quote_spanned!(span=> const _: () = __m::server_must_be_send_and_sync::<#ty>();))
}

fn server_spec(server: &Server, span: Span) -> TokenStream {
    let Server { name, version, title, instructions, rate, timeout, .. } = server;
    let version = if let Some(version) = version {
        version.to_token_stream()
    } else {
        quote_spanned!(span=> __m::env!("CARGO_PKG_VERSION"))
    };
    let rate = windows(rate, span);
    let new = quote_spanned!(span=> __m::ServerSpec::new(#name, #version, #rate));
    let fields: TokenStream = [
        title.as_ref().map(|title| quote_spanned!(span=> title: __m::Some(#title),)),
        instructions.as_ref().map(|text| quote_spanned!(span=> instructions: __m::Some(#text),)),
        timeout.map(|millis| {
            let timeout = duration(millis, span);
            quote_spanned!(span=> timeout: #timeout,)
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if fields.is_empty() { new } else { quote_spanned!(span=> __m::ServerSpec { #fields ..#new }) }
}

/// The one expression that carries the span of a tool's result.
fn result(tool: &Tool) -> TokenStream {
    let output = &tool.output;
    quote_spanned!(mixed(output.span())=> __m::result::<#output>())
}

fn windows(windows: &[Window], span: Span) -> TokenStream {
    let windows = windows.iter().map(|Window { rate, burst }| {
        let [count, seconds, burst] = [rate.count, rate.seconds, *burst].map(Literal::u32_unsuffixed);
        quote_spanned!(span=> __m::Window::new(#count, #seconds, #burst))
    });
    quote_spanned!(span=> &[#(#windows),*])
}

fn duration(millis: u64, span: Span) -> TokenStream {
    let millis = Literal::u64_unsuffixed(millis);
    quote_spanned!(span=> __m::Duration::from_millis(#millis))
}

fn maybe(value: Option<impl ToTokens>, span: Span) -> TokenStream {
    if let Some(value) = value { quote_spanned!(span=> __m::Some(#value)) } else { quote_spanned!(span=> __m::None) }
}
