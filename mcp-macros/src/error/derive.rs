//! `#[derive(ToolError)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Expr, Ident};

use super::expand::{Impl, tool_error};
use super::variant::{self, Context, Report, Variant};
use crate::keys;
use crate::mistakes::Mistakes;
use crate::options::{Options, Value};

/// The derive, on whatever it was put.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    // What does not parse is the compiler's to report.
    let Ok(input) = syn::parse2::<DeriveInput>(item) else { return TokenStream::new() };
    let mut mistakes = Mistakes::new();
    let ty = input.generics.params.is_empty().then(|| input.ident.to_token_stream());
    let context = |keys| Context { generics: &input.generics, ty: ty.clone(), keys };
    let (options, variants) = match &input.data {
        Data::Enum(data) => {
            let options = variant::options(&input.attrs, &keys::TOOL_ERROR_ENUM, &mut mistakes);
            let build = |variant: &syn::Variant| {
                let ident = &variant.ident;
                let path = quote!(Self::#ident);
                Variant::build(&variant.attrs, ident, path, &variant.fields, &context(&keys::TOOL_ERROR), &mut mistakes)
            };
            let variants: Vec<Variant> = data.variants.iter().map(build).collect();
            codes(&variants, data.variants.iter(), &mut mistakes);
            (options, variants)
        }
        Data::Struct(data) => {
            let options = variant::options(&input.attrs, &keys::TOOL_ERROR_STRUCT, &mut Mistakes::new());
            let name = named_for_code(&input.ident);
            let context = context(&keys::TOOL_ERROR_STRUCT);
            (options, vec![Variant::build(&input.attrs, &name, quote!(Self), &data.fields, &context, &mut mistakes)])
        }
        Data::Union(data) => {
            mistakes.at(
                data.union_token,
                "a union does not say which of its fields is there, so it has no code",
                "write an enum",
            );
            return mistakes.into_tokens();
        }
    };
    let runtime = runtime(&options, &mut mistakes);
    let tokens = Impl { runtime: &runtime, ident: &input.ident, generics: &input.generics, variants: &variants };
    let mut tokens = tool_error(&tokens, &quote!(), mistakes.is_empty());
    tokens.extend(mistakes.into_tokens());
    tokens
}

/// `RecordNotFoundError` is the code `RECORD_NOT_FOUND`.
fn named_for_code(ident: &Ident) -> Ident {
    let name = ident.unraw().to_string();
    match name.strip_suffix("Error") {
        Some(short) if !short.is_empty() => Ident::new(short, ident.span()),
        _ => ident.unraw(),
    }
}

/// Two variants share a code only where both say so.
fn codes<'a>(built: &[Variant], variants: impl Iterator<Item = &'a syn::Variant>, mistakes: &mut Mistakes) {
    let mut seen: Vec<(&str, &syn::Variant, bool)> = Vec::new();
    for (built, variant) in built.iter().zip(variants) {
        let Report::Code { code, .. } = &built.report else { continue };
        let said = variant.attrs.iter().any(|attribute| {
            attribute.path().is_ident("tool_error") && crate::hygiene::mentions(&attribute.to_token_stream(), "code")
        });
        let twin = seen
            .iter()
            .find(|(other, twin, twin_said)| other == code && twin.ident != variant.ident && !(said && *twin_said));
        if let Some((_, twin, _)) = twin {
            mistakes.at(
                &variant.ident,
                format_args!("`{}` and `{}` have the same code `{code}`", twin.ident, variant.ident),
                "rename one, or write `#[tool_error(code = \"…\")]` on both if they are meant to share it",
            );
        }
        seen.push((code, variant, said));
    }
}

fn runtime(options: &Options, mistakes: &mut Mistakes) -> TokenStream {
    match options.get("crate") {
        None => quote!(::mcp_runtime),
        Some(entry) => {
            if let Value::Is(Expr::Path(path)) = &entry.value {
                path.to_token_stream()
            } else {
                entry.form(&keys::TOOL_ERROR_ENUM, mistakes);
                quote!(::mcp_runtime)
            }
        }
    }
}
