//! `errors(…)`: the enum that a tool fails with, written where the tool is.

use proc_macro2::{Group, Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Fields, Generics, LitStr, Token};

use super::expand::{Impl, tool_error};
use super::variant::{Context, Report, Variant};
use crate::docs;
use crate::hygiene::mixed;
use crate::keys;
use crate::mistakes::Mistakes;
use crate::options::{skip_to_comma, text};
use crate::value::hidden;

/// An enum to generate.
pub(crate) struct ErrorEnum {
    runtime: TokenStream,
    pub(crate) ident: Ident,
    /// The tool's name, for the documentation.
    tool: String,
    cfg: TokenStream,
    variants: Vec<Declared>,
    models: Vec<Variant>,
}

/// A variant and its text.
struct Declared {
    cfg: TokenStream,
    ident: Ident,
    fields: Fields,
    docs: Option<String>,
    message: LitStr,
}

impl ErrorEnum {
    /// Reads `Name { field: Type } = "message", …`.
    pub(crate) fn build(
        list: &Group,
        tool: &Ident,
        cfg: &TokenStream,
        runtime: &TokenStream,
        mistakes: &mut Mistakes,
    ) -> Self {
        let ident = format_ident!("{}Error", camel(&tool.unraw().to_string()), span = tool.span());
        let mut variants: Vec<Declared> = Vec::new();
        let mut models = Vec::new();
        let tokens = list.stream();
        if tokens.is_empty() {
            mistakes.at(
                list,
                "`errors()` declares no error",
                "write `errors(NotFound { id: u32 } = \"no order has id {id}\")`, or leave it out",
            );
        }
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Some((declared, model)) = declared(input, &ident, mistakes) {
                    if variants.iter().any(|earlier| earlier.ident == declared.ident && earlier.cfg.is_empty()) {
                        let what = format_args!("`{}` stands here twice", declared.ident);
                        mistakes.at(&declared.ident, what, "keep one of the two");
                    } else {
                        variants.push(declared);
                        models.push(model);
                    }
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    let next = crate::options::next_token(input);
                    mistakes.at(next, "a comma is missing before this", "variants are parted by commas");
                    skip_to_comma(input);
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            mistakes.syntax(error);
        }
        Self { runtime: runtime.clone(), ident, tool: tool.unraw().to_string(), cfg: cfg.clone(), variants, models }
    }

    /// The enum and its impls.
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { runtime, ident, tool, cfg, variants, models } = self;
        let span = mixed(ident.span());
        let about = format!(" What `{tool}` fails with.");
        let declarations: TokenStream = variants.iter().map(Declared::declaration).collect();
        let arms: TokenStream = variants.iter().map(Declared::display).collect();
        let internal = quote_spanned!(span=> Self::Internal(__cause) => __cause.report(),);
        let generics = Generics::default();
        let of = Impl { runtime, ident, generics: &generics, variants: models };
        let tool_error = tool_error(&of, &internal, true);
        quote_spanned! {span=>
            #cfg
            #[doc = #about]
            #[derive(#runtime::__private::std_fmt::Debug)]
            pub enum #ident {
                #declarations
                #[doc = " Any other error: the caller reads a neutral text, the log has the cause."]
                Internal(#runtime::__private::InternalCause),
            }
            #cfg
            const _: () = {
                use #runtime::__private as __m;
                #[automatically_derived]
                impl __m::std_fmt::Display for #ident {
                    #[allow(unused_variables)]
                    fn fmt(&self, __f: &mut __m::std_fmt::Formatter<'_>) -> __m::std_fmt::Result {
                        match self {
                            #arms
                            Self::Internal(_) => __f.write_str("the tool failed"),
                        }
                    }
                }
                #[automatically_derived]
                impl<__E: __m::Into<__m::BoxError>> __m::From<__E> for #ident {
                    fn from(__error: __E) -> Self {
                        Self::Internal(__m::InternalCause::new(__error))
                    }
                }
            };
            #cfg
            #tool_error
        }
    }
}

impl Declared {
    fn declaration(&self) -> TokenStream {
        let Self { cfg, ident, fields, docs, message } = self;
        let span = mixed(ident.span());
        let docs = format!(" {}", docs.clone().unwrap_or_else(|| message.value()));
        let fields = match fields {
            Fields::Named(fields) => {
                let fields = fields.named.iter().map(|field| {
                    let (ident, ty) = (&field.ident, &field.ty);
                    let attributes = field.attrs.iter();
                    let docs = format!(
                        "`{}` of the message.",
                        ident.as_ref().map(Ident::unraw).map_or_else(String::new, |i| i.to_string())
                    );
                    quote_spanned!(span=> #[doc = #docs] #(#attributes)* #ident: #ty)
                });
                quote_spanned!(span=> { #(#fields),* })
            }
            Fields::Unnamed(_) | Fields::Unit => TokenStream::new(),
        };
        quote_spanned!(span=> #cfg #[doc = #docs] #ident #fields,)
    }

    fn display(&self) -> TokenStream {
        let Self { cfg, ident, fields, message, .. } = self;
        let span = mixed(ident.span());
        // Bound under the user's own names, which the message captures.
        let names = fields.iter().filter_map(|field| field.ident.as_ref());
        quote_spanned!(span=> #cfg Self::#ident { #(#names),* } => __m::write!(__f, #message),)
    }
}

/// Reads one variant. What cannot be read is skipped.
fn declared(input: ParseStream<'_>, of: &Ident, mistakes: &mut Mistakes) -> Option<(Declared, Variant)> {
    let ahead = input.fork();
    let variant = match ahead.parse::<syn::Variant>() {
        Ok(variant) => variant,
        Err(error) => {
            mistakes.syntax(error);
            skip_to_comma(input);
            return None;
        }
    };
    input.advance_to(&ahead);
    let ident = variant.ident;
    let message = if let Some((_, message)) = &variant.discriminant {
        message_of(message, mistakes)
    } else {
        mistakes.at(
            &ident,
            format_args!("`{ident}` has no message"),
            format_args!("write `{ident} = \"what the caller reads\"`"),
        );
        None
    };
    if ident == "Internal" {
        mistakes.at(
            &ident,
            format_args!("every `{of}` has a variant `Internal`, which takes what `?` meets"),
            "leave it out, or name the error by what happened",
        );
        return None;
    }
    let mut fields = variant.fields;
    if let Fields::Unnamed(unnamed) = &fields {
        mistakes.at(
            unnamed,
            "the message shows fields by their names",
            format_args!("write `{ident} {{ id: u32 }} = \"no order has id {{id}}\"`"),
        );
        fields = Fields::Unit;
    }
    let generics = Generics::default();
    let context = Context { generics: &generics, ty: Some(quote!(#of)), keys: &keys::TOOL_ERROR };
    let path = quote!(Self::#ident);
    let model = Variant::build(&variant.attrs, &ident, path, &fields, &context, mistakes);
    if let Some(Report::Internal { .. }) = Some(&model.report).filter(|_| fields.is_empty()) {
        mistakes.at(
            &ident,
            format_args!("`{ident}` is internal and carries nothing"),
            "leave it out: `Internal` takes every error that `?` meets",
        );
    }
    let docs = docs::read(&variant.attrs).map(|docs| docs.text);
    let message = message.unwrap_or_else(|| LitStr::new("", mixed(ident.span())));
    let declared = Declared { cfg: model.cfg.clone(), ident, fields, docs, message };
    Some((declared, model))
}

fn message_of(message: &Expr, mistakes: &mut Mistakes) -> Option<LitStr> {
    let Some(message) = text(message) else {
        mistakes.at(
            message,
            "the message of an error is a text",
            "write `NotFound { id: u32 } = \"no order has id {id}\"`",
        );
        return None;
    };
    mistakes.check(message, hidden::line(&message.value(), "the message"))?;
    Some(message.clone())
}

/// `get_order` → `GetOrder`
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    name.split('_').map(capital).collect()
}
