//! The table of tools: what the attributes and the signatures say, as constants.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};

use super::super::argument::{Argument, Rule};
use super::super::model::{Annotations, ParameterKind, Scope, Tool};
use super::{duration, maybe, prepare, result, windows};
use crate::hygiene::mixed;
use crate::value::bounds::{Bounds, Number, Size};

/// The tool's entry in the table.
pub(super) fn entry(tool: &Tool) -> TokenStream {
    let Tool { cfg, ident, name, description, .. } = tool;
    let span = mixed(ident.span());
    let prepare = prepare::name(tool);
    let fields = fields(tool, span);
    let result = result(tool);
    quote_spanned! {span=>
        #cfg
        __m::ToolSpec { #fields ..#result.tool(#name, #description) }.run_by(#prepare)
    }
}

/// What differs from a tool that says nothing of itself.
fn fields(tool: &Tool, span: Span) -> TokenStream {
    // Taken apart, so that no field can be forgotten.
    let Tool {
        cfg: _,
        ident: _,
        is_async,
        name: _,
        title,
        description: _,
        icons,
        scope,
        agent_rate,
        total_rate,
        cost,
        check: _,
        guard,
        timeout,
        concurrency,
        max_output,
        annotations,
        parameters,
        output: _,
    } = tool;
    let mut fields = TokenStream::new();
    let mut field = |name: &str, value: TokenStream| {
        let name = Ident::new(name, span);
        fields.extend(quote_spanned!(span=> #name: #value,));
    };
    if let Some(title) = title {
        field("title", quote_spanned!(span=> __m::Some(#title)));
    }
    if !icons.is_empty() {
        field("icons", quote_spanned!(span=> &[#(#icons),*]));
    }
    match scope {
        Scope::AnyCaller => {}
        Scope::All(scopes) => {
            field("scope", quote_spanned!(span=> __m::Requirement::All(&[#(__m::Template::new(#scopes)),*])));
        }
        Scope::Any(scopes) => {
            field("scope", quote_spanned!(span=> __m::Requirement::Any(&[#(__m::Template::new(#scopes)),*])));
        }
    }
    if !agent_rate.is_empty() {
        field("agent_rate", windows(agent_rate, span));
    }
    if !total_rate.is_empty() {
        field("total_rate", windows(total_rate, span));
    }
    if cost.is_some() {
        field("costed", quote_spanned!(span=> true));
    }
    if guard.is_some() {
        field("guarded", quote_spanned!(span=> true));
    }
    if let Some(millis) = timeout {
        let timeout = duration(*millis, span);
        field("timeout", quote_spanned!(span=> __m::Some(#timeout)));
    }
    if concurrency.agent.is_some() || concurrency.total.is_some() {
        let (agent, total) = (maybe(concurrency.agent, span), maybe(concurrency.total, span));
        field("concurrency", quote_spanned!(span=> __m::Concurrency { agent: #agent, total: #total }));
    }
    if let Some(bytes) = max_output {
        field("max_output", Literal::u64_unsuffixed(*bytes).into_token_stream());
    }
    let Annotations { read_only, destructive, idempotent, open_world } = *annotations;
    let hints = [read_only, destructive, idempotent, open_world];
    if hints.iter().any(Option::is_some) {
        let hints = hints.map(|hint| Literal::i8_unsuffixed(hint.map_or(0, |hint| if hint { 1 } else { -1 })));
        field("annotations", quote_spanned!(span=> __m::hints([#(#hints),*])));
    }
    if !is_async {
        field("blocking", quote_spanned!(span=> true));
    }
    if parameters.iter().any(|parameter| matches!(parameter.kind, ParameterKind::Context)) {
        field("contextual", quote_spanned!(span=> true));
    }
    let arguments: Vec<TokenStream> = tool.arguments().map(|(cfg, argument)| argument_spec(cfg, argument)).collect();
    if !arguments.is_empty() {
        field("arguments", quote_spanned!(span=> &[#(#arguments),*]));
    }
    fields
}

fn argument_spec(cfg: &TokenStream, argument: &Argument) -> TokenStream {
    let Argument { ident, name, description, rules, ty, .. } = argument;
    let span = mixed(ident.span());
    let arg = prepare::arg(argument);
    let rules = rules.iter().map(|rule| match rule {
        Rule::Range(range) => bounds_of(range, span),
        Rule::Length(length) => {
            let (min, max) = size(*length);
            quote_spanned!(span=> __m::length(#min, #max))
        }
        Rule::Items(items) => {
            let (min, max) = size(*items);
            quote_spanned!(span=> __m::items(#min, #max))
        }
        Rule::Pattern(pattern) => quote_spanned!(span=> __m::Rule::Pattern(#pattern)),
        Rule::Format(format) => quote_spanned!(span=> __m::Rule::Format(#format)),
        Rule::Default(value) => quote_spanned!(span=> __m::Rule::Default(|| __m::default::<#ty>(#value))),
        Rule::Pii => quote_spanned!(span=> __m::Rule::Pii),
        Rule::Plain => quote_spanned!(span=> __m::Rule::Plain),
        Rule::Secret => quote_spanned!(span=> __m::Rule::Secret),
        Rule::Header(header) => quote_spanned!(span=> __m::Rule::Header(#header)),
        Rule::Flatten => quote_spanned!(span=> __m::Rule::Flatten),
        Rule::Strict => quote_spanned!(span=> __m::Rule::Strict),
    });
    quote_spanned!(span=> #cfg #arg.spec(#name, #description, &[#(#rules),*]))
}

fn bounds_of(range: &Bounds, span: Span) -> TokenStream {
    let Bounds { minimum, maximum, exclusive } = *range;
    if let (Some(Number::Integer(minimum)), Some(Number::Integer(maximum)), false) = (minimum, maximum, exclusive) {
        let [minimum, maximum] = [minimum, maximum].map(Literal::i128_unsuffixed);
        return quote_spanned!(span=> __m::integers(#minimum, #maximum));
    }
    let number = |number: Option<Number>| match number {
        None => quote_spanned!(span=> __m::None),
        Some(Number::Integer(integer)) => {
            let integer = Literal::i128_unsuffixed(integer);
            quote_spanned!(span=> __m::Some(__m::Number::Integer(#integer)))
        }
        Some(Number::Float(float)) => {
            let float = Literal::f64_unsuffixed(float);
            quote_spanned!(span=> __m::Some(__m::Number::Float(#float)))
        }
    };
    let (minimum, maximum) = (number(minimum), number(maximum));
    quote_spanned!(span=> __m::range(#minimum, #maximum, #exclusive))
}

/// Open ends are the ends of what there is.
fn size(size: Size) -> (Literal, Literal) {
    (Literal::u64_unsuffixed(size.min.unwrap_or(0)), Literal::u64_unsuffixed(size.max.unwrap_or(u64::MAX)))
}
