//! Doc comments, which are where a description usually stands.

use proc_macro2::Span;
use syn::{Attribute, Expr, Meta};

use crate::options::text;

/// The lines of a doc comment as one text, and where they stand.
pub(crate) struct Docs {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// The doc comment among these attributes. What a macro computes (`#[doc = include_str!(…)]`) is not read.
pub(crate) fn read(attributes: &[Attribute]) -> Option<Docs> {
    let mut lines = Vec::new();
    let mut span = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(_) = &pair.value
            && let Some(line) = text(&pair.value)
        {
            span.get_or_insert(line.span());
            let value = line.value();
            lines.extend(value.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
        }
    }
    let text = lines.join("\n").trim().to_owned();
    span.filter(|_| !text.is_empty()).map(|span| Docs { text, span })
}
