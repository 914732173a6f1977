//! What the attributes say, validated: everything here can be expanded without a doubt left.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Expr, Generics, ImplItemFn};

use super::argument::Argument;
use super::block::Head;
use super::limits::{self, Window};
use super::tool;
use crate::error::generated::ErrorEnum;
use crate::keys;
use crate::mistakes::{Fault, Mistakes};
use crate::options::{Options, Value};
use crate::value::{duration, hidden, name};

/// A server and its tools.
pub(crate) struct Server {
    pub(crate) cfg: TokenStream,
    pub(crate) runtime: TokenStream,
    pub(crate) generics: Generics,
    pub(crate) ty: TokenStream,
    pub(crate) span: Span,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) instructions: Option<String>,
    pub(crate) rate: Vec<Window>,
    pub(crate) timeout: Option<u64>,
    pub(crate) handler: bool,
    pub(crate) tools: Vec<Tool>,
    pub(crate) errors: Vec<ErrorEnum>,
}

/// A tool.
pub(crate) struct Tool {
    pub(crate) cfg: TokenStream,
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) icons: Vec<String>,
    pub(crate) scope: Scope,
    pub(crate) agent_rate: Vec<Window>,
    pub(crate) total_rate: Vec<Window>,
    pub(crate) cost: Option<TokenStream>,
    pub(crate) check: Option<TokenStream>,
    pub(crate) guard: Option<TokenStream>,
    pub(crate) timeout: Option<u64>,
    pub(crate) concurrency: Concurrency,
    pub(crate) max_output: Option<u64>,
    pub(crate) annotations: Annotations,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: TokenStream,
}

/// What the caller must hold.
pub(crate) enum Scope {
    AnyCaller,
    All(Vec<String>),
    Any(Vec<String>),
}

/// How many calls run at a time.
#[derive(Default)]
pub(crate) struct Concurrency {
    pub(crate) agent: Option<u32>,
    pub(crate) total: Option<u32>,
}

/// The hints of the protocol; `None` is not sent.
#[derive(Default)]
pub(crate) struct Annotations {
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
}

/// A parameter behind `&self`, in the order of the function.
pub(crate) struct Parameter {
    pub(crate) cfg: TokenStream,
    pub(crate) kind: ParameterKind,
}

/// What fills a parameter.
pub(crate) enum ParameterKind {
    Caller,
    Context,
    Argument(Box<Argument>),
}

impl Tool {
    /// The arguments, with the attributes that decide whether they are there.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&TokenStream, &Argument)> {
        self.parameters.iter().filter_map(|parameter| match &parameter.kind {
            ParameterKind::Argument(argument) => Some((&parameter.cfg, &**argument)),
            ParameterKind::Caller | ParameterKind::Context => None,
        })
    }
}

impl Server {
    /// Validates the block. What is wrong is replaced by something harmless, so that the impl is there in any case and
    /// the rest of the program is not told that it lacks a server.
    pub(crate) fn build(options: TokenStream, head: Head, functions: Vec<ImplItemFn>, mistakes: &mut Mistakes) -> Self {
        // What is missing is missing between the parentheses; where these are empty, the type stands for all.
        let place = if options.is_empty() { head.ty.clone() } else { options.clone() };
        let options = Options::parse(options, &keys::SERVER, mistakes);
        let mut errors = Vec::new();
        let runtime = runtime(&options, mistakes);
        let mut tools: Vec<Tool> = Vec::new();
        let mut names: Vec<(String, bool)> = Vec::new();
        for function in functions {
            let built = mistakes.part(|mistakes| {
                let context = tool::Block { ty: &head.ty, runtime: &runtime };
                let tool = tool::build(function, &context, &mut errors, mistakes)?;
                // Two of one name may stand behind opposite conditions.
                let is_plain = tool.cfg.is_empty();
                if names.iter().any(|(name, plain)| *name == tool.name && (is_plain || *plain)) {
                    mistakes.at(
                        &tool.ident,
                        format_args!("two tools of this server are called `{}`", tool.name),
                        "rename one of the two: `name = \"…\"` gives a tool another name than its function",
                    );
                }
                names.push((tool.name.clone(), is_plain));
                Some(tool)
            });
            tools.extend(built);
        }
        let line = |text: &str| hidden::line(text, "the text");
        let name = options.parsed("name", |text| name::server(text).map(|()| text.to_owned()), mistakes);
        if options.lacks("name") {
            mistakes.at(&place, "the server has no name", "write `#[server(name = \"orders\", …)]`");
        }
        Self {
            cfg: head.cfg,
            name: name.unwrap_or_default(),
            version: options.parsed("version", |text| line(text).map(|()| text.to_owned()), mistakes),
            title: options.parsed("title", |text| line(text).map(|()| text.to_owned()), mistakes),
            instructions: options.parsed("instructions", instructions, mistakes),
            rate: limits::of_server(&options, &place, mistakes),
            timeout: options.parsed("timeout", duration::parse, mistakes),
            handler: options.flag("handler", mistakes),
            generics: head.generics,
            ty: head.ty,
            span: head.span,
            runtime,
            tools,
            errors,
        }
    }
}

fn instructions(text: &str) -> Result<String, Fault> {
    hidden::lines(text, "the text").map(|()| text.trim().to_owned())
}

/// The path to the runtime, from anywhere.
fn runtime(options: &Options, mistakes: &mut Mistakes) -> TokenStream {
    let default = quote!(::mcp_runtime);
    let Some(entry) = options.get("crate") else { return default };
    let Value::Is(Expr::Path(path)) = &entry.value else {
        entry.form(&keys::SERVER, mistakes);
        return default;
    };
    let from_root =
        path.path.leading_colon.is_some() || path.path.segments.first().is_some_and(|first| first.ident == "crate");
    if !from_root || path.qself.is_some() {
        mistakes.at(
            path,
            "the path to the runtime is used in places that see none of your imports",
            "write it from the root: `crate = ::name_in_cargo_toml`, or `crate = crate::module`",
        );
        return default;
    }
    path.path.to_token_stream()
}
