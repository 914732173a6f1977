//! `cost = limit / 10`: what a call weighs.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;

use super::model::{Parameter, ParameterKind};
use crate::hygiene::{mentions, without_self};
use crate::keys;
use crate::mistakes::{Mistakes, did_you_mean};
use crate::options::{Options, Value};

/// The expression, and which arguments it reads.
pub(super) fn read(
    options: &Options,
    parameters: &mut [Parameter],
    ty: &TokenStream,
    mistakes: &mut Mistakes,
) -> Option<TokenStream> {
    let entry = options.get("cost")?;
    let Value::Is(value) = &entry.value else {
        entry.form(&keys::TOOL, mistakes);
        return None;
    };
    let mut names = Vec::new();
    for parameter in parameters {
        if let ParameterKind::Argument(argument) = &mut parameter.kind {
            argument.in_cost = mentions(&value.to_token_stream(), &argument.ident.to_string());
            names.push(argument.ident.unraw().to_string());
        }
    }
    misspelt(value.to_token_stream(), &names, mistakes);
    Some(without_self(value, ty))
}

/// Names that are nearly those of arguments. The compiler sees generated code and would suggest nothing. What the
/// expression binds itself is its own business: there all names are left to the compiler.
fn misspelt(expression: TokenStream, names: &[String], mistakes: &mut Mistakes) {
    let mut used = Vec::new();
    if !values(expression, &mut used) {
        return;
    }
    for ident in used {
        let name = ident.unraw().to_string();
        if names.contains(&name) {
            continue;
        }
        if let Some(meant) = did_you_mean(&name, names.iter().map(String::as_str)) {
            let what = format_args!("no argument is called `{name}`");
            mistakes.at(&ident, what, format_args!("did you mean `{meant}`?"));
        }
    }
}

/// The names that stand for values, and whether the expression binds none.
fn values(expression: TokenStream, used: &mut Vec<Ident>) -> bool {
    let mut tokens = expression.into_iter().peekable();
    let mut before = None;
    while let Some(token) = tokens.next() {
        let next = match tokens.peek() {
            Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Some('('),
            _ => None,
        };
        match &token {
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Brace || !values(group.stream(), used) {
                    return false;
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '|' => return false,
            TokenTree::Ident(ident)
                if !matches!(before, Some('.' | ':' | '\'')) && !matches!(next, Some(':' | '!' | '(')) =>
            {
                used.push(ident.clone());
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        before = if let TokenTree::Punct(punct) = &token { Some(punct.as_char()) } else { None };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(expression: &str) -> String {
        let mut mistakes = Mistakes::new();
        let names = ["limit".to_owned(), "weight".to_owned()];
        misspelt(expression.parse().unwrap(), &names, &mut mistakes);
        mistakes.into_tokens().to_string()
    }

    #[test]
    fn misspelt_arguments_are_recognised() {
        assert!(mistakes("limt / 10").contains("did you mean `limit`?"));
        assert!(mistakes("u64::from(wight) * 2").contains("did you mean `weight`?"));
        for right in [
            "limit / 10",
            "other",
            "a.limt",
            "limt::COST",
            "limt(1)",
            "limt!(1)",
            "{ let limt = limit; limt }",
            "(|limt: u32| limt)(limit)",
            "if limit > 5 { 2 } else { 1 }",
        ] {
            assert_eq!(mistakes(right), "", "{right}");
        }
    }
}
