//! A request of revision 2026-07-28, read in one go and borrowed from its body.
//!
//! What comes out of here is a good message, checked as strictly as [`envelope::read`](crate::transport::envelope::read)
//! checks. What does not come out of here is no error: it is a message for the other way, which knows every revision and
//! has an answer to everything.

mod skip;

use std::borrow::Cow;
use std::fmt;

use rmcp::model::ClientCapabilities;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use self::skip::Skipped;
use crate::gate::SMALL;
use crate::json::read::{self as strict, Reading};
use crate::json::{Document, Kind};

/// The revision that is served here.
pub(super) const REVISION: &str = "2026-07-28";

/// The longest id, in bytes, as everywhere.
const MAX_ID_BYTES: usize = 256;

/// The methods that are served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Call,
    List,
    Discover,
}

impl Method {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "tools/call",
            Self::List => "tools/list",
            Self::Discover => "server/discover",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Call, Self::List, Self::Discover].into_iter().find(|method| method.as_str() == name)
    }
}

/// A message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The id as it stands in the body: a JSON string or an integer.
    pub(super) id: &'a str,
    pub(super) method: Method,
    /// The tool of a call; empty otherwise.
    pub(super) name: Cow<'a, str>,
    /// The arguments of a call.
    pub(super) arguments: Option<Document<'a>>,
    /// Where the request stands in a trace, in its own words.
    pub(super) traceparent: Option<Cow<'a, str>>,
    pub(super) tracestate: Option<Cow<'a, str>>,
    /// Nothing stands in it that asks for more than an answer: a progress token, a log level, an input response, a
    /// cursor, or something that is not known here.
    pub(super) plain: bool,
}

impl Message<'_> {
    /// The id as text, for records.
    pub(super) fn id_text(&self) -> Cow<'_, str> {
        match self.id.strip_prefix('"').and_then(|id| id.strip_suffix('"')) {
            None => Cow::Borrowed(self.id),
            Some(id) if !id.contains('\\') => Cow::Borrowed(id),
            Some(_) => Cow::Owned(serde_json::from_str(self.id).unwrap_or_default()),
        }
    }

    /// The id as a value.
    pub(super) fn id_value(&self) -> Option<Value> {
        serde_json::from_str(self.id).ok()
    }
}

/// Reads a message; `None` if it is for the other way, be it good or bad.
pub(super) fn read(body: &[u8]) -> Option<Message<'_>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let top = deserializer.deserialize_map(Top { text, skipped: &Skipped::default() }).ok()?;
    deserializer.end().ok()?;
    let Params { name, arguments, meta, mut plain } = top.params?;
    let Meta { version, has_capabilities, traceparent, tracestate, .. } = meta;
    if version.as_deref() != Some(REVISION) || !has_capabilities {
        return None;
    }
    let is_call = top.method == Method::Call;
    if is_call != name.is_some() {
        // A call needs a name; elsewhere a name means nothing that is known here.
        if is_call {
            return None;
        }
        plain = false;
    }
    let arguments = match arguments {
        // Their text may have to say what a number is.
        Some(read) => Some(read.exact().or_else(|| strict::document(arguments_text(text)?).ok())?),
        None => None,
    };
    let arguments = match arguments.as_ref().map(|arguments| arguments.root().kind()) {
        Some(Kind::Object(_)) if is_call => arguments,
        Some(Kind::Null) | None => None,
        Some(_) => return None,
    };
    plain &= top.plain;
    let name = name.unwrap_or_default();
    Some(Message { id: top.id, method: top.method, name, arguments, traceparent, tracestate, plain })
}

/// Whether the text of a good message's arguments is small; of no arguments it is.
pub(super) fn has_small_arguments(body: &[u8]) -> bool {
    let is_small = |text: &str| arguments_text(text).is_none_or(|arguments| arguments.len() <= SMALL);
    body.len() <= SMALL || std::str::from_utf8(body).is_ok_and(is_small)
}

/// The text of a good message's arguments.
fn arguments_text(text: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        params: Params<'a>,
    }
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        arguments: &'a RawValue,
    }
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    Some(message.params.arguments.get())
}

/// A key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Not for here. Why is for the other way to find out.
fn elsewhere<T, E: de::Error>() -> Result<T, E> {
    Err(E::custom("elsewhere"))
}

/// Puts a member in its place, which was empty.
fn once<T, E: de::Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    if place.replace(value).is_some() { elsewhere() } else { Ok(()) }
}

/// The members of a message, which is this text.
struct Top<'a, 's> {
    text: &'a str,
    skipped: &'s Skipped,
}

struct TopMembers<'a> {
    id: &'a str,
    method: Method,
    params: Option<Params<'a>>,
    plain: bool,
}

impl<'de> Visitor<'de> for Top<'de, '_> {
    type Value = TopMembers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TopMembers<'de>, A::Error> {
        let (mut jsonrpc, mut id, mut method, mut params) = (None, None, None, None);
        let mut others = skip::Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "jsonrpc" => once(&mut jsonrpc, map.next_value::<&RawValue>()?.get())?,
                "id" => once(&mut id, map.next_value::<&RawValue>()?.get())?,
                "method" => {
                    let name = map.next_value_seed(Key)?;
                    // Before the parameters are looked at, which may be large.
                    let Some(known) = Method::of(&name) else { return elsewhere() };
                    once(&mut method, known)?;
                }
                "params" => {
                    once(&mut params, map.next_value_seed(ParamsSeed { text: self.text, skipped: self.skipped })?)?;
                }
                _ => {
                    others.add_to_few(key)?;
                    map.next_value_seed(self.skipped.value())?;
                }
            }
        }
        let (Some(r#""2.0""#), Some(id), Some(method)) = (jsonrpc, id, method) else { return elsewhere() };
        if !is_id(id) {
            return elsewhere();
        }
        Ok(TopMembers { id, method, params, plain: others.is_empty() })
    }
}

/// A string or an integer that can be echoed as it came.
fn is_id(text: &str) -> bool {
    if text.starts_with('"') {
        if !text.contains('\\') {
            return text.len() <= MAX_ID_BYTES + 2;
        }
        return strict::value(text).is_ok_and(|id| id.as_str().is_some_and(|id| id.len() <= MAX_ID_BYTES));
    }
    // `-0` is a float to JSON's readers.
    text.parse::<i64>().is_ok() && text != "-0"
}

/// The parameters.
struct ParamsSeed<'a, 's> {
    text: &'a str,
    skipped: &'s Skipped,
}

struct Params<'a> {
    name: Option<Cow<'a, str>>,
    arguments: Option<Reading<'a>>,
    meta: Meta<'a>,
    plain: bool,
}

impl<'de> DeserializeSeed<'de> for ParamsSeed<'de, '_> {
    type Value = Params<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Params<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ParamsSeed<'de, '_> {
    type Value = Params<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params<'de>, A::Error> {
        let (mut name, mut arguments, mut meta) = (None, None, None);
        let mut others = skip::Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "name" => once(&mut name, map.next_value_seed(Key)?)?,
                "arguments" => {
                    let mut read = Reading::of(self.text);
                    map.next_value_seed(read.value())?;
                    once(&mut arguments, read)?;
                }
                "_meta" => once(&mut meta, map.next_value_seed(MetaSeed { skipped: self.skipped })?)?,
                _ => {
                    others.add_to_few(key)?;
                    map.next_value_seed(self.skipped.value())?;
                }
            }
        }
        let Some(meta) = meta else { return elsewhere() };
        let plain = meta.plain && others.is_empty();
        Ok(Params { name, arguments, meta, plain })
    }
}

/// What a request says of itself.
struct MetaSeed<'s> {
    skipped: &'s Skipped,
}

struct Meta<'a> {
    version: Option<Cow<'a, str>>,
    has_capabilities: bool,
    traceparent: Option<Cow<'a, str>>,
    tracestate: Option<Cow<'a, str>>,
    plain: bool,
}

impl<'de> DeserializeSeed<'de> for MetaSeed<'_> {
    type Value = Meta<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Meta<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetaSeed<'_> {
    type Value = Meta<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`_meta`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Meta<'de>, A::Error> {
        let (mut version, mut capabilities, mut traceparent, mut tracestate) = (None, None, None, None);
        let mut plain = true;
        let mut others = skip::Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "io.modelcontextprotocol/protocolVersion" => once(&mut version, map.next_value_seed(Key)?)?,
                "io.modelcontextprotocol/clientCapabilities" => {
                    once(&mut capabilities, map.next_value::<&RawValue>()?.get())?;
                }
                "traceparent" => once(&mut traceparent, text(map.next_value()?)?)?,
                "tracestate" => once(&mut tracestate, text(map.next_value()?)?)?,
                _ => {
                    plain &= !matches!(&*key, "progressToken" | "io.modelcontextprotocol/logLevel");
                    others.add_to_few(key)?;
                    map.next_value_seed(self.skipped.value())?;
                }
            }
        }
        let has_capabilities = capabilities.is_some_and(are_capabilities);
        let (traceparent, tracestate) = (traceparent.flatten(), tracestate.flatten());
        Ok(Meta { version, has_capabilities, traceparent, tracestate, plain })
    }
}

/// A string. What is of another type means nothing, and says nothing against the message.
fn text<E: de::Error>(value: &RawValue) -> Result<Option<Cow<'_, str>>, E> {
    let mut deserializer = serde_json::Deserializer::from_str(value.get());
    let read = if value.get().starts_with('"') {
        Key.deserialize(&mut deserializer).map(Some)
    } else {
        Skipped::default().value().deserialize(&mut deserializer).map(|()| None)
    };
    read.or_else(|_| elsewhere())
}

/// Whether a text says what the client can do, as the protocol's own types read it.
fn are_capabilities(text: &str) -> bool {
    text == "{}"
        || text.len() <= SMALL && strict::value(text).is_ok_and(|value| ClientCapabilities::deserialize(value).is_ok())
}

#[cfg(test)]
mod tests;
