//! The list in `#[tool(…)]` and its kin: `flag`, `key = value`, `key(…)`, parted by commas.
//!
//! A mistake spoils one option: the parser notes it and goes on behind the next comma.

use std::fmt::Display;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, ExprLit, Lit, LitBool, LitStr, Token, token};

use crate::hygiene::without_self;
use crate::keys::Keys;
use crate::mistakes::{Fault, Mistakes};

/// An option as it was written.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What stands behind the key.
pub(crate) enum Value {
    /// `key`
    Flag,
    /// `key = expression`
    Is(Expr),
    /// `key(…)`
    List(Group),
}

/// The options of one attribute, each at most once, all of them known.
pub(crate) struct Options {
    keys: &'static Keys,
    entries: Vec<Entry>,
    /// What broken options were meant to be.
    meant: Vec<String>,
}

impl Options {
    /// Reads a list.
    pub(crate) fn parse(tokens: TokenStream, keys: &'static Keys, mistakes: &mut Mistakes) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut meant = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let entry = match entry(input, keys, mistakes) {
                    Ok(entry) => entry,
                    Err(key) => {
                        meant.extend(key);
                        skip_to_comma(input);
                        continue;
                    }
                };
                let name = entry.key.unraw().to_string();
                if !keys.knows(&name) {
                    meant.extend(keys.unknown(&entry.key, mistakes).map(str::to_owned));
                } else if entries.iter().any(|earlier| earlier.key.unraw() == name) {
                    mistakes.at(&entry.key, format_args!("`{name}` stands here twice"), "keep one of the two");
                } else {
                    entries.push(entry);
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            mistakes.syntax(error);
        }
        Self { keys, entries, meant }
    }

    /// Whether there is none, and none was tried.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.meant.is_empty()
    }

    /// Whether the option is neither there nor was probably meant by one that is broken: what somebody tried to write
    /// is not called missing on top.
    pub(crate) fn lacks(&self, key: &str) -> bool {
        self.get(key).is_none() && !self.meant.iter().any(|meant| meant == key)
    }

    /// The option of this name, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        debug_assert!(self.keys.knows(key), "{key} is in no table");
        self.entries.iter().find(|entry| entry.key.unraw() == key)
    }

    /// The option of this name as a text.
    pub(crate) fn text(&self, key: &str, mistakes: &mut Mistakes) -> Option<&LitStr> {
        self.get(key)?.text(self.keys, mistakes)
    }

    /// The option as a text in one of the small languages.
    pub(crate) fn parsed<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        let text = self.text(key, mistakes)?;
        mistakes.check(text, parse(&text.value()))
    }

    /// The option as the path of a function, as it is called outside of the block.
    pub(crate) fn path(
        &self,
        key: &str,
        what: &str,
        help: &str,
        block: &TokenStream,
        mistakes: &mut Mistakes,
    ) -> Option<TokenStream> {
        let entry = self.get(key)?;
        match &entry.value {
            Value::Is(Expr::Path(path)) => return Some(without_self(path, block)),
            Value::Is(value) => mistakes.at(value, what, help),
            Value::Flag | Value::List(_) => entry.form(self.keys, mistakes),
        }
        None
    }

    /// Whether the flag is set: `key`, `key = true`, `key = false`.
    pub(crate) fn switch(&self, key: &str, mistakes: &mut Mistakes) -> Option<bool> {
        let entry = self.get(key)?;
        match &entry.value {
            Value::Flag => return Some(true),
            Value::Is(value) => {
                if let Some(Lit::Bool(LitBool { value, .. })) = literal(value) {
                    return Some(*value);
                }
            }
            Value::List(_) => {}
        }
        let help = format_args!("write `{key}` or `{key} = false`");
        entry.wrong(format_args!("`{key}` is true or false"), help, mistakes);
        None
    }

    /// Whether the flag is there; it takes no value.
    pub(crate) fn flag(&self, key: &str, mistakes: &mut Mistakes) -> bool {
        let Some(entry) = self.get(key) else { return false };
        if !matches!(entry.value, Value::Flag) {
            entry.wrong(format_args!("`{key}` takes no value"), format_args!("write `{key}`"), mistakes);
        }
        true
    }
}

impl Entry {
    /// The value as a text.
    pub(crate) fn text(&self, keys: &Keys, mistakes: &mut Mistakes) -> Option<&LitStr> {
        if let Value::Is(value) = &self.value
            && let Some(text) = text(value)
        {
            return Some(text);
        }
        self.form(keys, mistakes);
        None
    }

    /// The option is not of the form that the table shows.
    pub(crate) fn form(&self, keys: &Keys, mistakes: &mut Mistakes) {
        let key = self.key.unraw().to_string();
        let what = match &self.value {
            Value::Flag => format!("`{key}` needs a value"),
            Value::Is(value) if is_computed(value) => {
                format!("the value of `{key}` has to be written out here, since it is checked at compile time")
            }
            Value::Is(_) | Value::List(_) => format!("this is no value for `{key}`"),
        };
        self.wrong(what, format_args!("write {}", keys.form(&key)), mistakes);
    }

    /// Records a mistake of the value, or of the key where there is none.
    pub(crate) fn wrong(&self, what: impl Display, help: impl Display, mistakes: &mut Mistakes) {
        match &self.value {
            Value::Is(value) => mistakes.at(value, what, help),
            Value::List(list) => mistakes.at(list, what, help),
            Value::Flag => mistakes.at(&self.key, what, help),
        }
    }
}

/// The text of a string literal.
pub(crate) fn text(value: &Expr) -> Option<&LitStr> {
    match literal(value) {
        Some(Lit::Str(text)) => Some(text),
        _ => None,
    }
}

/// A literal, also one that a `macro_rules!` macro handed in.
pub(crate) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

/// A path, a call, a macro: something that only the compiler can evaluate.
fn is_computed(value: &Expr) -> bool {
    matches!(value, Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_))
}

/// Reads one option and the comma behind it; a broken one tells its key, if it has one.
fn entry(input: ParseStream<'_>, keys: &Keys, mistakes: &mut Mistakes) -> Result<Entry, Option<String>> {
    let Ok(key) = input.call(Ident::parse_any) else {
        let token = next_token(input);
        let help = format_args!("the options are {}", keys.list());
        if input.peek(syn::Lit) {
            mistakes.at(token, "this value belongs to no option", help);
        } else {
            mistakes.at(token, "an option is expected here", help);
        }
        return Err(None);
    };
    let name = key.unraw().to_string();
    let value = if input.peek(Token![=]) {
        let equals = next_token(input);
        let _ = input.parse::<Token![=]>();
        if input.is_empty() || input.peek(Token![,]) {
            let help = if keys.knows(&name) { keys.form(&name) } else { format!("`{name} = …`") };
            mistakes.at(equals, format_args!("`{name}` has no value"), format_args!("write {help}"));
            return Err(Some(name));
        }
        let ahead = input.fork();
        match ahead.parse::<Expr>() {
            Ok(value) => {
                input.advance_to(&ahead);
                Value::Is(value)
            }
            Err(error) => {
                mistakes.syntax(error);
                return Err(Some(name));
            }
        }
    } else if input.peek(token::Paren) {
        Value::List(input.parse().map_err(|_| None)?)
    } else {
        Value::Flag
    };
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return Ok(Entry { key, value });
    }
    mistakes.at(next_token(input), "a comma is missing before this", "options are parted by commas");
    if !input.peek(Ident::peek_any) {
        skip_to_comma(input);
    }
    Ok(Entry { key, value })
}

/// The token that comes next, for its span.
pub(crate) fn next_token(input: ParseStream<'_>) -> Option<TokenTree> {
    input.cursor().token_tree().map(|(token, _)| token)
}

/// Goes on behind the next comma.
pub(crate) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() {
        if input.parse::<Token![,]>().is_ok() {
            return;
        }
        let _ = input.parse::<TokenTree>();
    }
}
