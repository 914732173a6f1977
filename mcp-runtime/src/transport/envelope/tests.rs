//! What is a message, and what becomes of what is none.

use super::*;

fn code(text: &str) -> i32 {
    read(&Bytes::copy_from_slice(text.as_bytes())).map_or_else(|rejection| rejection.code, |_| 0)
}

#[test]
fn methods_can_be_searched() {
    assert!(METHODS.is_sorted());
}

#[test]
fn what_is_no_message_gets_its_code() {
    for (text, expected) in [
        ("", -32700),
        ("{", -32700),
        ("\u{feff}{}", -32700),
        ("{} {}", -32700),
        ("[]", -32600),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -32600),
        ("7", -32600),
        (r#"{"id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":{"a":1,"a":2}}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","method":"tools/list"}"#, -32600),
        (r#"{"jsonrpc":"2.0","method":"made/up"}"#, 0),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":5}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[1]}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1e400}}}"#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":"\ud800"}}}"#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":5}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":null}}"#, 0),
        (r#"{"jsonrpc":"2.0","id":"x","method":"made/up","params":{}}"#, 0),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, 0),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 0),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
}

#[test]
fn a_readable_id_is_echoed_and_another_left_out() {
    let rejected = |text: &'static str| read(&Bytes::from_static(text.as_bytes())).unwrap_err().to_json();
    assert_eq!(rejected(r#"{"jsonrpc":"1.0","id":"x","method":"ping"}"#)["id"], "x");
    assert!(rejected(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#).get("id").is_none());
}

#[test]
fn a_message_has_so_many_parts_in_all() {
    let list = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
    let message = |a: usize, b: usize| {
        let (a, b) = (list(a), list(b));
        format!(r#"{{"extra":{a},"params":{{"more":{b}}},"jsonrpc":"2.0","id":1,"method":"tools/list"}}"#)
    };
    assert_eq!(code(&message(40_000, 40_000)), 0);
    assert_eq!(code(&message(60_000, 60_000)), -32600);
    // Arguments are the gate's to read, and to refuse at the price of a call.
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"x":{},"name":"a","arguments":{{"x":{}}}}}}}"#,
        list(60_000),
        list(600_000)
    );
    assert_eq!(code(&call), 0);
}

#[test]
fn a_session_keeps_little() {
    let initialize = |words: usize| {
        let filler = "x".repeat(words);
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"capabilities":{{"a":"{filler}"}}}}}}"#)
    };
    assert_eq!(code(&initialize(MAX_INITIALIZE_BYTES / 2)), 0);
    assert_eq!(code(&initialize(MAX_INITIALIZE_BYTES)), -32602);
}

#[test]
fn parameters_have_the_form_of_their_method() {
    for (text, expected) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":7}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"a"}}"#, 0),
        (r#"{"jsonrpc":"2.0","id":1,"method":"made/up","params":{"name":7}}"#, 0),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 0),
    ] {
        let body = Bytes::from_static(text.as_bytes());
        let checked = read(&body).unwrap().check_form(&body);
        assert_eq!(checked.map_or_else(|rejection| rejection.code, |()| 0), expected, "{text}");
    }
}

#[test]
fn rmcp_gets_a_call_without_its_arguments() {
    for (text, expected) in [
        (
            r#"{"id":1,"method":"tools/call","params":{"arguments": {"x":[1]},"name":"a"},"jsonrpc":"2.0"}"#,
            r#"{"id":1,"method":"tools/call","params":{"arguments": {},"name":"a"},"jsonrpc":"2.0"}"#,
        ),
        (
            r#"{"id":1,"method":"tools/call","params":{"name":"a"},"jsonrpc":"2.0"}"#,
            r#"{"id":1,"method":"tools/call","params":{"name":"a"},"jsonrpc":"2.0"}"#,
        ),
    ] {
        let body = Bytes::from_static(text.as_bytes());
        assert_eq!(read(&body).unwrap().for_rmcp(&body), expected);
    }
}

#[test]
fn arguments_are_kept_as_they_came() {
    let body = Bytes::from_static(
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1,"x":2}}}"#,
    );
    let envelope = read(&body).unwrap();
    assert!(envelope.is_call());
    assert_eq!(envelope.arguments.unwrap().as_str(), r#"{"x":1,"x":2}"#);
}
