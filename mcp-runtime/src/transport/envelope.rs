//! A JSON-RPC message, read strictly before rmcp reads it: one value, no key twice, an id that can be echoed.

use std::borrow::Cow;

use bytes::Bytes;
use rmcp::RoleServer;
use rmcp::model::{ClientRequest, JsonRpcMessage};
use rmcp::service::RxJsonRpcMessage;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::json::{Malformed, read as strict};
use crate::record::Origin;

/// Methods of MCP, so that records and errors tell them from what clients make up.
const METHODS: &[&str] = &[
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/directory/read",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "skills/get",
    "skills/list",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];

/// Those of the older revisions that 2026-07-28 does not have any more.
const REMOVED: &[&str] = &["initialize", "logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"];

/// Under this key of a request's `_meta` stands its version, since revision 2026-07-28.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// A message that can be handed on.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The id of a request; `None` for notifications and responses.
    pub(crate) id: Option<Value>,
    /// The method, if it is one of MCP's; `unknown` for another, `response` for a message that has none.
    pub(crate) method: &'static str,
    /// The arguments of a tool call.
    pub(crate) arguments: Option<Arguments>,
    /// Where the request stands in a trace, and what it asks for: in its own words.
    trace: Trace,
    /// The version that the request itself names.
    pub(crate) version: Option<String>,
}

impl Envelope {
    pub(crate) fn is_call(&self) -> bool {
        self.method == "tools/call" && self.id.is_some()
    }

    /// Whether revision 2026-07-28 has the method no more.
    pub(crate) fn is_removed(&self) -> bool {
        REMOVED.contains(&self.method)
    }

    /// Whether the parameters have the form that the method asks for. rmcp takes a request of a known method whose
    /// parameters have another for one of an unknown method. It costs more than reading the message did, so the request is
    /// charged before.
    ///
    /// # Errors
    /// What to answer instead of handing it on.
    pub(crate) fn check_form(&self, body: &[u8]) -> Result<(), Rejection> {
        // A newer revision's request of a method that it has no more has no form.
        let is_formless = self.version.is_some() && self.is_removed();
        if matches!(self.method, "unknown" | "response" | "tools/call") || is_formless {
            return Ok(());
        }
        match serde_json::from_slice(body) {
            Ok(JsonRpcMessage::Request(request)) if matches!(request.request, ClientRequest::CustomRequest(_)) => {}
            Ok::<RxJsonRpcMessage<RoleServer>, _>(_) => return Ok(()),
            Err(_) => {}
        }
        let text = "the parameters do not have the form that the method asks for";
        Err(Rejection::new(INVALID_PARAMS, text).with_id(self.id.as_ref()))
    }

    /// The message for rmcp: of a call, without its arguments, which are the gate's to read.
    pub(crate) fn for_rmcp(&self, body: &Bytes) -> Bytes {
        let Some(Arguments(arguments)) = &self.arguments else { return body.clone() };
        let start = arguments.as_ptr().addr().wrapping_sub(body.as_ptr().addr());
        let (Some(before), Some(after)) = (body.get(..start), body.get(start.saturating_add(arguments.len())..)) else {
            return body.clone();
        };
        [before, b"{}", after].concat().into()
    }

    /// What a span says of the request.
    pub(crate) fn tell(&self, origin: &mut Origin) {
        origin.set_trace(self.trace.parent.as_deref(), self.trace.state.as_deref());
        origin.set_target(self.trace.target.as_deref());
    }

    /// The id as text, for records.
    pub(crate) fn id_text(&self) -> String {
        match &self.id {
            None => String::new(),
            Some(Value::String(id)) => id.clone(),
            Some(id) => id.to_string(),
        }
    }
}

/// What a request says for spans alone.
#[derive(Debug, Default)]
struct Trace {
    parent: Option<String>,
    state: Option<String>,
    target: Option<String>,
}

/// The text of a tool call's arguments: a part of the message's own bytes.
#[derive(Clone, Debug)]
pub(crate) struct Arguments(Bytes);

impl Arguments {
    pub(crate) fn as_str(&self) -> &str {
        // A part of a checked text, cut at characters.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A message that goes no further.
#[derive(Debug, PartialEq)]
pub(crate) struct Rejection {
    pub(crate) code: i32,
    message: Cow<'static, str>,
    id: Option<Value>,
}

impl Rejection {
    fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), id: None }
    }

    fn with_id(mut self, id: Option<&Value>) -> Self {
        self.id = id.cloned();
        self
    }

    /// The JSON-RPC error. An id that could not be read is left out, never null.
    pub(crate) fn to_json(&self) -> Value {
        error(self.id.as_ref(), self.code, &self.message, None)
    }
}

/// A JSON-RPC error with or without an id.
pub(crate) fn error(id: Option<&Value>, code: i32, message: &str, data: Option<Value>) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(data), Value::Object(map)) = (data, &mut error) {
        map.insert("data".to_owned(), data);
    }
    match id {
        Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
        None => json!({ "jsonrpc": "2.0", "error": error }),
    }
}

/// Codes of JSON-RPC 2.0, section 5.1.
pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const INVALID_PARAMS: i32 = -32602;
pub(crate) const INTERNAL_ERROR: i32 = -32603;

/// Codes of our own: outside of the range that JSON-RPC reserves, named after HTTP's.
#[cfg(feature = "http")]
pub(crate) const MALFORMED: i32 = 400;
pub(crate) const UNAUTHENTICATED: i32 = 401;
#[cfg(feature = "http")]
pub(crate) const FORBIDDEN: i32 = 403;
pub(crate) const TOO_MANY_REQUESTS: i32 = 429;
pub(crate) const UNAVAILABLE: i32 = 503;

/// The longest `initialize`: a session keeps what it says for as long as it lives.
const MAX_INITIALIZE_BYTES: usize = 16 * 1024;

/// The longest name of a method: a made-up one is repeated in the answer.
const MAX_METHOD_BYTES: usize = 128;

/// Reads a message.
///
/// # Errors
/// What to answer instead of handing it on.
pub(crate) fn read(body: &Bytes) -> Result<Envelope, Rejection> {
    let text = std::str::from_utf8(body).map_err(|_| Rejection::new(PARSE_ERROR, "the body is not UTF-8"))?;
    let members = members(text).map_err(|problem| match problem {
        Malformed::NotAnObject if text.trim_start().starts_with('[') => {
            Rejection::new(INVALID_REQUEST, "batches are no part of MCP; send one message at a time")
        }
        Malformed::NotAnObject => Rejection::new(INVALID_REQUEST, "a message is a JSON object"),
        problem => malformed(problem),
    })?;
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);

    let id = member("id").map(|id| id_of(id.get())).transpose()?;
    // Of all members together, since all of it is handed on. Arguments of calls are not, and have a bound of their own.
    let mut left = strict::MAX_NODES;
    for (key, value) in &members {
        if key != "params" {
            strict::check(value.get(), &mut left).map_err(|problem| malformed(problem).with_id(id.as_ref()))?;
        }
    }
    let rejected = |code, message: &'static str| Rejection::new(code, message).with_id(id.as_ref());
    if member("jsonrpc").map(RawValue::get) != Some(r#""2.0""#) {
        return Err(rejected(INVALID_REQUEST, "`jsonrpc` has to be \"2.0\""));
    }
    let Some(method) = member("method") else {
        if member("result").is_some() || member("error").is_some() {
            let params = member("params").map_or(Ok(()), |params| strict::check(params.get(), &mut left));
            params.map_err(|problem| malformed(problem).with_id(id.as_ref()))?;
            return Ok(Envelope {
                id: None,
                method: "response",
                arguments: None,
                trace: Trace::default(),
                version: None,
            });
        }
        return Err(rejected(INVALID_REQUEST, "`method` is missing"));
    };
    let method: String =
        serde_json::from_str(method.get()).map_err(|_| rejected(INVALID_REQUEST, "`method` has to be a string"))?;
    if method.len() > MAX_METHOD_BYTES {
        return Err(rejected(INVALID_REQUEST, "`method` is longer than any of MCP's"));
    }
    let known = METHODS.binary_search(&method.as_str()).map_or("unknown", |index| METHODS[index]);
    // Without one it would be a notification of that name: taken, never answered, and its caller waits.
    if id.is_none() && known != "unknown" && !known.starts_with("notifications/") {
        return Err(rejected(INVALID_REQUEST, "a request of this method needs an `id`"));
    }
    if known == "initialize" && body.len() > MAX_INITIALIZE_BYTES {
        return Err(rejected(INVALID_PARAMS, "`initialize` says more than a session can keep"));
    }
    let is_call = known == "tools/call";
    let params = member("params");
    if params.is_some_and(|params| !params.get().starts_with('{')) {
        return Err(rejected(INVALID_PARAMS, "`params` has to be an object"));
    }
    let Params { arguments, mut trace, version } = match params {
        Some(params) => {
            params_of(params.get(), is_call, body, &mut left).map_err(|rejection| rejection.with_id(id.as_ref()))?
        }
        None if is_call => return Err(rejected(INVALID_PARAMS, "`params.name` is missing")),
        None => Params::default(),
    };
    if !matches!(known, "prompts/get" | "resources/read") {
        trace.target = None;
    }
    Ok(Envelope { id, method: known, arguments, trace, version })
}

/// What is read of a request's parameters.
#[derive(Default)]
struct Params {
    arguments: Option<Arguments>,
    trace: Trace,
    version: Option<String>,
}

/// Checks the parameters.
fn params_of(params: &str, is_call: bool, body: &Bytes, left: &mut usize) -> Result<Params, Rejection> {
    let members = members(params).map_err(malformed)?;
    let mut name = None;
    let mut arguments = None;
    let mut version = None;
    let mut trace = Trace::default();
    for (key, value) in &members {
        let text = value.get();
        if is_call && key == "arguments" {
            // A key that stands twice in here is for the gate to refuse, at the price of a call. What is no JSON is none
            // of any kind.
            if strict::check(text, &mut { strict::MAX_NODES }) == Err(Malformed::Syntax) {
                return Err(malformed(Malformed::Syntax));
            }
            match text.as_bytes().first() {
                Some(b'{') => arguments = Some(Arguments(body.slice_ref(text.as_bytes()))),
                _ if text == "null" => {}
                _ => return Err(Rejection::new(INVALID_PARAMS, "`params.arguments` has to be an object")),
            }
            continue;
        }
        strict::check(text, left).map_err(malformed)?;
        match (&**key, text.as_bytes().first()) {
            ("_meta", Some(first)) if *first != b'{' => {
                return Err(Rejection::new(INVALID_PARAMS, "`params._meta` has to be an object"));
            }
            ("_meta", _) => {
                let meta = self::members(text).map_err(malformed)?;
                let named = |name| meta.iter().find(|(key, _)| key == name);
                let text = |name| named(name).and_then(|(_, text)| serde_json::from_str(text.get()).ok());
                version = text(VERSION_KEY);
                trace.parent = text("traceparent");
                trace.state = text("tracestate");
            }
            // rmcp reads a page of another type as none.
            ("cursor", Some(first)) if *first != b'"' => {
                return Err(Rejection::new(INVALID_PARAMS, "`params.cursor` has to be a string"));
            }
            ("name", Some(b'"')) => {
                name = Some(());
                trace.target = serde_json::from_str(text).ok();
            }
            ("uri", Some(b'"')) => trace.target = serde_json::from_str(text).ok(),
            _ => {}
        }
    }
    if is_call && name.is_none() {
        return Err(Rejection::new(INVALID_PARAMS, "`params.name` has to be a string"));
    }
    Ok(Params { arguments, trace, version })
}

fn malformed(problem: Malformed) -> Rejection {
    match problem {
        Malformed::Syntax => Rejection::new(PARSE_ERROR, "the body is not valid JSON"),
        other => Rejection::new(INVALID_REQUEST, other.to_string()),
    }
}

/// An id is a string or an integer (JSON-RPC 2.0, and MCP forbids null). What is neither cannot be echoed.
fn id_of(text: &str) -> Result<Value, Rejection> {
    let invalid = || Rejection::new(INVALID_REQUEST, "`id` has to be a string or an integer");
    match strict::value(text).map_err(malformed)? {
        Value::String(id) if id.len() <= 256 => Ok(Value::String(id)),
        // Echoed as it came: `1.0` would come back as another text.
        Value::Number(id) if id.is_i64() && !text.contains(['.', 'e', 'E']) => Ok(Value::Number(id)),
        _ => Err(invalid()),
    }
}

/// The members of an object, their values unread; no key twice.
fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Malformed> {
    struct Members<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);

    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Collect;
            impl<'de> Visitor<'de> for Collect {
                type Value = Members<'de>;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                    let mut members = Vec::new();
                    while let Some((key, value)) = map.next_entry::<Key<'de>, &RawValue>()? {
                        members.push((key.0, value));
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Collect)
        }
    }

    /// A key, borrowed where it has no escapes.
    #[derive(Deserialize)]
    struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

    let Members(members) = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Malformed::NotAnObject,
        _ => Malformed::Syntax,
    })?;
    // Linear where it matters: a message has a handful of members, and one with more than that is none of MCP's.
    if members.len() > 64 {
        return Err(Malformed::TooLarge);
    }
    let twice =
        members.iter().enumerate().any(|(index, (key, _))| members[..index].iter().any(|(other, _)| other == key));
    if twice { Err(Malformed::DuplicateKey) } else { Ok(members) }
}

#[cfg(test)]
mod tests;
