//! The function of a tool: it decodes the arguments, states its facts, and hands back the call.
//!
//! A function of its own for each tool: a type error in one hides nothing in another.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::GenericParam;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use super::super::argument::Argument;
use super::super::model::{ParameterKind, Server, Tool};
use super::{bounds, result};
use crate::hygiene::{local, mixed};

/// What the function is called.
pub(super) fn name(tool: &Tool) -> Ident {
    format_ident!("__prepare_{}", tool.ident.unraw(), span = mixed(tool.ident.span()))
}

/// The function that decodes and calls.
pub(super) fn function(tool: &Tool, server: &Server) -> TokenStream {
    let Server { ty, generics, .. } = server;
    let span = mixed(tool.ident.span());
    let name = name(tool);
    let cfg = &tool.cfg;
    let (lifetimes, others): (Vec<_>, Vec<_>) =
        generics.params.iter().partition(|parameter| matches!(parameter, GenericParam::Lifetime(_)));
    let bounds = bounds(generics, ty, span);
    let decode = decode(tool, span);
    let fills = tool.arguments().filter(|(_, argument)| argument.fills_scope).map(|(cfg, argument)| {
        let (name, value) = (argument.ident.unraw().to_string(), binding(argument));
        let place = mixed(argument.ident.span());
        quote_spanned!(place=> #cfg __given.fill(#name, &#value);)
    });
    // In a closure, so that a `?` or `return` leaves the expression and not this function.
    let cost = tool.cost.as_ref().map(|cost| {
        let place = mixed(cost.span());
        quote_spanned!(place=> __given.cost((|| #cost)());)
    });
    let admitted = match &tool.guard {
        None => quote_spanned!(span=> __call.admitted()?),
        Some(guard) => {
            let place = mixed(guard.span());
            let values = borrowed(tool, place);
            quote_spanned!(place=> __call.guarded(|__caller| #guard(__caller, #(#values),*)).await?)
        }
    };
    // Scope, cost and call see nothing that a check refused.
    let check = if let Some(check) = &tool.check {
        let place = mixed(check.span());
        let values = borrowed(tool, place);
        quote_spanned!(place=> __given.check(#check(#(#values),*))?;)
    } else if tool.arguments().any(|(_, argument)| argument.check.is_some()) {
        quote_spanned!(span=> __given.checked()?;)
    } else {
        TokenStream::new()
    };
    let call = call(tool, ty, span);
    let result = result(tool);
    quote_spanned! {span=>
        #cfg
        fn #name<'__a, #(#lifetimes,)* #(#others),*>(
            __call: __m::Call<'__a, #ty>,
            __given: &mut __m::Given<'_>,
        ) -> __m::Prepared<'__a> #bounds {
            #decode
            #check
            #(#fills)*
            #cost
            __m::tool_must_be_send(async move {
                let __open = #admitted;
                let __out = #call;
                #result.answer(__open, __out)
            })
        }
    }
}

/// All arguments by reference, in their order.
fn borrowed(tool: &Tool, place: Span) -> impl Iterator<Item = TokenStream> {
    tool.arguments().map(move |(cfg, argument)| {
        let mut value = binding(argument);
        value.set_span(value.span().located_at(place));
        quote_spanned!(place=> #cfg &#value)
    })
}

/// The name under which a decoded argument is at hand. A cost expression sees it under the user's own.
fn binding(argument: &Argument) -> Ident {
    if argument.in_cost { argument.ident.clone() } else { local(&argument.ident) }
}

/// Decodes all arguments, so that every one that is wrong is reported, and goes on if none is.
fn decode(tool: &Tool, span: Span) -> TokenStream {
    let mut takes = TokenStream::new();
    let mut unwraps = TokenStream::new();
    let mut before = 0_usize;
    let mut conditions: Vec<&TokenStream> = Vec::new();
    for (cfg, argument) in tool.arguments() {
        let value = binding(argument);
        let place = Literal::usize_unsuffixed(before);
        // The table has no entry for an argument that is not there, so its place depends on those before it.
        let place = if conditions.is_empty() {
            place.to_token_stream()
        } else {
            quote_spanned!(span=> #place #(+ <[()]>::len(&[#conditions ()]))*)
        };
        let arg = arg(argument);
        let take = match &argument.check {
            None => quote_spanned!(span=> take(__given, #place)),
            Some(check) => {
                let here = mixed(check.span());
                quote_spanned!(here=> take_checked(__given, #place, |__it| #check(__it)))
            }
        };
        takes.extend(quote_spanned!(span=> #cfg let #value = #arg.#take;));
        // In a tuple: clippy would like a `?` there, which is slower to compile, and has it written in the user's name.
        unwraps.extend(quote_spanned!(span=> #cfg let (__m::Some(#value),) = (#value,) else { return __m::None };));
        if cfg.is_empty() {
            before += 1;
        } else {
            conditions.push(cfg);
        }
    }
    quote_spanned!(span=> #takes #unwraps)
}

/// The one expression that carries the span of an argument's type.
pub(super) fn arg(argument: &Argument) -> TokenStream {
    let ty = &argument.ty;
    quote_spanned!(mixed(ty.span())=> __m::arg::<#ty>())
}

/// The call of the user's function, parameters in its order.
fn call(tool: &Tool, ty: &TokenStream, span: Span) -> TokenStream {
    let Tool { ident, is_async, parameters, .. } = tool;
    let mut has = (false, false);
    let values: Vec<TokenStream> = parameters
        .iter()
        .map(|parameter| {
            let value = match &parameter.kind {
                ParameterKind::Argument(argument) => binding(argument).to_token_stream(),
                ParameterKind::Caller if *is_async => quote_spanned!(span=> __open.caller()),
                ParameterKind::Context if *is_async => quote_spanned!(span=> __open.context()),
                ParameterKind::Caller => {
                    has.0 = true;
                    quote_spanned!(span=> __caller)
                }
                ParameterKind::Context => {
                    has.1 = true;
                    quote_spanned!(span=> __context)
                }
            };
            let cfg = &parameter.cfg;
            quote_spanned!(span=> #cfg #value)
        })
        .collect();
    if *is_async {
        return quote_spanned!(span=> <#ty>::#ident(__open.server(), #(#values),*).await);
    }
    let [caller, context] = [("__caller", has.0), ("__context", has.1)]
        .map(|(name, used)| if used { Ident::new(name, span).to_token_stream() } else { quote_spanned!(span=> _) });
    quote_spanned! {span=>
        __open.blocking(move |__server, #caller, #context| <#ty>::#ident(__server, #(#values),*)).await?
    }
}
