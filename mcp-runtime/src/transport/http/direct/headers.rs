//! The headers of a request of revision 2026-07-28, which say once more what the body says (SEP-2243): intermediaries
//! route by them, so a request whose headers say something else is refused.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Number, Value};

use super::message::{Message, Method, REVISION};
use crate::json::{Document, Kind, read};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Whether the client takes what is answered, and the headers that every message has say what it says. What they get
/// wrong is for the other way to tell.
pub(super) fn describe(headers: &HeaderMap, message: &Message<'_>) -> bool {
    let (mut version, mut method, mut name) = (0, 0, 0);
    // One walk over a dozen of them is cheaper than three searches. What stands twice is nothing to rely on.
    for (header, value) in headers {
        let text = || value.to_str().ok();
        let (times, says) = if header == VERSION {
            (&mut version, text() == Some(REVISION))
        } else if header == METHOD {
            (&mut method, text() == Some(message.method.as_str()))
        } else if header == NAME && message.method == Method::Call {
            (&mut name, text().and_then(decoded).is_some_and(|name| name == message.name))
        } else {
            continue;
        };
        *times += 1;
        if !says {
            return false;
        }
    }
    let names = usize::from(message.method == Method::Call);
    (version, method, name) == (1, 1, names) && accepts(headers)
}

/// An argument that a header mirrors.
#[derive(Debug)]
pub(super) struct Mirror {
    /// As it is told to clients.
    shown: String,
    header: HeaderName,
    /// From the arguments down to the value.
    path: Vec<String>,
}

impl Mirror {
    /// The mirrored arguments of a schema: `x-mcp-header`, reached by `properties` alone.
    pub(super) fn all(schema: &Map<String, Value>) -> Vec<Self> {
        let mut all = Vec::new();
        Self::below(schema, &mut Vec::new(), &mut all);
        all
    }

    fn below(schema: &Map<String, Value>, path: &mut Vec<String>, all: &mut Vec<Self>) {
        let Some(Value::Object(properties)) = schema.get("properties") else { return };
        for (name, property) in properties {
            let Value::Object(property) = property else { continue };
            path.push(name.clone());
            if let Some(Value::String(header)) = property.get("x-mcp-header") {
                let shown = format!("Mcp-Param-{header}");
                if let Ok(header) = HeaderName::try_from(&shown) {
                    all.push(Self { shown, header, path: path.clone() });
                }
            }
            Self::below(property, path, all);
            path.pop();
        }
    }

    /// Whether the header says what the argument says.
    ///
    /// # Errors
    /// What is wrong with the header, without its value.
    pub(super) fn check(&self, headers: &HeaderMap, arguments: Option<&Document<'_>>) -> Result<(), String> {
        let problem = |problem: &str| format!("the header {} {problem}", self.shown);
        let header = single(headers, &self.header).map_err(|Unreadable| problem("cannot be read"))?;
        match (header, self.value(arguments)) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(problem("is missing: it mirrors an argument")),
            (Some(_), None) => Err(problem("mirrors an argument that is not there")),
            (Some(header), Some(value)) => match decoded(header) {
                Some(header) if says(&header, &value) => Ok(()),
                Some(_) => Err(problem("says something else than the argument that it mirrors")),
                None => Err(problem("is not valid base64")),
            },
        }
    }

    /// The argument, if it is one that a header can say.
    fn value<'d>(&self, arguments: Option<&'d Document<'_>>) -> Option<Kind<'d>> {
        let value = self.path.iter().try_fold(arguments?.root(), |value, name| value.get(name))?.kind();
        matches!(value, Kind::Text(_) | Kind::Bool(_) | Kind::Number(_)).then_some(value)
    }
}

/// Whether a header says a value: strings by their characters, numbers by what they are worth.
fn says(header: &str, value: &Kind<'_>) -> bool {
    match value {
        Kind::Text(text) => header == *text,
        Kind::Bool(value) => header == if *value { "true" } else { "false" },
        Kind::Number(number) => matches!(read::value(header), Ok(Value::Number(said)) if same(&said, number)),
        _ => false,
    }
}

/// Whether two numbers are one: both were read exactly, so that `7` and `7.0` are, and neighbours are not.
fn same(one: &Number, other: &Number) -> bool {
    let is_zero = |number: &Number| number.as_f64() == Some(0.0);
    one == other || (is_zero(one) && is_zero(other))
}

/// The value of a header that stands once. What cannot be read, or stands twice, is nothing to rely on.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unreadable> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Unreadable);
    }
    value.to_str().map(Some).map_err(|_| Unreadable)
}

struct Unreadable;

/// A value, out of `=?base64?…?=` if it comes in that.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|inner| inner.strip_suffix("?=")) {
        None => Some(Cow::Borrowed(value)),
        Some(inner) => String::from_utf8(BASE64_STANDARD.decode(inner).ok()?).ok().map(Cow::Owned),
    }
}

/// Whether the client takes JSON and event streams both, named as such and not weighed with zero.
fn accepts(headers: &HeaderMap) -> bool {
    // As clients write it.
    let mut values = headers.get_all(ACCEPT).iter();
    if values.next().is_some_and(|value| value == "application/json, text/event-stream") {
        return true;
    }
    let (mut json, mut events) = (false, false);
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for entry in unquoted(value, ',') {
            let mut parts = unquoted(entry, ';');
            let essence = parts.next().unwrap_or_default().trim();
            if parts.any(is_refusal) {
                continue;
            }
            json |= essence.eq_ignore_ascii_case("application/json");
            events |= essence.eq_ignore_ascii_case("text/event-stream");
        }
    }
    json && events
}

/// `q=0` (RFC 9110, section 12.4.2). A weight that is none excludes nothing.
fn is_refusal(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    name.trim().eq_ignore_ascii_case("q") && whole == "0" && fraction.len() <= 3 && fraction.bytes().all(|b| b == b'0')
}

/// Splits outside of quoted strings.
fn unquoted(value: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return !quoted && c == delimiter,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn both_media_types_are_named() {
        for (values, expected) in [
            (&["application/json, text/event-stream"][..], true),
            (&["text/event-stream", "Application/JSON"], true),
            (&["application/json;q=0.5;x=\"a,b;q=0\" , text/event-stream;q=abc"], true),
            (&["application/json;q=0, text/event-stream"], false),
            (&["application/json;Q=0.000, text/event-stream"], false),
            (&["application/json"], false),
            (&["*/*"], false),
            (&["\"application/json, text/event-stream\""], false),
            (&[], false),
        ] {
            assert_eq!(accepts(&headers("accept", values)), expected, "{values:?}");
        }
    }

    #[test]
    fn a_mirror_shows_what_is_there() {
        let schema = json!({"properties": {"region": {"x-mcp-header": "Region"},
            "deep": {"properties": {"n": {"x-mcp-header": "N"}}}, "other": {}}});
        let mirrors = Mirror::all(schema.as_object().unwrap());
        assert_eq!(
            mirrors.iter().map(|mirror| mirror.shown.as_str()).collect::<Vec<_>>(),
            ["Mcp-Param-Region", "Mcp-Param-N"]
        );
        let [region, number] = &mirrors[..] else { panic!("two") };
        let check = |mirror: &Mirror, name, values: &[&str], arguments: Value| {
            let arguments = arguments.is_object().then(|| Document::of(&arguments));
            mirror.check(&headers(name, values), arguments.as_ref()).is_ok()
        };
        let is_region =
            |values: &[&str], value: Value| check(region, "mcp-param-region", values, json!({"region": value}));
        assert!(is_region(&["eu"], json!("eu")) && !is_region(&["EU"], json!("eu")) && !is_region(&[], json!("eu")));
        assert!(is_region(&[], json!(null)) && is_region(&[], json!([1])) && !is_region(&["eu"], json!(null)));
        assert!(!is_region(&["eu", "eu"], json!("eu")), "twice");
        assert!(is_region(&["=?base64?w6k=?="], json!("é")) && !is_region(&["=?base64?w6k?="], json!("é")));
        assert!(is_region(&["=?BASE64?w6k=?="], json!("=?BASE64?w6k=?=")), "the markers have one spelling");
        assert!(is_region(&["true"], json!(true)) && !is_region(&["True"], json!(true)));
        assert!(check(region, "mcp-param-region", &[], Value::Null), "no arguments at all");

        let is_number = |value: &str, number_value: Value| {
            check(number, "mcp-param-n", &[value], json!({"deep": {"n": number_value}}))
        };
        assert!(is_number("-0", json!(0)));
        assert!(is_number("7", json!(7)) && is_number("7.0", json!(7)) && is_number("70e-1", json!(7)));
        assert!(is_number("9007199254740993", json!(9_007_199_254_740_993_i64)));
        assert!(!is_number("9007199254740992", json!(9_007_199_254_740_993_i64)));
        assert!(!is_number("18446744073709551615", json!(-1)) && !is_number("x", json!(7)) && !is_number("", json!(7)));
        assert!(!is_number("\"7\"", json!(7)) && !is_number("8", json!(7)));
    }
}
