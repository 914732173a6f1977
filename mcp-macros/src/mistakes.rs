//! What is wrong with the input: recorded, never fatal, all of it reported in one compile.
//!
//! The voice of every text: what is wrong, why where that is not plain, and on a line of its own `help: write …`.
//! Names of options, types and values stand in backticks.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// A value that is wrong in itself, wherever it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    what: String,
    help: String,
}

impl Fault {
    pub(crate) fn new(what: impl Display, help: impl Display) -> Self {
        Self { what: what.to_string(), help: help.to_string() }
    }
}

/// The mistakes found so far.
#[derive(Default)]
#[must_use = "a mistake that nobody reports lets wrong code compile"]
pub(crate) struct Mistakes(Vec<syn::Error>);

impl Mistakes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Records what is wrong with these tokens, and what to write instead.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, what: impl Display, help: impl Display) {
        self.0.push(syn::Error::new_spanned(tokens, format_args!("{what}\nhelp: {help}")));
    }

    /// As [`at`](Self::at), where a span is all there is.
    pub(crate) fn at_span(&mut self, span: Span, what: impl Display, help: impl Display) {
        self.0.push(syn::Error::new(span, format_args!("{what}\nhelp: {help}")));
    }

    /// Records a fault of these tokens.
    pub(crate) fn fault(&mut self, tokens: impl ToTokens, fault: &Fault) {
        self.at(tokens, &fault.what, &fault.help);
    }

    /// As [`fault`](Self::fault), where a span is all there is.
    pub(crate) fn fault_at(&mut self, span: Span, fault: &Fault) {
        self.at_span(span, &fault.what, &fault.help);
    }

    /// Records a fault if there is one.
    pub(crate) fn check<T>(&mut self, tokens: impl ToTokens, result: Result<T, Fault>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(tokens, &fault);
                None
            }
        }
    }

    /// Records what syn says.
    pub(crate) fn syntax(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Builds a part of the model with mistakes of its own: a broken part is left out, and the others still generate.
    pub(crate) fn part<T>(&mut self, build: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut own = Self::new();
        let part = build(&mut own);
        let whole = own.0.is_empty();
        self.0.append(&mut own.0);
        part.filter(|_| whole)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One `compile_error!` each.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.into_iter().map(syn::Error::into_compile_error).collect()
    }
}

/// The candidate that `word` was probably meant to be: at most a third of the letters differ.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= word.len().max(candidate.len()).max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance, with two swapped neighbours as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + usize::from(!same));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// `a`, `b` or `c`, each in backticks.
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// The texts of the `compile_error!`s among the tokens.
#[cfg(test)]
pub(crate) fn texts(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = false;
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Ident(ident) => after = ident == "compile_error",
            proc_macro2::TokenTree::Group(group) if after => {
                let text: syn::LitStr = syn::parse2(group.stream()).unwrap();
                found.push(text.value());
                after = false;
            }
            proc_macro2::TokenTree::Group(group) => found.extend(self::texts(group.stream())),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised() {
        let units = ["s", "min", "hour", "day"];
        assert_eq!(did_you_mean("mn", units), Some("min"));
        assert_eq!(did_you_mean("mni", units), Some("min"));
        assert_eq!(did_you_mean("huor", units), Some("hour"));
        assert_eq!(did_you_mean("fortnight", units), None);
        assert_eq!(did_you_mean("scop", ["rate", "scope"]), Some("scope"));
        assert_eq!(did_you_mean("", ["scope"]), None);
    }

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
