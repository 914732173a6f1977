//! Spans of generated code, and types moved out of the block they were written in.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

/// Generated code stands where `place` does and sees none of the user's locals. Lints take it for a macro's own.
pub(crate) fn mixed(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// The name of a generated local that stands for one of the user's.
pub(crate) fn local(ident: &Ident) -> Ident {
    let mut local = ident.clone();
    local.set_span(mixed(ident.span()));
    local
}

/// Tokens with the block's type in place of `Self`, which means another type, or none, outside of the block.
pub(crate) fn without_self(tokens: impl ToTokens, ty: &TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut rest = tokens.into_token_stream().into_iter().peekable();
    while let Some(token) = rest.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let span = ident.span();
                let ty: TokenStream = ty.clone().into_iter().map(|token| located(token, span)).collect();
                // `Self::Key` of a generic type is `<Revenue<D>>::Key`.
                let is_path = matches!(rest.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                replaced.extend(if is_path { quote_spanned!(span=> <#ty>) } else { quote!(#ty) });
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), ty));
                inner.set_span(group.span());
                replaced.extend([TokenTree::Group(inner)]);
            }
            token => replaced.extend([token]),
        }
    }
    replaced
}

/// A token that means what it meant and stands at `place`: errors point to where the user wrote `Self`.
fn located(mut token: TokenTree, place: Span) -> TokenTree {
    if let TokenTree::Group(group) = &token {
        let inner = group.stream().into_iter().map(|token| located(token, place)).collect();
        let mut inner = Group::new(group.delimiter(), inner);
        inner.set_span(group.span());
        token = TokenTree::Group(inner);
    }
    token.set_span(token.span().located_at(place));
    token
}

/// Whether `ident` occurs anywhere in the tokens.
pub(crate) fn mentions(tokens: &TokenStream, ident: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == ident,
        TokenTree::Group(group) => mentions(&group.stream(), ident),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn self_is_replaced_everywhere() {
        let ty = quote!(Revenue<D>);
        let replaced = |tokens: TokenStream| without_self(tokens, &ty).to_string().replace(' ', "");
        assert_eq!(replaced(quote!(Option<Self>)), "Option<Revenue<D>>");
        assert_eq!(replaced(quote!(Vec<(Self::Key, u32)>)), "Vec<(<Revenue<D>>::Key,u32)>");
        assert_eq!(replaced(quote!(Selfish)), "Selfish");
    }
}
