//! Rates, concurrency: how often and how many at a time.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Expr, Lit, LitStr};

use super::model::Concurrency;
use crate::keys;
use crate::mistakes::{Fault, Mistakes};
use crate::options::{Entry, Options, Value, literal, text};
use crate::value::rate::{self, MAX_COUNT, Rate};

/// A rate and how many calls it admits at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) rate: Rate,
    pub(crate) burst: u32,
}

/// The limits of a tool.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) agent: Vec<Window>,
    pub(crate) total: Vec<Window>,
}

/// `rate` of `#[server]`: of one agent over all tools.
pub(crate) fn of_server(options: &Options, place: &TokenStream, mistakes: &mut Mistakes) -> Vec<Window> {
    let unlimited = options.flag("unlimited", mistakes);
    let Some(entry) = options.get("rate") else {
        if !unlimited && options.lacks("rate") && options.lacks("unlimited") {
            mistakes.at(
                place,
                "the server has no rate: one agent could take all of it",
                "write `rate = \"300/min\"`, the calls of one agent over all tools, or `unlimited`",
            );
        }
        return Vec::new();
    };
    if unlimited {
        mistakes.at(&entry.key, "`rate` and `unlimited` contradict each other", "keep one of the two");
    }
    let limits = limits(entry, "write `rate = \"300/min\"`, or `unlimited` instead", mistakes);
    if !limits.total.is_empty() {
        mistakes.at(
            &entry.key,
            "the rate of a server is that of one agent over all tools",
            "write `rate = \"300/min\"`; `total` is an option of each tool's `rate(…)`",
        );
    }
    limits.agent
}

/// `rate` of `#[tool]`. `None` if there is none.
pub(crate) fn of_tool(options: &Options, mistakes: &mut Mistakes) -> Option<Limits> {
    let entry = options.get("rate")?;
    if let Value::Is(Expr::Path(path)) = &entry.value
        && path.path.is_ident("inherit")
    {
        return Some(Limits::default());
    }
    let help = "write `rate = \"10/min\"`, or `rate = inherit` if the server's limit is enough";
    Some(limits(entry, help, mistakes))
}

fn limits(entry: &Entry, help: &str, mistakes: &mut Mistakes) -> Limits {
    match &entry.value {
        Value::Is(value) => Limits { agent: windows(value, None, help, mistakes), total: Vec::new() },
        Value::Flag => {
            mistakes.at(&entry.key, "`rate` needs a value", help);
            Limits::default()
        }
        Value::List(list) => {
            let options = Options::parse(list.stream(), &keys::RATE, mistakes);
            let burst = burst(&options, mistakes);
            let mut of = |key: &str| match options.get(key) {
                Some(Entry { value: Value::Is(value), .. }) => windows(value, burst, &keys::RATE.form(key), mistakes),
                Some(entry) => {
                    entry.form(&keys::RATE, mistakes);
                    Vec::new()
                }
                None => Vec::new(),
            };
            let limits = Limits { agent: of("agent"), total: of("total") };
            if options.lacks("agent") && options.lacks("total") {
                mistakes.at(list, "this rate limits nothing", "write `rate(agent = \"10/min\", total = \"100/min\")`");
            }
            limits
        }
    }
}

/// `"10/min"` or `["10/s", "1000/day"]`
fn windows(value: &Expr, burst: Option<u32>, help: &str, mistakes: &mut Mistakes) -> Vec<Window> {
    let texts: Vec<&Expr> = match value {
        Expr::Array(array) if array.elems.is_empty() => {
            mistakes.at(array, "this list of rates is empty", help);
            return Vec::new();
        }
        Expr::Array(array) => array.elems.iter().collect(),
        value => vec![value],
    };
    let mut windows: Vec<Window> = Vec::new();
    for value in texts {
        let Some(text) = text(value) else {
            not_a_rate(value, help, mistakes);
            continue;
        };
        let Some(rate) = mistakes.check(text, rate::parse(&text.value())) else { continue };
        if let Some(other) = windows.iter().find(|other| other.rate.seconds == rate.seconds) {
            mistakes.at(
                text,
                format_args!("`{}` is another rate of the same period", other.rate),
                "keep the smaller one",
            );
            continue;
        }
        windows.push(Window { rate, burst: burst.unwrap_or(rate.count) });
    }
    windows
}

fn not_a_rate(value: &Expr, help: &str, mistakes: &mut Mistakes) {
    match value {
        Expr::Path(path) if path.path.is_ident("unlimited") => {
            mistakes.at(value, "a tool is never unlimited by itself", help);
        }
        Expr::Binary(_) => {
            let written = value.to_token_stream().to_string().replace(' ', "");
            mistakes.at(value, "a rate is a text", format_args!("write `\"{written}\"`, in quotes"));
        }
        _ => mistakes.at(value, "a rate is a text that is written out here, since it is checked at compile time", help),
    }
}

fn burst(options: &Options, mistakes: &mut Mistakes) -> Option<u32> {
    let entry = options.get("burst")?;
    count(entry, mistakes, "`burst` is a whole number of at least 1: the calls that are admitted at once")
}

/// A whole number of at least 1.
fn count(entry: &Entry, mistakes: &mut Mistakes, what: &str) -> Option<u32> {
    if let Value::Is(value) = &entry.value
        && let Some(Lit::Int(number)) = literal(value)
        && let Ok(count @ 1..=MAX_COUNT) = number.base10_parse()
    {
        return Some(count);
    }
    let key = entry.key.to_string();
    entry.wrong(what, format_args!("write a number such as `{key} = 8`, {MAX_COUNT} at the most"), mistakes);
    None
}

/// `concurrency = 8` or `concurrency(agent = 2, total = 8)`
pub(crate) fn concurrency(options: &Options, mistakes: &mut Mistakes) -> Concurrency {
    let Some(entry) = options.get("concurrency") else { return Concurrency::default() };
    let what = "concurrency is a whole number of at least 1: the calls that run at a time";
    match &entry.value {
        Value::List(list) => {
            let both = Options::parse(list.stream(), &keys::CONCURRENCY, mistakes);
            let mut of = |key: &str| both.get(key).and_then(|entry| count(entry, mistakes, what));
            let concurrency = Concurrency { agent: of("agent"), total: of("total") };
            if both.is_empty() {
                mistakes.at(
                    list,
                    "this bounds nothing",
                    "write `concurrency = 8` or `concurrency(agent = 2, total = 8)`",
                );
            }
            if let (Some(agent), Some(total)) = (concurrency.agent, concurrency.total)
                && agent > total
            {
                let what =
                    format_args!("one agent can never run {agent} calls at a time where all of them run {total}");
                mistakes.at(list, what, "write an `agent` that is smaller than `total`");
            }
            concurrency
        }
        Value::Flag | Value::Is(_) => Concurrency { agent: None, total: count(entry, mistakes, what) },
    }
}

/// The texts of `key = "a"` or `key = ["a", "b"]`, each checked.
pub(crate) fn texts(
    options: &Options,
    key: &str,
    check: fn(&str) -> Result<(), Fault>,
    mistakes: &mut Mistakes,
) -> Vec<String> {
    let Some(entry) = options.get(key) else { return Vec::new() };
    let values: Vec<Option<&LitStr>> = match &entry.value {
        Value::Is(Expr::Array(array)) => array.elems.iter().map(text).collect(),
        Value::Is(value) => vec![text(value)],
        Value::Flag | Value::List(_) => Vec::new(),
    };
    if values.is_empty() || values.iter().any(Option::is_none) {
        entry.form(&keys::TOOL, mistakes);
    }
    let texts = values.into_iter().flatten();
    texts.filter_map(|text| mistakes.check(text, check(&text.value())).map(|()| text.value())).collect()
}
