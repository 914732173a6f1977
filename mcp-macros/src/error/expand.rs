//! `impl ToolError`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote_spanned;
use syn::Generics;

use super::variant::{Probe, Report, Retry, Variant};
use crate::hygiene::mixed;

/// What the impl is for.
pub(crate) struct Impl<'a> {
    pub(crate) runtime: &'a TokenStream,
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) variants: &'a [Variant],
}

/// The impl. Where the type is wrong it is still there, so that the tools that use it are not reported too.
pub(crate) fn tool_error(of: &Impl<'_>, more_arms: &TokenStream, is_right: bool) -> TokenStream {
    let Impl { runtime, ident, generics, variants } = of;
    let span = mixed(ident.span());
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let (codes, report) = if is_right {
        let arms: TokenStream = variants.iter().map(|variant| arm(variant, ident)).collect();
        let no_arms = arms.is_empty() && more_arms.is_empty();
        let subject = if no_arms { quote_spanned!(span=> *self) } else { quote_spanned!(span=> self) };
        (codes(variants, ident), quote_spanned!(span=> match #subject { #arms #more_arms }))
    } else {
        (TokenStream::new(), quote_spanned!(span=> __m::Report::internal(__m::ToString::to_string(self))))
    };
    let probes: TokenStream = if is_right { variants.iter().map(probes).collect() } else { TokenStream::new() };
    quote_spanned! {span=>
        #[allow(deprecated)]
        const _: () = {
            use #runtime::__private as __m;
            #[allow(unused_imports)]
            use __m::{DescribeDisplay as _, DescribeError as _, DescribeNothing as _, IsNot as _};
            #probes
            #[automatically_derived]
            impl #parameters __m::ToolError for #ident #arguments #bounds {
                const CODES: &'static [__m::CodeSpec] = &[#codes];
                fn report(&self) -> __m::Report {
                    #report
                }
            }
        };
    }
}

/// The codes, each once.
fn codes(variants: &[Variant], ident: &Ident) -> TokenStream {
    let span = mixed(ident.span());
    let mut seen: Vec<&str> = Vec::new();
    let mut codes = TokenStream::new();
    for Variant { cfg, report, .. } in variants {
        let (code, retry) = match report {
            Report::Code { code, retry } => (code.as_str(), *retry),
            Report::Internal { .. } => ("INTERNAL", Retry::No),
        };
        // One that stands behind a condition may be the only one of its code.
        if cfg.is_empty() {
            if seen.contains(&code) {
                continue;
            }
            seen.push(code);
        }
        let retryable = Ident::new(if retry == Retry::No { "false" } else { "true" }, span);
        codes.extend(quote_spanned!(span=> #cfg __m::CodeSpec { code: #code, retryable: #retryable },));
    }
    codes
}

fn arm(variant: &Variant, ident: &Ident) -> TokenStream {
    let span = mixed(ident.span());
    let Variant { cfg, path, report, .. } = variant;
    match report {
        Report::Code { code, retry } => {
            let retry = match retry {
                Retry::No => TokenStream::new(),
                Retry::Yes => quote_spanned!(span=> .retryable()),
                Retry::After(millis) => {
                    let millis = Literal::u64_unsuffixed(*millis);
                    quote_spanned!(span=> .retry_after(__m::Duration::from_millis(#millis)))
                }
            };
            quote_spanned!(span=> #cfg #path { .. } => __m::Report::new(#code) #retry,)
        }
        Report::Internal { cause: None } => {
            quote_spanned!(span=> #cfg #path { .. } => __m::Report::internal((&&&__m::Cause(self)).describe()),)
        }
        Report::Internal { cause: Some(field) } => quote_spanned! {span=>
            #cfg #path { #field: __cause, .. } => __m::Report::internal((&&&__m::Cause(__cause)).describe()),
        },
    }
}

/// Asks the compiler whether a field is an error.
fn probes(variant: &Variant) -> TokenStream {
    let cfg = &variant.cfg;
    let probe = |probe: &Probe| {
        let (first, last) = (mixed(probe.span.0), mixed(probe.span.1));
        let types = &probe.types;
        let asked = quote_spanned! {first=>
            #((__m::Is::<#types>::ERROR || __m::Is::<#types>::SEND_ERROR) && !__m::Is::<#types>::TEXT)||*
        };
        // The compiler underlines from the argument's first token to its last: together the whole type.
        let close = quote_spanned!(last=> >);
        let field = quote_spanned!(first=> __m::Field<{ #asked } #close);
        quote_spanned!(first=> #cfg const _: () = __m::no_field_may_leak::<#field>();)
    };
    variant.probes.iter().map(probe).collect()
}
