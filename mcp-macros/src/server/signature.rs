//! The function under `#[tool]`: what a tool's signature may be.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{FnArg, Pat, PatType, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type};

use super::argument;
use super::model::{Parameter, ParameterKind};
use crate::hygiene::without_self;
use crate::mistakes::Mistakes;

/// The parameters behind `&self`.
pub(crate) fn parameters(signature: &Signature, self_ty: &TokenStream, mistakes: &mut Mistakes) -> Vec<Parameter> {
    shape(signature, mistakes);
    let mut parameters: Vec<Parameter> = Vec::new();
    for input in &signature.inputs {
        let input = match input {
            FnArg::Receiver(_) => continue,
            FnArg::Typed(input) => input,
        };
        let Some(kind) = parameter(input, self_ty, mistakes) else { continue };
        let is_twice = match kind {
            ParameterKind::Argument(_) => false,
            ParameterKind::Caller => parameters.iter().any(|earlier| matches!(earlier.kind, ParameterKind::Caller)),
            ParameterKind::Context => parameters.iter().any(|earlier| matches!(earlier.kind, ParameterKind::Context)),
        };
        if is_twice {
            mistakes.at(&input.ty, "this parameter stands here twice", "take one of the two out");
            continue;
        }
        let cfg = input.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        parameters.push(Parameter { cfg: cfg.map(quote::ToTokens::to_token_stream).collect(), kind });
    }
    parameters
}

/// The type that comes back.
pub(crate) fn output(signature: &Signature, self_ty: &TokenStream, mistakes: &mut Mistakes) -> TokenStream {
    match &signature.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => {
            if let Type::ImplTrait(_) = **ty {
                mistakes.at(
                    ty,
                    "the result of a tool is a type that can be named",
                    "write the type, such as `Result<Json<Order>, OrderError>`; for a future, write `async fn`",
                );
            }
            without_self(ty, self_ty)
        }
    }
}

/// Whether the function returns what is known to be no `Result`. Behind another name there may be one.
pub(crate) fn cannot_fail(signature: &Signature) -> bool {
    const KNOWN: [&str; 5] = ["Content", "Json", "String", "Text", "Vec"];
    match &signature.output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(path) => {
                path.path.segments.last().is_some_and(|last| KNOWN.iter().any(|name| last.ident == name))
            }
            Type::Reference(_) => true,
            Type::Tuple(tuple) => tuple.elems.is_empty(),
            _ => false,
        },
    }
}

fn shape(signature: &Signature, mistakes: &mut Mistakes) {
    if let Safety::Unsafe(token) = &signature.safety {
        mistakes.at(token, "a tool cannot be `unsafe`: whoever calls it has promised nothing", "write a safe function");
    }
    if !signature.generics.params.is_empty() {
        mistakes.at(
            &signature.generics,
            "a tool has no generic parameters: its schema is that of one type",
            "write the types out, or make the server generic: `impl<D: Db> Orders<D>`",
        );
    }
    match signature.receiver() {
        Some(Receiver { kind: ReceiverKind::Reference(_, _, None), .. }) => {}
        Some(receiver) => mistakes.at(
            receiver,
            "all calls share the server, so a tool borrows it",
            "write `&self`; what changes goes behind a `Mutex` or into a database",
        ),
        None => mistakes.at(
            &signature.ident,
            "a tool is a method of its server",
            format_args!("write `{}(&self, …)`", signature.ident),
        ),
    }
}

fn parameter(input: &PatType, self_ty: &TokenStream, mistakes: &mut Mistakes) -> Option<ParameterKind> {
    let special = match &*input.ty {
        Type::Reference(reference) => {
            let special = special(&reference.elem);
            if special.is_none() || reference.mutability.is_some() {
                borrowed(&input.ty, &reference.elem, mistakes);
                return None;
            }
            special
        }
        Type::ImplTrait(_) => {
            mistakes.at(
                &input.ty,
                "an argument has one type, which its schema describes",
                "write the type instead of `impl`",
            );
            return None;
        }
        owned => {
            if let Some((_, name)) = special(owned) {
                mistakes.at(
                    owned,
                    format_args!("the runtime lends `{name}` to the tool"),
                    format_args!("write `&{name}`"),
                );
                return None;
            }
            None
        }
    };
    if let Some((kind, name)) = special {
        if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("arg")) {
            mistakes.at(
                attribute,
                format_args!("`&{name}` comes from the runtime, not from the client"),
                "take `#[arg]` out",
            );
        }
        return Some(kind);
    }
    let ident = name(&input.pat, mistakes)?;
    let argument = argument::build(&input.attrs, ident, &input.ty, self_ty, mistakes);
    Some(ParameterKind::Argument(Box::new(argument)))
}

/// The argument's name, which stands in the pattern.
fn name<'a>(pattern: &'a Pat, mistakes: &mut Mistakes) -> Option<&'a Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => return Some(&name.ident),
        Pat::Wild(_) => mistakes.at(
            pattern,
            "an argument needs a name, which the client sends",
            "write a name; one that the tool does not use starts with `_`, and `#[arg(rename = \"…\")]` keeps that off the wire",
        ),
        _ => mistakes.at(
            pattern,
            "an argument needs a name, which the client sends",
            "write a name, and take the value apart in the body: `let (from, to) = period;`",
        ),
    }
    None
}

/// `Caller` and `CallContext`, which the runtime fills in.
fn special(ty: &Type) -> Option<(ParameterKind, &'static str)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.arguments.is_none())?;
    if last.ident == "Caller" {
        Some((ParameterKind::Caller, "Caller"))
    } else if last.ident == "CallContext" {
        Some((ParameterKind::Context, "CallContext"))
    } else {
        None
    }
}

fn borrowed(ty: &Type, inner: &Type, mistakes: &mut Mistakes) {
    let owned = match inner {
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", slice.elem.to_token_stream()),
        other => other.to_token_stream().to_string().replace(' ', ""),
    };
    mistakes.at(
        ty,
        "an argument is decoded for the call and cannot be borrowed; only `&Caller` and `&CallContext` are",
        format_args!("write `{owned}`"),
    );
}
