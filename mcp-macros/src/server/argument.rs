//! `#[arg(…)]` and the parameter it stands on.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Attribute, GenericArgument, Lit, Meta, PathArguments, Type};

use crate::docs;
use crate::hygiene::{mentions, mixed, without_self};
use crate::keys;
use crate::mistakes::{Fault, Mistakes, did_you_mean, one_of};
use crate::options::{Entry, Options, Value, literal};
use crate::value::bounds::{self, Bounds, Size};
use crate::value::{hidden, name, privacy};

/// An argument of a tool.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    /// On the wire.
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) ty: TokenStream,
    pub(crate) rules: Vec<Rule>,
    /// The path of a function.
    pub(crate) check: Option<TokenStream>,
    /// `pii` or `secret`, where it was written.
    pub(crate) private: Option<Ident>,
    /// It fills a segment of the tool's scope.
    pub(crate) fills_scope: bool,
    /// The tool's cost reads it.
    pub(crate) in_cost: bool,
}

/// One option, validated.
pub(crate) enum Rule {
    Range(Bounds),
    Length(Size),
    Items(Size),
    Pattern(String),
    Format(String),
    Default(TokenStream),
    Pii,
    Plain,
    Secret,
    Header(String),
    Flatten,
    Strict,
}

/// The formats that are checked.
const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "json-pointer",
    "regex",
    "time",
    "uri",
    "uri-reference",
    "uuid",
];

/// How `check` is written.
const CHECK: &str = "write `check = path::to::function`, a `fn(&T) -> Result<(), String>` over the argument's type";

/// What the spelling of a type says about its values. `Unknown` is most types: the compiler knows them, we do not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Float,
    Bool,
    Text,
    List,
    Unknown,
}

impl Kind {
    fn of(ty: &Type) -> Self {
        let Type::Path(path) = ty else {
            return if matches!(ty, Type::Array(_)) { Self::List } else { Self::Unknown };
        };
        let Some(last) = path.path.segments.last() else { return Self::Unknown };
        match last.ident.to_string().as_str() {
            "Option" => match &last.arguments {
                PathArguments::AngleBracketed(inner) => match inner.args.first() {
                    Some(GenericArgument::Type(inner)) => Self::of(inner),
                    _ => Self::Unknown,
                },
                _ => Self::Unknown,
            },
            "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => {
                Self::Integer
            }
            "f32" | "f64" => Self::Float,
            "bool" => Self::Bool,
            "String" => Self::Text,
            "Vec" | "VecDeque" | "HashSet" | "BTreeSet" => Self::List,
            _ => Self::Unknown,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Float => "a number",
            Self::Bool => "a boolean",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Unknown => "this type",
        }
    }
}

/// Validates a parameter that is an argument.
pub(crate) fn build(
    attributes: &[Attribute],
    ident: &Ident,
    ty: &Type,
    self_ty: &TokenStream,
    mistakes: &mut Mistakes,
) -> Argument {
    let options = options(attributes, mistakes);
    let kind = Kind::of(ty);
    let own_name = ident.unraw().to_string();
    let name = match options.parsed("rename", |text| name::argument(text).map(|()| text.to_owned()), mistakes) {
        Some(name) => name,
        None => own_name.clone(),
    };
    let description = docs::read(attributes);
    if let Some(docs) = &description
        && let Err(fault) = hidden::lines(&docs.text, "the description")
    {
        mistakes.fault_at(docs.span, &fault);
    }
    let mut argument = Argument {
        ident: ident.clone(),
        description: description.map(|docs| docs.text).unwrap_or_default(),
        ty: without_self(ty, self_ty),
        rules: Vec::new(),
        check: options.path("check", "a check is the path of a function", CHECK, self_ty, mistakes),
        private: None,
        fills_scope: false,
        in_cost: false,
        name,
    };
    bounds_of(&options, kind, &mut argument.rules, mistakes);
    argument.rules.extend(default(&options, &argument.rules, self_ty, kind, mistakes));
    argument.private = privacy(&options, &mut argument.rules, mistakes);
    exposure(&options, kind, &mut argument, mistakes);
    let gives_away = privacy::gives_away(&own_name).or_else(|| privacy::gives_away(&argument.name));
    if let Some(word) = gives_away
        && argument.private.is_none()
        && options.get("plain").is_none()
    {
        mistakes.at(
            ident,
            format_args!("`{own_name}` sounds personal or secret (`{word}`), so records have to know how to treat it"),
            "write `#[arg(pii)]` (records hold a keyed digest), `#[arg(secret)]` (records hold nothing) \
             or `#[arg(plain)]` (records hold the value)",
        );
    }
    argument
}

/// The options of the one `#[arg]`.
fn options(attributes: &[Attribute], mistakes: &mut Mistakes) -> Options {
    let mut tokens = None;
    for attribute in attributes {
        if attribute.path().is_ident("cfg_attr") && mentions(&attribute.to_token_stream(), "arg") {
            mistakes.at(
                attribute,
                "`#[arg]` cannot stand in `cfg_attr`, which is decided after the tool is built",
                "write `#[arg(…)]` itself; `#[cfg(…)]` beside it takes the argument away",
            );
        }
        if !attribute.path().is_ident("arg") {
            continue;
        }
        if tokens.is_some() {
            mistakes.at(
                attribute,
                "this argument has two `#[arg]`",
                "write all options into one: `#[arg(range(1..=240), default = 12)]`",
            );
            continue;
        }
        tokens = Some(match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) => TokenStream::new(),
            Meta::NameValue(_) => {
                mistakes.at(attribute, "`#[arg]` takes a list", "write `#[arg(range(1..=240), default = 12)]`");
                TokenStream::new()
            }
        });
    }
    Options::parse(tokens.unwrap_or_default(), &keys::ARG, mistakes)
}

fn bounds_of(options: &Options, kind: Kind, rules: &mut Vec<Rule>, mistakes: &mut Mistakes) {
    let fits = |key: &str, kinds: &[Kind], of: &str, mistakes: &mut Mistakes| {
        let entry = options.get(key)?;
        if kind == Kind::Unknown || kinds.contains(&kind) {
            return Some(entry);
        }
        let fitting = match kind {
            Kind::Integer | Kind::Float => "a number is bounded by `range(1..=240)`",
            Kind::Text => "a text is bounded by `length(1..=40)`",
            Kind::List => "a list is bounded by `items(1..=50)`",
            Kind::Bool | Kind::Unknown => "leave it out",
        };
        mistakes.at(&entry.key, format_args!("`{key}` is for {of}, and this is {}", kind.noun()), fitting);
        None
    };
    if let Some(entry) = fits("range", &[Kind::Integer, Kind::Float], "numbers", mistakes)
        && let Some(list) = list(entry, mistakes)
        && let Some(range) = mistakes.check(list, bounds::range(list.stream()))
    {
        let is_float = |bound: Option<bounds::Number>| matches!(bound, Some(bounds::Number::Float(_)));
        if kind == Kind::Integer && (is_float(range.minimum) || is_float(range.maximum)) {
            mistakes.at(list, "the bounds of an integer are integers", "write `range(1..=240)`");
        }
        rules.push(Rule::Range(range));
    }
    if let Some(entry) = fits("length", &[Kind::Text], "texts", mistakes)
        && let Some(list) = list(entry, mistakes)
    {
        rules.extend(mistakes.check(list, bounds::size(list.stream(), "length")).map(Rule::Length));
    }
    if let Some(entry) = fits("items", &[Kind::List], "lists", mistakes)
        && let Some(list) = list(entry, mistakes)
    {
        rules.extend(mistakes.check(list, bounds::size(list.stream(), "items")).map(Rule::Items));
    }
    if fits("pattern", &[Kind::Text], "texts", mistakes).is_some() {
        rules.extend(options.parsed("pattern", pattern, mistakes).map(Rule::Pattern));
    }
    if fits("format", &[Kind::Text], "texts", mistakes).is_some() {
        rules.extend(options.parsed("format", format, mistakes).map(Rule::Format));
    }
    if options.flag("strict", mistakes) {
        rules.push(Rule::Strict);
    }
}

fn list<'a>(entry: &'a Entry, mistakes: &mut Mistakes) -> Option<&'a Group> {
    if let Value::List(list) = &entry.value {
        return Some(list);
    }
    entry.form(&keys::ARG, mistakes);
    None
}

fn pattern(text: &str) -> Result<String, Fault> {
    let around = ["(?=", "(?!", "(?<=", "(?<!"].into_iter().find(|around| text.contains(around));
    match around {
        Some(around) => Err(Fault::new(
            format_args!("`{around}…)` looks around, which the engine cannot do in linear time"),
            "write the pattern without it, or check the rest in the tool",
        )),
        None if text.is_empty() => Err(Fault::new("this pattern takes every text", "write one such as `^[A-Z]{2}$`")),
        None => Ok(text.to_owned()),
    }
}

fn format(text: &str) -> Result<String, Fault> {
    if FORMATS.contains(&text) {
        return Ok(text.to_owned());
    }
    let what = format!("`{}` is no format that is checked", text.escape_debug());
    Err(match did_you_mean(text, FORMATS.iter().copied()) {
        Some(meant) => Fault::new(what, format_args!("did you mean `{meant}`?")),
        None => Fault::new(
            what,
            format_args!("the formats are {}; `pattern` checks any other", one_of(FORMATS.iter().copied())),
        ),
    })
}

/// `default = …`, inside of the bounds as far as both are written out.
fn default(
    options: &Options,
    rules: &[Rule],
    self_ty: &TokenStream,
    kind: Kind,
    mistakes: &mut Mistakes,
) -> Option<Rule> {
    let entry = options.get("default")?;
    let Value::Is(value) = &entry.value else {
        entry.form(&keys::ARG, mistakes);
        return None;
    };
    let number = bounds::number(value);
    let text = crate::options::text(value).map(|text| text.value().chars().count() as u64);
    for rule in rules {
        let holds = match rule {
            Rule::Range(range) => number.is_none_or(|number| range.hold(number)),
            Rule::Length(size) => text.is_none_or(|length| {
                size.min.is_none_or(|min| min <= length) && size.max.is_none_or(|max| length <= max)
            }),
            _ => true,
        };
        if !holds {
            mistakes.at(
                value,
                "the default is outside of the argument's own bounds",
                "widen the bounds, or write a default inside of them",
            );
        }
    }
    // `default = "Germany"` is what anybody writes for a `String`; for other types the compiler says what it expects.
    let is_text = matches!(literal(value), Some(Lit::Str(_))) && kind == Kind::Text;
    let value: TokenStream = without_self(value, self_ty);
    Some(Rule::Default(if is_text { text_default(&value, entry.key.span()) } else { value }))
}

fn text_default(value: &TokenStream, place: Span) -> TokenStream {
    let span = mixed(place);
    quote_spanned!(span=> __m::From::from(#value))
}

/// `pii`, `secret` and `plain`: one at the most.
fn privacy(options: &Options, rules: &mut Vec<Rule>, mistakes: &mut Mistakes) -> Option<Ident> {
    let said: Vec<&Entry> = ["pii", "secret", "plain"].into_iter().filter_map(|key| options.get(key)).collect();
    if let [first, second, ..] = said.as_slice() {
        mistakes.at(
            &second.key,
            format_args!("`{}` and `{}` contradict each other", first.key, second.key),
            "keep one: `pii` (records hold a keyed digest), `secret` (records hold nothing) or `plain` (records hold the value)",
        );
    }
    let [pii, secret, plain] = ["pii", "secret", "plain"].map(|key| options.flag(key, mistakes));
    if plain && !pii && !secret {
        rules.push(Rule::Plain);
    }
    if pii || secret {
        rules.push(if secret { Rule::Secret } else { Rule::Pii });
        return options.get(if secret { "secret" } else { "pii" }).map(|entry| entry.key.clone());
    }
    None
}

/// `header` and `flatten`: where the argument stands on the wire.
fn exposure(options: &Options, kind: Kind, argument: &mut Argument, mistakes: &mut Mistakes) {
    let header = options.parsed("header", |text| name::header(text).map(|()| text.to_owned()), mistakes);
    if let (Some(header), Some(entry)) = (header, options.get("header")) {
        if matches!(kind, Kind::Float | Kind::List) {
            let what = format_args!("{} cannot be mirrored in a header", kind.noun());
            mistakes.at(&entry.key, what, "`header` is for integers, texts and booleans");
        }
        if let Some(private) = &argument.private {
            mistakes.at(
                private,
                format_args!("this argument is `{private}`, and `header` shows it to every proxy on the way"),
                "leave `header` out",
            );
        }
        argument.rules.push(Rule::Header(header));
    }
    if options.flag("flatten", mistakes) {
        argument.rules.push(Rule::Flatten);
        if let Some(entry) = options.get("flatten")
            && kind != Kind::Unknown
        {
            let what = format_args!("`flatten` is for structs, and this is {}", kind.noun());
            mistakes.at(&entry.key, what, "leave it out");
        }
        for key in ["range", "length", "items", "pattern", "format", "default", "rename", "header"] {
            if let Some(entry) = options.get(key) {
                mistakes.at(
                    &entry.key,
                    format_args!("`{key}` has no meaning beside `flatten`, which puts the struct's fields in place of the argument"),
                    "write it on the field, in the words of serde and schemars",
                );
            }
        }
    }
}
