//! What holds of every input, however broken: no panic, and the item comes back.
//!
//! Bytes choose the tokens, so that a fuzzer and a property test feed the same check: `fuzz/` includes this file.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::value::{bounds, code, duration, hidden, name, privacy, rate, scope, size};

/// What token soups are made of: our words, those of the language, and values good and bad.
const WORDS: &[&str] = &[
    "scope",
    "any_caller",
    "rate",
    "cost",
    "guard",
    "errors",
    "timeout",
    "concurrency",
    "max_output",
    "read_only",
    "destructive",
    "name",
    "title",
    "description",
    "icons",
    "unlimited",
    "handler",
    "crate",
    "version",
    "agent",
    "total",
    "burst",
    "all",
    "any",
    "inherit",
    "range",
    "length",
    "items",
    "pattern",
    "format",
    "default",
    "rename",
    "header",
    "flatten",
    "strict",
    "pii",
    "secret",
    "plain",
    "tool",
    "arg",
    "server",
    "tool_error",
    "internal",
    "expose",
    "code",
    "retryable",
    "retry_after",
    "desc",
    "error",
    "from",
    "source",
    "transparent",
    "cfg",
    "cfg_attr",
    "doc",
    "instrument",
    "impl",
    "fn",
    "async",
    "pub",
    "const",
    "struct",
    "enum",
    "union",
    "trait",
    "for",
    "where",
    "dyn",
    "mut",
    "unsafe",
    "self",
    "Self",
    "_",
    "r#type",
    "Orders",
    "Caller",
    "CallContext",
    "String",
    "Option",
    "Vec",
    "Json",
    "Result",
    "u32",
    "f64",
    "bool",
    "email",
    "id",
    "limit",
    "T",
    "Timeout",
    "HTTPError",
    "_Error",
    "'a",
    "'_",
    "=",
    "=",
    "=",
    ",",
    ",",
    ",",
    ":",
    "::",
    "->",
    "=>",
    "#",
    "!",
    "&",
    "<",
    ">",
    "..",
    "..=",
    "-",
    "*",
    "/",
    "|",
    "?",
    ";",
    ".",
    "@",
    "$",
    "\"10/min\"",
    "\"5s\"",
    "\"1.5s\"",
    "\"64KiB\"",
    "\"orders.read\"",
    "\"orders.{id}\"",
    "\"{\"",
    "\"\"",
    "\" \"",
    "\"\\u{200b}\"",
    "\"(?=a)\"",
    "\"https://a\"",
    "b\"a\"",
    "'c'",
    "0",
    "1",
    "240",
    "-1",
    "1.5",
    "99999999999999999999999",
    "1e400",
    "true",
    "false",
];

/// Inputs that are right, to be broken.
const RIGHT: &[(&str, &str)] = &[
    (
        "name = \"revenue\", rate = \"300/min\"",
        "impl Revenue {
            /// Revenue of one country, month by month.
            #[tool(scope = \"revenue.read\", rate = \"10/min\", timeout = \"5s\", read_only)]
            async fn revenue(&self, caller: &Caller, #[arg(length(1..=40))] country: String) -> Result<Json<u32>, E> { todo!() }
        }",
    ),
    (
        "name = \"orders\", rate(agent = [\"10/s\", \"300/min\"], burst = 20), handler, crate = ::runtime",
        "impl<'d, D: Db> Orders<'d, D> where D::Key: Copy {
            const LIMIT: u32 = 50;
            #[tool(scope = any(\"orders:{region}:read\", \"orders.admin\"), rate(agent = \"10/min\", total = \"1000/day\"),
                cost = limit / 10, guard = Self::may, errors(NotFound { id: u32 } = \"no {id}\", #[tool_error(retryable)] Slow = \"\"),
                concurrency(agent = 2, total = 8), max_output = \"64KiB\", destructive = false, name = \"orders.search\",
                description = \"Search.\", icons = [\"https://a\"])]
            #[cfg(feature = \"search\")]
            fn search(&self, #[arg(header = \"Region\")] region: String, #[arg(range(1..), default = Self::LIMIT)] limit: u32,
                #[cfg(a)] #[arg(pii, format = \"email\")] email: Option<String>, #[arg(flatten)] page: Page) -> Json<Self::Row> {}
        }",
    ),
    (
        "retry_after = \"5s\"",
        "pub enum OrderError<T: Display> {
            #[error(\"no order\")] NotFound { id: u32, of: Cow<'a, str> },
            #[tool_error(retry_after = \"30s\")] Loading,
            #[error(transparent)] #[tool_error(internal)] Database(#[from] sqlx::Error),
            #[tool_error(code = \"MAIL_DOWN\", expose)] Mail(Option<Box<[State]>>, T),
        }",
    ),
];

/// A soup of words.
pub(crate) fn soup(bytes: &[u8]) -> TokenStream {
    brew(&mut bytes.iter().copied(), 0)
}

fn brew(bytes: &mut dyn Iterator<Item = u8>, depth: usize) -> TokenStream {
    let mut tokens = TokenStream::new();
    while let Some(byte) = bytes.next() {
        let delimiter = match byte {
            200..=204 => return tokens,
            205..=220 => Delimiter::Parenthesis,
            221..=232 => Delimiter::Bracket,
            233..=244 => Delimiter::Brace,
            245..=250 => Delimiter::None,
            _ => {
                tokens.extend(
                    WORDS.get(usize::from(byte) % WORDS.len()).and_then(|word| word.parse::<TokenStream>().ok()),
                );
                continue;
            }
        };
        if depth < 6 {
            tokens.extend([TokenTree::Group(Group::new(delimiter, brew(bytes, depth + 1)))]);
        }
    }
    tokens
}

/// An input that was right: options and item.
pub(crate) fn right(which: usize) -> (TokenStream, TokenStream) {
    let (options, item) = RIGHT[which % RIGHT.len()];
    let parse = |text: &str| text.parse().unwrap_or_default();
    (parse(options), parse(item))
}

/// Each three bytes take a token out, double it, replace it, or put one in front of it.
pub(crate) fn edited(tokens: TokenStream, bytes: &[u8]) -> TokenStream {
    bytes.chunks_exact(3).fold(tokens, |tokens, edit| {
        let mut left = usize::from(edit[0]) % count(&tokens).max(1);
        edit_at(tokens, &mut left, edit[1], &soup(&edit[2..]))
    })
}

fn count(tokens: &TokenStream) -> usize {
    let inner = |token: TokenTree| if let TokenTree::Group(group) = token { count(&group.stream()) } else { 0 };
    tokens.clone().into_iter().map(|token| 1 + inner(token)).sum()
}

fn edit_at(tokens: TokenStream, left: &mut usize, how: u8, other: &TokenStream) -> TokenStream {
    let mut edited = TokenStream::new();
    for token in tokens {
        let is_here = *left == 0;
        *left = left.wrapping_sub(1);
        let token = match token {
            TokenTree::Group(group) if !is_here => {
                TokenTree::Group(Group::new(group.delimiter(), edit_at(group.stream(), left, how, other)))
            }
            token => token,
        };
        match how % 4 {
            _ if !is_here => edited.extend([token]),
            0 => {}
            1 => edited.extend([token.clone(), token]),
            2 => edited.extend(other.clone()),
            _ => {
                edited.extend(other.clone());
                edited.extend([token]);
            }
        }
    }
    edited
}

/// `#[server]`, `#[tool]` and the derive take any tokens.
pub(crate) fn check_attributes(options: &TokenStream, item: &TokenStream) {
    let expected = words(item);
    for expanded in
        [crate::server::server(options.clone(), item.clone()), crate::server::lone_tool(options, item.clone())]
    {
        let found = words(&expanded);
        assert!(found.starts_with(&expected), "the item is lost\n{options}\n{item}\n{expanded}");
    }
    let _ = crate::error::derive(item.clone()).to_string();
}

/// All words in order, less attributes: `#[tool]` is read and `#[arg]` taken out.
fn words(tokens: &TokenStream) -> Vec<String> {
    let mut words = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {}
            TokenTree::Group(group) => {
                words.push(format!("{:?}", group.delimiter()));
                words.extend(self::words(&group.stream()));
            }
            TokenTree::Punct(punct) if punct.as_char() == '#' => {}
            token => words.push(token.to_string()),
        }
    }
    words
}

/// The small languages take any text, and what they accept is what they print.
pub(crate) fn check_values(text: &str) {
    if let Ok(rate) = rate::parse(text) {
        assert_eq!(rate::parse(&rate.to_string()), Ok(rate));
    }
    if let Ok(millis) = duration::parse(text) {
        assert_eq!(duration::parse(&duration::printed(millis)), Ok(millis));
    }
    if let Ok(bytes) = size::parse(text) {
        assert_eq!(size::parse(&format!("{bytes}B")), Ok(bytes));
    }
    if let Ok(placeholders) = scope::parse(text) {
        assert!(placeholders.iter().all(|name| text.contains(&format!("{{{name}}}"))), "{text}");
    }
    if code::check(text).is_err() {
        let _ = code::check(&code::of_variant(text));
    }
    if let Ok(tokens) = text.parse::<TokenStream>() {
        let _ = (bounds::range(tokens.clone()), bounds::size(tokens.clone(), "length"));
        check_attributes(&tokens, &tokens);
    }
    let _ = (name::tool(text), name::argument(text), name::server(text), name::header(text), name::icon(text));
    let _ = (hidden::line(text, "the text"), hidden::lines(text, "the text"), privacy::gives_away(text));
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn soups_are_survived(options: Vec<u8>, item: Vec<u8>) {
            check_attributes(&soup(&options), &soup(&item));
        }

        #[test]
        fn soups_in_a_block_are_survived(options in vec(any::<u8>(), 0..40), parameters in vec(any::<u8>(), 0..20)) {
            let (options, parameters) = (soup(&options), soup(&parameters));
            let item = quote::quote!(impl Orders { #[tool(#options)] async fn find(&self, #parameters) -> String {} });
            check_attributes(&options, &item);
        }

        #[test]
        fn edits_are_survived(which: usize, options in vec(any::<u8>(), 0..6), item in vec(any::<u8>(), 1..12)) {
            let (right_options, right_item) = right(which);
            check_attributes(&edited(right_options, &options), &edited(right_item, &item));
        }

        #[test]
        fn texts_are_survived(text in ".{0,40}") {
            check_values(&text);
        }

        #[test]
        fn values_that_are_nearly_right_are_survived(text in "[0-9]{0,12}[ ./:{}a-z-]{0,2}(s|ms|min|h|day|KiB|B|[a-z]{0,3})") {
            check_values(&text);
        }

        #[test]
        fn rates_are_printed_as_they_are_read(count in 1..=rate::MAX_COUNT, (unit, seconds) in proptest::sample::select(rate::UNITS)) {
            let rate = rate::parse(&format!("{count}/{unit}")).unwrap();
            prop_assert_eq!((rate.count, u64::from(rate.seconds)), (count, seconds));
            prop_assert_eq!(rate::parse(&rate.to_string()), Ok(rate));
        }

        #[test]
        fn durations_are_printed_as_they_are_read(millis in 1..=86_400_000_u64) {
            prop_assert_eq!(duration::parse(&duration::printed(millis)), Ok(millis));
        }

        #[test]
        fn fractions_of_a_duration_lead_to_one_that_is_read(millis in 1..=86_400_000_u64) {
            let fault = format!("{:?}", duration::parse(&format!("{}.{:03}s", millis / 1000, millis % 1000)).unwrap_err());
            prop_assert!(fault.contains(&format!("`{}`", duration::printed(millis))), "{}", fault);
        }

        #[test]
        fn sizes_are_their_count_and_unit(count in 1..=1024_u64, (unit, bytes) in proptest::sample::select(size::UNITS)) {
            let expected = (count * bytes <= 1 << 30).then_some(count * bytes);
            prop_assert_eq!(size::parse(&format!("{count}{unit}")).ok(), expected);
        }

        #[test]
        fn scopes_are_their_segments(segments in vec("[a-z0-9_-]{1,8}|\\{[a-z_][a-z0-9_]{0,8}\\}", 1..6), parts in vec("[.:]", 6)) {
            let mut text = String::new();
            for (segment, part) in segments.iter().zip(&parts) {
                text.push_str(if text.is_empty() { "" } else { part });
                text.push_str(segment);
            }
            let filled: Vec<_> = segments.iter().filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
            prop_assert_eq!(scope::parse(&text).unwrap(), filled);
        }
    }
}
