//! The annotated impl block, read token by token.
//!
//! Two things come out. The block itself, as it goes back to the compiler: only what rustc would refuse is taken out, so
//! that signatures, spans and bodies are the user's on every path. And the functions with `#[tool]`, parsed without
//! their bodies: a body that is half typed breaks nothing here, and one that is long costs nothing.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote_spanned};
use syn::{GenericParam, Generics, ImplItemFn, ItemImpl, Lifetime, LifetimeParam};

use crate::hygiene::{mentions, mixed};
use crate::mistakes::Mistakes;

/// A block, taken apart.
pub(crate) struct Block {
    /// The block as it goes back to the compiler.
    pub(crate) cleaned: TokenStream,
    /// `impl<D: Db> Revenue<D> where …`, if that is what it is.
    pub(crate) head: Option<Head>,
    /// The functions with `#[tool]`, bodies left out.
    pub(crate) tools: Vec<ImplItemFn>,
}

/// What the block is for.
pub(crate) struct Head {
    /// The attributes that decide whether the block is there.
    pub(crate) cfg: TokenStream,
    pub(crate) generics: Generics,
    pub(crate) ty: TokenStream,
    /// Where the type stands.
    pub(crate) span: Span,
}

/// Reads what `#[server]` was put on.
pub(crate) fn read(item: TokenStream, mistakes: &mut Mistakes) -> Block {
    let mut head: Vec<TokenTree> = item.into_iter().collect();
    let body = match head.pop() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => body,
        last => {
            head.extend(last);
            let tokens: TokenStream = head.into_iter().collect();
            not_an_impl(&tokens, mistakes);
            return Block { cleaned: tokens, head: None, tools: Vec::new() };
        }
    };
    let head: TokenStream = head.into_iter().collect();
    let mut items = Items::default();
    items.read(body.stream());
    let parsed = parse_head(&head, mistakes);
    let tools = if parsed.is_some() { parse_tools(items.tools, mistakes) } else { Vec::new() };
    let mut cleaned = head;
    cleaned.extend([TokenTree::Group(regroup(&body, items.cleaned))]);
    Block { cleaned, head: parsed, tools }
}

/// What a lone `#[tool]` was put on, without what rustc would refuse.
pub(crate) fn clean_function(item: TokenStream) -> TokenStream {
    let mut items = Items { is_tool: true, ..Items::default() };
    items.read(item);
    items.cleaned
}

fn parse_head(head: &TokenStream, mistakes: &mut Mistakes) -> Option<Head> {
    let mut tokens = head.clone();
    tokens.extend([TokenTree::Group(Group::new(Delimiter::Brace, TokenStream::new()))]);
    let Ok(block) = syn::parse2::<ItemImpl>(tokens) else {
        // What is an impl and does not parse is the compiler's to report: it reads the block again.
        if !mentions(head, "impl") {
            not_an_impl(head, mistakes);
        }
        return None;
    };
    if let Some((path, _)) = &block.trait_ {
        mistakes.at(
            path,
            "`#[server]` goes on the type's own impl block, not on that of a trait",
            format_args!("write the tools in `impl {} {{ … }}`", block.self_ty.to_token_stream()),
        );
        return None;
    }
    let cfg = block
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .map(quote::ToTokens::to_token_stream)
        .collect();
    let span = syn::Error::new_spanned(&block.self_ty, "").span();
    let mut generics = block.generics;
    let ty = name_lifetimes(block.self_ty.into_token_stream(), &mut generics);
    Some(Head { cfg, generics, ty, span })
}

/// Gives each `'_` of the type a name: the generated functions and bounds have to repeat it.
fn name_lifetimes(ty: TokenStream, generics: &mut Generics) -> TokenStream {
    let mut named = TokenStream::new();
    let mut after_quote = false;
    for token in ty {
        let token = match token {
            TokenTree::Group(group) => TokenTree::Group(regroup(&group, name_lifetimes(group.stream(), generics))),
            TokenTree::Ident(ident) if after_quote && ident == "_" => {
                let name = format!("__elided_{}", generics.params.len());
                let lifetime = Lifetime::new(&format!("'{name}"), ident.span());
                generics.params.insert(0, GenericParam::Lifetime(LifetimeParam::new(lifetime)));
                TokenTree::Ident(Ident::new(&name, ident.span()))
            }
            token => token,
        };
        after_quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        named.extend([token]);
    }
    named
}

fn not_an_impl(item: &TokenStream, mistakes: &mut Mistakes) {
    let help =
        "write it on the block that holds the tools: `#[server(name = \"…\", rate = \"300/min\")] impl Orders { … }`";
    // The whole item would be underlined; its first word says enough.
    let first = item.clone().into_iter().find(|token| matches!(token, TokenTree::Ident(_)));
    mistakes.at(first, "`#[server]` goes on an impl block", help);
}

fn parse_tools(functions: Vec<TokenStream>, mistakes: &mut Mistakes) -> Vec<ImplItemFn> {
    let mut tools = Vec::new();
    for function in functions {
        match syn::parse2::<ImplItemFn>(function.clone()) {
            Ok(function) => tools.push(function),
            // A signature that does not parse is the compiler's to report.
            Err(_) if mentions(&function, "fn") => {}
            Err(_) => mistakes.at(
                function.into_iter().take(2).collect::<TokenStream>(),
                "`#[tool]` goes on a function",
                "write `#[tool(…)] async fn name(&self, …) -> … { … }`",
            ),
        }
    }
    tools
}

/// The items of a block, parted as far as tools need it.
#[derive(Default)]
struct Items {
    cleaned: TokenStream,
    tools: Vec<TokenStream>,
    /// The item that is being read, with our attributes and without its body.
    item: TokenStream,
    is_tool: bool,
    is_fn: bool,
}

impl Items {
    fn read(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let attribute = tokens.next_if(|next| is_group(next, Delimiter::Bracket));
                    self.attribute(TokenTree::Punct(punct), attribute);
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    self.push(TokenTree::Punct(punct));
                    self.end();
                }
                TokenTree::Ident(ident) => {
                    self.is_fn |= ident == "fn";
                    self.push(TokenTree::Ident(ident));
                }
                TokenTree::Group(group) if self.is_fn && group.delimiter() == Delimiter::Parenthesis => {
                    let cleaned = self.is_tool.then(|| clean_parameters(&group)).flatten();
                    self.cleaned.extend([TokenTree::Group(cleaned.unwrap_or_else(|| group.clone()))]);
                    self.item.extend([TokenTree::Group(group)]);
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    self.item.extend([TokenTree::Group(regroup(&group, TokenStream::new()))]);
                    self.cleaned.extend([TokenTree::Group(group)]);
                    self.end();
                }
                token => self.push(token),
            }
        }
        self.end();
    }

    fn attribute(&mut self, pound: TokenTree, brackets: Option<TokenTree>) {
        let Some(TokenTree::Group(brackets)) = brackets else {
            self.push(pound);
            self.item.extend(brackets.clone());
            self.cleaned.extend(brackets);
            return;
        };
        if !is_tool(&brackets) {
            self.push(pound);
            self.push(TokenTree::Group(brackets));
            return;
        }
        if !self.is_tool {
            self.cleaned.extend(what_a_tool_cannot_help(mixed(brackets.span())));
        }
        self.is_tool = true;
        self.item.extend([pound, TokenTree::Group(brackets)]);
    }

    fn push(&mut self, token: TokenTree) {
        self.item.extend([token.clone()]);
        self.cleaned.extend([token]);
    }

    fn end(&mut self) {
        let item = std::mem::take(&mut self.item);
        if std::mem::take(&mut self.is_tool) {
            self.tools.push(item);
        }
        self.is_fn = false;
    }
}

/// The shape of a tool is ours to prescribe, so lints about that shape are not for its author.
fn what_a_tool_cannot_help(span: Span) -> TokenStream {
    quote_spanned! {span=>
        #[allow(
            clippy::needless_pass_by_value,
            clippy::too_many_arguments,
            clippy::trivially_copy_pass_by_ref,
            clippy::unused_async,
            clippy::unused_self
        )]
    }
}

/// Parameters without `#[arg]`, which no macro stands behind, and without doc comments, which no parameter may have;
/// `None` if there are none. A group that is made anew has lost where its parentheses stand.
fn clean_parameters(parameters: &Group) -> Option<Group> {
    let mut cleaned = TokenStream::new();
    let mut is_clean = true;
    let mut tokens = parameters.stream().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_pound = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        let is_ours = |next: &TokenTree| matches!(next, TokenTree::Group(group) if is_of_parameters(group));
        if is_pound && tokens.next_if(is_ours).is_some() {
            is_clean = false;
        } else {
            cleaned.extend([token]);
        }
    }
    (!is_clean).then(|| regroup(parameters, cleaned))
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

/// `[tool(…)]`, `[mcp_runtime::tool(…)]`, `[cfg_attr(…, tool(…))]`; rmcp has a `tool` of its own.
fn is_tool(brackets: &Group) -> bool {
    let path = path(brackets);
    match path.as_slice() {
        [first, ..] if first == "rmcp" => false,
        [only] if only == "cfg_attr" => behind_cfg(brackets, "tool"),
        [.., last] => last == "tool",
        [] => false,
    }
}

/// `[arg(…)]`, `[doc = "…"]`, `[cfg_attr(…, arg(…))]`
fn is_of_parameters(brackets: &Group) -> bool {
    match path(brackets).as_slice() {
        [only] if only == "cfg_attr" => behind_cfg(brackets, "arg"),
        [only] => only == "arg" || only == "doc",
        _ => false,
    }
}

/// The path of an attribute.
fn path(brackets: &Group) -> Vec<String> {
    let is_path = |token: &TokenTree| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let tokens = brackets.stream().into_iter().take_while(is_path);
    tokens
        .filter_map(|token| if let TokenTree::Ident(ident) = token { Some(ident.to_string()) } else { None })
        .collect()
}

/// Whether `cfg_attr(condition, …)` holds our attribute.
fn behind_cfg(brackets: &Group, attribute: &str) -> bool {
    let lists = brackets.stream().into_iter().filter_map(|token| match token {
        TokenTree::Group(list) => Some(list.stream()),
        _ => None,
    });
    lists.flatten().any(|token| matches!(token, TokenTree::Ident(ident) if ident == attribute))
}

/// Another content between the same delimiters.
fn regroup(group: &Group, content: TokenStream) -> Group {
    let mut new = Group::new(group.delimiter(), content);
    new.set_span(group.span());
    new
}
