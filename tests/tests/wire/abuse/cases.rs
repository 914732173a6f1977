//! The cases: wire, arguments, execution and output.

/// What is sent.
pub(super) enum Sent {
    /// A call of a tool, with arguments as they are written.
    Call(&'static str, &'static str),
    /// The same, with arguments too long to write.
    Made(&'static str, fn() -> String),
    /// A whole message.
    Body(&'static str),
    /// What is no text.
    Bytes(&'static [u8]),
}

/// What has to come back.
pub(super) enum Expected {
    /// A JSON-RPC error.
    Protocol(i64, Refused),
    /// A tool error of this code.
    Tool(&'static str),
    /// An answer.
    Text(&'static str),
}

/// How much of a refused message was understood.
pub(super) enum Refused {
    /// Nothing that could be echoed.
    Unread,
    /// Its id.
    Known,
    /// All of it: a proper request for what is not there.
    Proper,
}

impl Refused {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unread | Self::Known => 400,
            Self::Proper => 200,
        }
    }

    pub(super) fn echoes(&self) -> bool {
        !matches!(self, Self::Unread)
    }
}

impl Expected {
    /// The outcome in the record.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Protocol(..) => "INVALID_REQUEST",
            Self::Tool(code) => code,
            Self::Text(_) => "OK",
        }
    }

    /// Whether the message as a whole is good enough to be looked into.
    pub(super) fn is_read(&self) -> bool {
        !matches!(self, Self::Protocol(_, Refused::Unread | Refused::Known))
    }
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) sent: Sent,
    pub(super) expected: Expected,
}

const fn case(name: &'static str, sent: Sent, expected: Expected) -> Case {
    Case { name, sent, expected }
}

const PARSE: Expected = Expected::Protocol(-32700, Refused::Unread);
const PARSE_WITH_ID: Expected = Expected::Protocol(-32700, Refused::Known);
const REQUEST: Expected = Expected::Protocol(-32600, Refused::Unread);
const REQUEST_WITH_ID: Expected = Expected::Protocol(-32600, Refused::Known);
const PARAMS: Expected = Expected::Protocol(-32602, Refused::Known);
const UNKNOWN: Expected = Expected::Protocol(-32602, Refused::Proper);
const INVALID: Expected = Expected::Tool("INVALID_ARGUMENTS");
const INTERNAL: Expected = Expected::Tool("INTERNAL");

use Expected::{Text, Tool};
use Sent::{Body, Bytes, Call, Made};

/// Every case.
pub(super) static CASES: &[Case] = &[
    // JSON.
    case("an empty body", Body(""), PARSE),
    case("white space alone", Body(" \n "), PARSE),
    case("a cut message", Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping"#), PARSE),
    case("no UTF-8", Bytes(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}"), PARSE),
    case("UTF-16", Bytes(b"{\0\"\0j\0\"\0:\x001\0}\0"), PARSE),
    case("a byte order mark", Body("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"), PARSE),
    case(
        "two messages",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}"#),
        PARSE,
    ),
    case("garbage behind a message", Body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#), PARSE),
    case("a comment", Body(r#"{"jsonrpc":"2.0",/* */"id":1,"method":"ping"}"#), PARSE),
    case("a comma too many", Body(r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#), PARSE),
    case("NaN", Call("echo", r#"{"text":NaN}"#), PARSE),
    case("infinity", Call("echo", r#"{"text":Infinity}"#), PARSE),
    case("a number above all numbers", Call("echo", r#"{"text":1e400}"#), PARSE_WITH_ID),
    case("half a surrogate pair", Call("echo", r#"{"text":"\ud800"}"#), PARSE_WITH_ID),
    case(
        "a thousand brackets",
        Made("echo", || format!(r#"{{"text":{}{}}}"#, "[".repeat(1000), "]".repeat(1000))),
        PARSE_WITH_ID,
    ),
    // JSON-RPC.
    case("a batch", Body(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#), REQUEST),
    case("an empty batch", Body("[]"), REQUEST),
    case("null", Body("null"), REQUEST),
    case("a text", Body(r#""ping""#), REQUEST),
    case("no version", Body(r#"{"id":1,"method":"ping"}"#), REQUEST_WITH_ID),
    case("version 1.0", Body(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), REQUEST_WITH_ID),
    case("a version that is a number", Body(r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#), REQUEST_WITH_ID),
    case("no method", Body(r#"{"jsonrpc":"2.0","id":1}"#), REQUEST_WITH_ID),
    case("a method that is a number", Body(r#"{"jsonrpc":"2.0","id":1,"method":7}"#), REQUEST_WITH_ID),
    case("an id that is null", Body(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), REQUEST),
    case("an id that is a fraction", Body(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#), REQUEST),
    case("an id that is an object", Body(r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#), REQUEST),
    case("an id above the integers", Body(r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#), REQUEST),
    case("a request without an id", Body(r#"{"jsonrpc":"2.0","method":"ping"}"#), REQUEST),
    case(
        "a call without an id",
        Body(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"ping","arguments":{}}}"#),
        REQUEST,
    ),
    case("an id twice", Body(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#), REQUEST),
    case("a method twice", Body(r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#), REQUEST),
    case(
        "a key twice beside it",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"ping","x":{"a":1,"a":2}}"#),
        REQUEST_WITH_ID,
    ),
    case("parameters in a list", Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#), PARAMS),
    case("parameters in a text", Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"x"}"#), PARAMS),
    case(
        "a name twice",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","name":"echo"}}"#),
        REQUEST_WITH_ID,
    ),
    case("no name", Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}"#), PARAMS),
    case(
        "a name that is a number",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#),
        PARAMS,
    ),
    case("no parameters", Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#), PARAMS),
    case(
        "_meta that is a number",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","_meta":7}}"#),
        PARAMS,
    ),
    case(
        "a cursor that is a number",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":7}}"#),
        PARAMS,
    ),
    // Tools.
    case("an unknown tool", Call("nothing", "{}"), UNKNOWN),
    case("a tool in other letters", Call("Ping", "{}"), UNKNOWN),
    case("a tool in letters that look alike", Call("\u{440}ing", "{}"), UNKNOWN),
    case("a path for a tool", Call("../ping", "{}"), UNKNOWN),
    case("a tool without a name", Call("", "{}"), UNKNOWN),
    case("a tool with hidden letters", Call("pi\u{200b}ng", "{}"), UNKNOWN),
    // Arguments.
    case("arguments in a list", Call("echo", "[1]"), PARAMS),
    case("arguments in a text", Call("echo", r#""x""#), PARAMS),
    case("arguments in a number", Call("echo", "7"), PARAMS),
    case("an argument twice", Call("echo", r#"{"text":"a","text":"b"}"#), PARAMS),
    case("an argument twice by an escape", Call("echo", r#"{"text":"a","t\u0065xt":"b"}"#), PARAMS),
    case("a key twice inside an argument", Call("echo", r#"{"text":{"a":1,"a":2}}"#), PARAMS),
    case("a million parts", Made("echo", || format!(r#"{{"text":[{}1]}}"#, "1,".repeat(1_000_000))), PARAMS),
    case("no arguments", Call("ping", "null"), Text("pong")),
    case("an unknown argument", Call("echo", r#"{"text":"a","txt":"b"}"#), INVALID),
    case("a missing argument", Call("echo", "{}"), INVALID),
    case("an argument of another type", Call("echo", r#"{"text":7}"#), INVALID),
    case("an argument that is null", Call("echo", r#"{"text":null}"#), INVALID),
    case(
        "an integer above its type",
        Call("integers", r#"{"signed":9223372036854775808,"unsigned":0,"real":0}"#),
        INVALID,
    ),
    case("an integer below its type", Call("integers", r#"{"signed":0,"unsigned":-1,"real":0}"#), INVALID),
    case("a fraction for an integer", Call("integers", r#"{"signed":1.5,"unsigned":0,"real":0}"#), INVALID),
    case(
        "the largest integers",
        Call("integers", r#"{"signed":-9223372036854775808,"unsigned":18446744073709551615,"real":0.1}"#),
        Text(r#"{"signed":-9223372036854775808,"unsigned":18446744073709551615,"real":0.1}"#),
    ),
    case(
        "an integer above 2^53",
        Call("integers", r#"{"signed":9007199254740993,"unsigned":9007199254740993,"real":1.0}"#),
        Text(r#"{"signed":9007199254740993,"unsigned":9007199254740993,"real":1.0}"#),
    ),
    case("NUL and direction marks", Call("echo", r#"{"text":"a\u0000b\u202ec\u200bd\udb40\udc41e"}"#), Text("abcde")),
    case("lines in a text", Call("echo", r#"{"text":"a\r\nb\nc"}"#), Text("a\nb\nc")),
    case("a composed and a decomposed letter", Call("echo", "{\"text\":\"\u{e9}e\u{301}\"}"), Text("\u{e9}e\u{301}")),
    case(
        "a family",
        Call("echo", "{\"text\":\"\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}\"}"),
        Text("\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}"),
    ),
    // Execution and output.
    case("a panic", Call("blow", "{}"), INTERNAL),
    case("a hang", Call("hang", "{}"), Tool("TIMEOUT")),
    case("a slow tool", Call("wait", r#"{"milliseconds":5000}"#), Tool("TIMEOUT")),
    case("a thread that blocks", Call("grind", r#"{"milliseconds":400}"#), Tool("TIMEOUT")),
    case("an error that knows too much", Call("get_revenue", r#"{"country":"Ruritania"}"#), INTERNAL),
    case("an error for everybody", Call("get_revenue", r#"{"country":"Atlantis"}"#), Tool("RECORD_NOT_FOUND")),
    case("an output above its bound", Call("bulk", r#"{"bytes":70000}"#), Tool("OUTPUT_TOO_LARGE")),
    case("an output that breaks its schema", Call("lie", "{}"), Tool("OUTPUT_INVALID")),
    case(
        "a client that cannot be asked",
        Body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","arguments":{}}}"#),
        Tool("UNAVAILABLE"),
    ),
];
