//! `#[tool(…)]`: from its options and its function to a tool.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, ExprCall, ImplItemFn, LitStr, Meta};

use super::argument::Rule;
use super::model::{Annotations, Parameter, ParameterKind, Scope, Tool};
use super::{cost, limits, signature};
use crate::docs;
use crate::error::generated::ErrorEnum;
use crate::hygiene::mentions;
use crate::keys;
use crate::mistakes::{Mistakes, did_you_mean, one_of};
use crate::options::{Entry, Options, Value, text};
use crate::value::{duration, hidden, name, scope, size};

/// The block around the tool.
pub(crate) struct Block<'a> {
    pub(crate) ty: &'a TokenStream,
    pub(crate) runtime: &'a TokenStream,
}

/// Validates a tool. The enum of its `errors(…)` is kept even where the tool is broken, since the function names it.
pub(crate) fn build(
    function: ImplItemFn,
    block: &Block<'_>,
    enums: &mut Vec<ErrorEnum>,
    mistakes: &mut Mistakes,
) -> Option<Tool> {
    let ImplItemFn { attrs, sig, .. } = function;
    let options = options(&attrs, &sig.ident, mistakes);
    let cfg = attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .map(quote::ToTokens::to_token_stream)
        .collect();
    if let Some(entry) = options.get("errors") {
        match &entry.value {
            Value::List(list) => {
                let written = ErrorEnum::build(list, &sig.ident, &cfg, block.runtime, mistakes);
                if signature::cannot_fail(&sig) {
                    let ident = &written.ident;
                    mistakes.at(
                        &entry.key,
                        format_args!("`errors` writes `{ident}`, and `{}` never returns it", sig.ident),
                        format_args!("write `-> Result<…, {ident}>`, or leave `errors` out"),
                    );
                }
                enums.push(written);
            }
            Value::Flag | Value::Is(_) => entry.form(&keys::TOOL, mistakes),
        }
    }
    let own_name = sig.ident.unraw().to_string();
    let mut parameters = signature::parameters(&sig, block.ty, mistakes);
    let scope = scope(&options, &sig.ident, &mut parameters, mistakes);
    let cost = cost::read(&options, &mut parameters, block.ty, mistakes);
    names(&parameters, mistakes);
    instrumented(&attrs, &parameters, mistakes);
    let limits = limits::of_tool(&options, mistakes);
    if options.lacks("rate") {
        mistakes.at(
            &sig.ident,
            format_args!("the tool `{own_name}` has no rate: one agent in a loop could call it without end"),
            "write `#[tool(rate = \"10/min\", …)]`, or `rate = inherit` if the server's limit is enough",
        );
    }
    let limits = limits.unwrap_or_default();
    let name = options.parsed("name", |text| name::tool(text).map(|()| text.to_owned()), mistakes);
    if name.is_none() && options.lacks("name") {
        // A function may be called what no client takes.
        mistakes.check(&sig.ident, name::tool(&own_name));
    }
    let title = options.parsed("title", |text| hidden::line(text, "the title").map(|()| text.to_owned()), mistakes);
    let description = description(&options, &attrs, &sig.ident, mistakes);
    let icons = limits::texts(&options, "icons", name::icon, mistakes);
    let check = check(&options, &parameters, block.ty, mistakes);
    let guard = guard(&options, block.ty, mistakes);
    let timeout = options.parsed("timeout", duration::parse, mistakes);
    let concurrency = limits::concurrency(&options, mistakes);
    let max_output = options.parsed("max_output", size::parse, mistakes);
    let annotations = annotations(&options, mistakes);
    let output = signature::output(&sig, block.ty, mistakes);
    // Only now, so that one thing that is missing hides no other mistake.
    Some(Tool {
        cfg,
        is_async: sig.asyncness.is_some(),
        name: name.unwrap_or(own_name),
        title,
        description: description?,
        icons,
        scope: scope?,
        agent_rate: limits.agent,
        total_rate: limits.total,
        cost,
        check,
        guard,
        timeout,
        concurrency,
        max_output,
        annotations,
        parameters,
        output,
        ident: sig.ident,
    })
}

/// The options of the one `#[tool]`. Those of a second one are read along, so that none is called missing.
fn options(attributes: &[Attribute], function: &Ident, mistakes: &mut Mistakes) -> Options {
    let mut tokens = TokenStream::new();
    let mut is_first = true;
    for attribute in attributes {
        if attribute.path().is_ident("cfg_attr") && mentions(&attribute.to_token_stream(), "tool") {
            mistakes.at(
                attribute,
                "`#[tool]` cannot stand in `cfg_attr`, which is decided after the server is built",
                "write `#[tool(…)]` itself; `#[cfg(…)]` beside it takes the tool away",
            );
            // What it says is not known, so nothing of it is missing.
            tokens.extend(quote!(any_caller, rate = inherit, description = "…",));
        }
        if attribute.path().segments.last().is_none_or(|last| last.ident != "tool") {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            mistakes.at(attribute, format_args!("`{function}` has two `#[tool]`"), "write all options into one");
            tokens.extend(quote!(,));
        }
        match &attribute.meta {
            Meta::List(list) => tokens.extend(list.tokens.clone()),
            Meta::Path(_) => {}
            Meta::NameValue(_) => mistakes.at(
                attribute,
                "`#[tool]` takes a list",
                "write `#[tool(scope = \"orders.read\", rate = \"10/min\")]`",
            ),
        }
    }
    Options::parse(tokens, &keys::TOOL, mistakes)
}

fn description(
    options: &Options,
    attributes: &[Attribute],
    function: &Ident,
    mistakes: &mut Mistakes,
) -> Option<String> {
    if let Some(text) = options.text("description", mistakes) {
        mistakes.check(text, hidden::lines(&text.value(), "the description"));
        if !text.value().trim().is_empty() {
            return Some(text.value().trim().to_owned());
        }
    } else if let Some(docs) = docs::read(attributes) {
        if let Err(fault) = hidden::lines(&docs.text, "the description") {
            mistakes.fault_at(docs.span, &fault);
        }
        return Some(docs.text);
    } else if !options.lacks("description") {
        return None;
    }
    mistakes.at(
        function,
        format_args!(
            "the tool `{}` has no description: a model chooses tools by what they say of themselves",
            function.unraw()
        ),
        "write a doc comment above it, `/// What the tool does.`, or `description = \"…\"`",
    );
    None
}

fn scope(options: &Options, function: &Ident, parameters: &mut [Parameter], mistakes: &mut Mistakes) -> Option<Scope> {
    let any_caller = options.flag("any_caller", mistakes);
    let Some(entry) = options.get("scope") else {
        if any_caller {
            return Some(Scope::AnyCaller);
        }
        if options.lacks("scope") && options.lacks("any_caller") {
            mistakes.at(
                function,
                format_args!("the tool `{}` has no scope: nothing says who may call it", function.unraw()),
                "write `#[tool(scope = \"orders.read\", …)]`, or `any_caller` to let every authenticated caller in",
            );
        }
        return None;
    };
    if any_caller {
        mistakes.at(&entry.key, "`scope` and `any_caller` contradict each other", "keep one of the two");
    }
    let (texts, is_any) = scopes(entry, mistakes)?;
    let mut templates: Vec<String> = Vec::new();
    for text in texts {
        let value = text.value();
        let Some(placeholders) = mistakes.check(text, scope::parse(&value)) else { continue };
        for placeholder in placeholders {
            fill(&placeholder, text, parameters, mistakes);
        }
        if templates.contains(&value) {
            mistakes.at(text, format_args!("the scope `{value}` stands here twice"), "keep one of the two");
        }
        templates.push(value);
    }
    Some(if is_any { Scope::Any(templates) } else { Scope::All(templates) })
}

/// The texts of `"a"`, `all("a", "b")` and `any("a", "b")`, and whether one is enough.
fn scopes<'a>(entry: &'a Entry, mistakes: &mut Mistakes) -> Option<(Vec<&'a LitStr>, bool)> {
    match &entry.value {
        Value::Is(Expr::Call(ExprCall { func, args, .. })) => {
            let is = |name: &str| matches!(&**func, Expr::Path(path) if path.path.is_ident(name));
            let is_any = is("any");
            if !is_any && !is("all") {
                let word = func.to_token_stream().to_string();
                let help = match did_you_mean(&word, ["all", "any"]) {
                    Some(meant) => format!("did you mean `{meant}(…)`?"),
                    None => "write `all(\"a\", \"b\")` where each is needed, `any(\"a\", \"b\")` where one is enough"
                        .to_owned(),
                };
                mistakes.at(func, "scopes are joined by `all` or `any`", help);
                return None;
            }
            if args.is_empty() {
                mistakes.at(
                    func,
                    "this list of scopes is empty",
                    "name the scopes, or write `any_caller` instead of `scope`",
                );
                return None;
            }
            let texts = args.iter().filter_map(|arg| {
                let text = text(arg);
                if text.is_none() {
                    mistakes.at(
                        arg,
                        "a scope is a text that is written out here, since it is checked at compile time",
                        "write `\"orders.read\"`",
                    );
                }
                text
            });
            Some((texts.collect(), is_any))
        }
        Value::Is(Expr::Array(array)) => {
            let list = array.elems.to_token_stream();
            mistakes.at(
                array,
                "a list does not say whether each of its scopes is needed or one is enough",
                format_args!("write `all({list})` or `any({list})`"),
            );
            None
        }
        _ => entry.text(&keys::TOOL, mistakes).map(|text| (vec![text], false)),
    }
}

/// Finds the argument behind a placeholder.
fn fill(placeholder: &str, text: &LitStr, parameters: &mut [Parameter], mistakes: &mut Mistakes) {
    let mut names = Vec::new();
    for parameter in parameters {
        let ParameterKind::Argument(argument) = &mut parameter.kind else { continue };
        let name = argument.ident.unraw().to_string();
        if name == placeholder {
            argument.fills_scope = true;
            if let Some(private) = &argument.private {
                mistakes.at(
                    private,
                    format_args!(
                        "this argument is `{private}`, and the scope that it fills stands in refusals and records"
                    ),
                    "let an argument that is not personal fill the scope, such as a customer's number",
                );
            }
            return;
        }
        names.push(name);
    }
    let meant = did_you_mean(placeholder, names.iter().map(String::as_str));
    let help = match (meant, names.as_slice()) {
        (Some(meant), _) => format!("did you mean `{{{meant}}}`?"),
        (None, []) => "the tool has no arguments: write the scope without braces".to_owned(),
        (None, [only]) => format!("the one argument is `{only}`: write `{{{only}}}`"),
        (None, _) => format!("the arguments are {}", one_of(names.iter().map(String::as_str))),
    };
    mistakes.at(text, format_args!("no argument is called `{placeholder}`"), help);
}

fn guard(options: &Options, ty: &TokenStream, mistakes: &mut Mistakes) -> Option<TokenStream> {
    options.path(
        "guard",
        "a guard is the path of a function",
        "write `guard = path::to::function`, an `async fn(&Caller, &A1, &A2, …) -> Result<(), Denied>` over the tool's arguments",
        ty,
        mistakes,
    )
}

/// `check = …`, over all arguments.
fn check(
    options: &Options,
    parameters: &[Parameter],
    ty: &TokenStream,
    mistakes: &mut Mistakes,
) -> Option<TokenStream> {
    let help =
        "write `check = path::to::function`, a `fn(&A1, &A2, …) -> Result<(), String>` over the tool's arguments";
    let check = options.path("check", "a check is the path of a function", help, ty, mistakes);
    let has_arguments = parameters.iter().any(|parameter| matches!(parameter.kind, ParameterKind::Argument(_)));
    if let Some(entry) = options.get("check")
        && !has_arguments
    {
        mistakes.at(
            &entry.key,
            "this tool has no arguments to check",
            "leave `check` out; a `guard` looks at the caller",
        );
    }
    check
}

fn annotations(options: &Options, mistakes: &mut Mistakes) -> Annotations {
    let annotations = Annotations {
        read_only: options.switch("read_only", mistakes),
        destructive: options.switch("destructive", mistakes),
        idempotent: options.switch("idempotent", mistakes),
        open_world: options.switch("open_world", mistakes),
    };
    if annotations.read_only == Some(true)
        && annotations.destructive == Some(true)
        && let Some(entry) = options.get("destructive")
    {
        mistakes.at(&entry.key, "what is `read_only` destroys nothing", "keep one of `read_only` and `destructive`");
    }
    annotations
}

/// Names on the wire and in headers are unique.
fn names(parameters: &[Parameter], mistakes: &mut Mistakes) {
    let mut names: Vec<&str> = Vec::new();
    let mut headers: Vec<String> = Vec::new();
    for parameter in parameters {
        let ParameterKind::Argument(argument) = &parameter.kind else { continue };
        if !parameter.cfg.is_empty() {
            continue;
        }
        if names.contains(&argument.name.as_str()) {
            mistakes.at(
                &argument.ident,
                format_args!("two arguments are called `{}`", argument.name),
                "rename one of the two",
            );
        }
        names.push(&argument.name);
        for rule in &argument.rules {
            if let Rule::Header(header) = rule {
                let lower = header.to_ascii_lowercase();
                if headers.contains(&lower) {
                    let what =
                        format_args!("two arguments are mirrored in the header `{header}`: headers know no case");
                    mistakes.at(&argument.ident, what, "write another name into one of the two");
                }
                headers.push(lower);
            }
        }
    }
}

/// `#[tracing::instrument]` records every argument unless it is told not to.
fn instrumented(attributes: &[Attribute], parameters: &[Parameter], mistakes: &mut Mistakes) {
    let has_arguments = parameters.iter().any(|parameter| matches!(parameter.kind, ParameterKind::Argument(_)));
    for attribute in attributes {
        let is_instrument = attribute.path().segments.last().is_some_and(|last| last.ident == "instrument");
        if has_arguments && is_instrument && !mentions(&attribute.to_token_stream(), "skip_all") {
            mistakes.at(
                attribute,
                "`instrument` records every argument, past what `#[arg(pii)]` and `#[arg(secret)]` say",
                "write `#[tracing::instrument(skip_all)]`",
            );
        }
    }
}
