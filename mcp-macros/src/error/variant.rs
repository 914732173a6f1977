//! A variant: its code, and whether a caller may read it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Field, Fields, GenericArgument, Generics, Meta, PathArguments, Type};

use crate::hygiene::mentions;
use crate::keys::Keys;
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::value::{code, duration};

/// A variant of an error enum, or an error struct.
pub(crate) struct Variant {
    pub(crate) cfg: TokenStream,
    /// `Self::NotFound`, or `Self` of a struct.
    pub(crate) path: TokenStream,
    pub(crate) report: Report,
    /// Fields whose types must not be errors.
    pub(crate) probes: Vec<Probe>,
}

/// What the caller is told.
pub(crate) enum Report {
    /// The variant's text, under a code.
    Code { code: String, retry: Retry },
    /// A neutral text; the log gets the whole error or this field of it.
    Internal { cause: Option<TokenStream> },
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    No,
    Yes,
    After(u64),
}

/// A field that the compiler asks whether it is an error.
pub(crate) struct Probe {
    /// From the first token of the type to the last.
    pub(crate) span: (Span, Span),
    /// The type, and what it is made of.
    pub(crate) types: Vec<TokenStream>,
}

/// What a variant is part of.
pub(crate) struct Context<'a> {
    pub(crate) generics: &'a Generics,
    /// The type, for `Self` in a field; `None` if it has parameters.
    pub(crate) ty: Option<TokenStream>,
    pub(crate) keys: &'static Keys,
}

const MARK: &str =
    "write `#[tool_error(internal)]` to keep it in the log, or `#[tool_error(expose)]` if every caller may read it";

impl Variant {
    /// Validates a variant. `path` is how a pattern names it.
    pub(crate) fn build(
        attributes: &[Attribute],
        ident: &Ident,
        path: TokenStream,
        fields: &Fields,
        context: &Context<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let options = options(attributes, context.keys, mistakes);
        let internal = options.flag("internal", mistakes);
        let expose = options.flag("expose", mistakes);
        if internal && expose {
            mistakes.at(
                options.get("expose").map(|entry| &entry.key),
                "`internal` and `expose` contradict each other",
                "keep one: `internal` sends the error to the log alone, `expose` sends its text to the caller",
            );
        }
        let probes = if internal || expose || !options.lacks("internal") || !options.lacks("expose") {
            Vec::new()
        } else {
            carried(attributes, ident, fields, context, mistakes)
        };
        let report = if internal {
            for key in ["code", "retryable", "retry_after"] {
                if let Some(entry) = options.get(key) {
                    let what = format_args!(
                        "`{key}` has no effect: an internal error is answered with the code `INTERNAL` and no more"
                    );
                    mistakes.at(&entry.key, what, "keep one of the two");
                }
            }
            Report::Internal { cause: cause(attributes, fields) }
        } else {
            let after = options.parsed("retry_after", duration::parse, mistakes);
            let retryable = options.flag("retryable", mistakes);
            let retry = after.map_or(if retryable { Retry::Yes } else { Retry::No }, Retry::After);
            Report::Code { code: code_of(&options, ident, mistakes), retry }
        };
        let cfg = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        Self { cfg: cfg.map(quote::ToTokens::to_token_stream).collect(), path, report, probes }
    }
}

/// The options of the one `#[tool_error]`.
pub(crate) fn options(attributes: &[Attribute], keys: &'static Keys, mistakes: &mut Mistakes) -> Options {
    let mut tokens = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("tool_error")) {
        if tokens.is_some() {
            mistakes.at(attribute, "there are two `#[tool_error]` here", "write all options into one");
            continue;
        }
        match &attribute.meta {
            Meta::List(list) => tokens = Some(list.tokens.clone()),
            Meta::Path(_) | Meta::NameValue(_) => {
                mistakes.at(attribute, "`#[tool_error]` takes a list", format_args!("the options are {}", keys.list()));
            }
        }
    }
    Options::parse(tokens.unwrap_or_default(), keys, mistakes)
}

fn code_of(options: &Options, ident: &Ident, mistakes: &mut Mistakes) -> String {
    if let Some(code) = options.parsed("code", |text| code::check(text).map(|()| text.to_owned()), mistakes) {
        return code;
    }
    let code = code::of_variant(&ident.unraw().to_string());
    if options.lacks("code") {
        if code::is_frameworks(&code) {
            mistakes.fault(ident, &code::frameworks(&code));
        } else if !code.is_ascii() {
            mistakes.at(
                ident,
                format_args!("`{code}` is no error code"),
                "codes are in ASCII: write `#[tool_error(code = \"…\")]`",
            );
        }
    }
    code
}

/// Finds errors that the variant carries, as far as they can be seen; the rest is for the compiler.
fn carried(
    attributes: &[Attribute],
    ident: &Ident,
    fields: &Fields,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Probe> {
    let what = format!("`{ident}` carries another error, whose text may hold SQL, paths or secrets");
    let transparent = attributes.iter().find(|attribute| {
        attribute.path().is_ident("error")
            && matches!(&attribute.meta, Meta::List(list) if mentions(&list.tokens, "transparent"))
    });
    let is_carried = |field: &Field| {
        field.attrs.iter().any(|attribute| attribute.path().is_ident("from") || attribute.path().is_ident("source"))
    };
    if let Some(field) = fields.iter().find(|field| is_carried(field)) {
        mistakes.at(&field.ty, what, MARK);
        return Vec::new();
    }
    if let Some(attribute) = transparent {
        mistakes.at(attribute, what, MARK);
        return Vec::new();
    }
    let mut probes = Vec::new();
    for field in fields {
        if let Some(parameter) =
            context.generics.type_params().find(|p| mentions(&field.ty.to_token_stream(), &p.ident.to_string()))
        {
            let what = format_args!("`{ident}` carries `{}`, which may be an error of any kind", parameter.ident);
            mistakes.at(&field.ty, what, MARK);
            continue;
        }
        let mut types = Vec::new();
        made_of(&field.ty, &mut types);
        types.retain(|ty| !is_plain(ty));
        let types: Vec<TokenStream> = types.iter().filter_map(|ty| nameable(ty, context)).collect();
        if !types.is_empty() {
            let tokens = field.ty.to_token_stream();
            let last = tokens.into_iter().last().map_or_else(|| field.ty.span(), |token| token.span());
            probes.push(Probe { span: (field.ty.span(), last), types });
        }
    }
    probes
}

/// A type and all types that are written inside of it.
fn made_of<'a>(ty: &'a Type, types: &mut Vec<&'a Type>) {
    types.push(ty);
    match ty {
        Type::Path(path) => {
            for segment in &path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                    for argument in &arguments.args {
                        if let GenericArgument::Type(inner) = argument {
                            made_of(inner, types);
                        }
                    }
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|inner| made_of(inner, types)),
        Type::Array(array) => made_of(&array.elem, types),
        Type::Slice(slice) => made_of(&slice.elem, types),
        Type::Reference(reference) => made_of(&reference.elem, types),
        Type::Paren(paren) => made_of(&paren.elem, types),
        Type::Group(group) => made_of(&group.elem, types),
        _ => {}
    }
}

/// Types that are no errors, so that the common case asks nothing.
fn is_plain(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16", "u32", "u64",
        "u128", "usize", "String",
    ];
    matches!(ty, Type::Path(path) if path.path.get_ident().is_some_and(|ident| PLAIN.iter().any(|plain| ident == plain)))
}

/// The type as it can stand outside of its item, where lifetimes and `Self` mean nothing.
fn nameable(ty: &Type, context: &Context<'_>) -> Option<TokenStream> {
    let mut tokens = ty.to_token_stream();
    if context.generics.const_params().any(|parameter| mentions(&tokens, &parameter.ident.to_string())) {
        return None;
    }
    if mentions(&tokens, "Self") {
        tokens = crate::hygiene::without_self(tokens, context.ty.as_ref()?);
    }
    Some(forever(tokens))
}

/// Every lifetime is `'static`.
fn forever(tokens: TokenStream) -> TokenStream {
    let mut after_quote = false;
    let map = |token| match token {
        TokenTree::Group(group) => {
            let mut inner = proc_macro2::Group::new(group.delimiter(), forever(group.stream()));
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        TokenTree::Ident(ident) if std::mem::take(&mut after_quote) => {
            TokenTree::Ident(Ident::new("static", ident.span()))
        }
        TokenTree::Punct(punct) => {
            after_quote = punct.as_char() == '\'';
            TokenTree::Punct(punct)
        }
        token => token,
    };
    tokens.into_iter().map(map).collect()
}

/// The field that says most in the log. With thiserror the whole error does: its text and its sources.
fn cause(attributes: &[Attribute], fields: &Fields) -> Option<TokenStream> {
    if attributes.iter().any(|attribute| attribute.path().is_ident("error")) {
        return None;
    }
    let is_source = |field: &Field| {
        field.ident.as_ref().is_some_and(|ident| ident == "source")
            || field
                .attrs
                .iter()
                .any(|attribute| attribute.path().is_ident("from") || attribute.path().is_ident("source"))
    };
    let at = fields.iter().position(is_source).or_else(|| (fields.len() == 1).then_some(0))?;
    let field = fields.iter().nth(at)?;
    Some(match &field.ident {
        Some(ident) => quote!(#ident),
        None => syn::Index::from(at).into_token_stream(),
    })
}
