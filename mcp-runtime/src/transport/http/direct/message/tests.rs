use serde_json::json;

use super::*;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn call(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{members}}}}}"#)
}

#[test]
fn a_call_is_borrowed_from_its_body() {
    let text = call(&format!(r#""name":"a","arguments":{{"x":1}},{META}"#));
    let message = read(text.as_bytes()).unwrap();
    assert!(matches!(message.name, Cow::Borrowed("a")));
    assert_eq!(message.arguments.unwrap().root().to_value(), json!({"x": 1}));
    assert!(message.plain);
    assert_eq!((message.id, message.method), ("1", Method::Call));
}

/// A number that has to be looked up in the text is, wherever the arguments stand in it.
#[test]
fn arguments_are_exact() {
    for (arguments, expected) in [
        (r#"{"x":1.0}"#, json!({"x": 1})),
        (
            r#"{"x":[9007199254740993.0,"1.0",2e0],"y":0.5}"#,
            json!({"x": [9_007_199_254_740_993_u64, "1.0", 2], "y": 0.5}),
        ),
        (r#"{"x":"\u0041\n","\u0079":{"z":"a"}}"#, json!({"x": "A\n", "y": {"z": "a"}})),
        ("{}", json!({})),
    ] {
        for text in [
            format!(r#""arguments":{arguments},"name":"a",{META}"#),
            format!(r#""name":"1.5",{META},"\u0061rguments":{arguments}"#),
        ] {
            let text = call(&text);
            let message = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(message.arguments.unwrap().root().to_value(), expected, "{text}");
        }
    }
    let none = call(&format!(r#""name":"a","arguments":null,{META}"#));
    assert!(read(none.as_bytes()).unwrap().arguments.is_none());
    for no_object in ["[]", "1.0", "\"{}\""] {
        assert!(read(call(&format!(r#""name":"a","arguments":{no_object},{META}"#)).as_bytes()).is_none());
    }
}

#[test]
fn what_means_nothing_is_little() {
    let members = |count: usize| (0..count).map(|key| format!("\"k{key}\":0,")).collect::<Vec<_>>().concat();
    let list = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
    let is_read = |text: String| read(text.as_bytes()).is_some();
    assert!(is_read(call(&format!(r#"{}"name":"a",{META}"#, members(10)))));
    assert!(!is_read(call(&format!(r#"{}"name":"a",{META}"#, members(65)))));
    let meta = |more: &str| call(&format!(r#""name":"a",{}"#, META.replacen('{', &format!("{{{more}"), 1)));
    assert!(is_read(meta(&members(10))) && !is_read(meta(&members(65))));
    let lists = |items: usize| format!(r#""a":{0},"b":{0},"#, list(items));
    assert!(is_read(meta(&lists(40_000))) && !is_read(meta(&lists(60_000))));
}

#[test]
fn arguments_are_small_or_not_whatever_stands_beside_them() {
    let filler = "x".repeat(SMALL);
    let beside = call(&format!(r#""name":"a","arguments":{{"x":1}},"other":"{filler}",{META}"#));
    assert!(has_small_arguments(beside.as_bytes()));
    let large = call(&format!(r#""name":"a","arguments":{{"x":"{filler}"}},{META}"#));
    assert!(!has_small_arguments(large.as_bytes()));
    let none = call(&format!(r#""name":"a","other":"{filler}",{META}"#));
    assert!(has_small_arguments(none.as_bytes()));
}

#[test]
fn the_order_of_members_does_not_matter() {
    let text =
        format!(r#" {{ "params" : {{ {META} , "name":"a" }}, "method":"tools/call","id":"x","jsonrpc":"2.0"}} "#);
    assert_eq!(read(text.as_bytes()).unwrap().id_text(), "x");
    let text = text.replace(r#""name""#, r#""n\u0061me""#).replace(r#""x""#, r#""\u0078""#);
    let message = read(text.as_bytes()).unwrap();
    assert_eq!((&*message.name, &*message.id_text(), message.id), ("a", "x", r#""\u0078""#));
}

#[test]
fn what_asks_for_more_than_an_answer_is_not_plain() {
    for more in [
        r#""_meta":{"progressToken":1,"#,
        r#""_meta":{"io.modelcontextprotocol/logLevel":"info","#,
        r#""requestState":"x","_meta":{"#,
        r#""inputResponses":{},"_meta":{"#,
        r#""made up":[{"a":1}],"_meta":{"#,
    ] {
        let text = call(&format!(r#""name":"a",{}"#, META.replace(r#""_meta":{"#, more)));
        assert!(!read(text.as_bytes()).unwrap().plain, "{text}");
    }
    let with_client = META.replace(r#""_meta":{"#, r#""_meta":{"io.modelcontextprotocol/clientInfo":{"name":"x"},"#);
    assert!(read(call(&format!(r#""name":"a",{with_client}"#)).as_bytes()).unwrap().plain);
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"cursor":"x",{META}}}}}"#);
    assert!(!read(list.as_bytes()).unwrap().plain);
}

/// Headers that mirror arguments are compared here alone.
#[test]
fn a_trace_that_is_none_does_not_lead_the_other_way() {
    for trace in ["1", "null", "[]", r#"{"a":1}"#] {
        let meta = META.replace(r#""_meta":{"#, &format!(r#""_meta":{{"traceparent":{trace},"tracestate":{trace},"#));
        let text = call(&format!(r#""name":"a",{meta}"#));
        let message = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert!(message.plain && message.traceparent.is_none() && message.tracestate.is_none(), "{text}");
    }
    let meta = META.replace(r#""_meta":{"#, r#""_meta":{"traceparent":"0\u0030","#);
    let text = call(&format!(r#""name":"a",{meta}"#));
    assert_eq!(read(text.as_bytes()).unwrap().traceparent.as_deref(), Some("00"));
}

/// Whatever is taken here, the other way takes, too: with the same id, and with the same arguments.
#[test]
fn what_is_not_good_goes_the_other_way() {
    let good = call(&format!(r#""name":"a",{META}"#));
    assert!(read(good.as_bytes()).is_some());
    for (from, to) in [
        (r#""id":1"#, r#""id":null"#),
        (r#""id":1"#, r#""id":1.0"#),
        (r#""id":1"#, r#""id":-0"#),
        (r#""id":1"#, r#""id":9223372036854775808"#),
        (r#""id":1"#, r#""id":"\ud800""#),
        (r#""id":1,"#, ""),
        (r#""id":1"#, r#""id":1,"id":1"#),
        ("2.0", "1.0"),
        ("tools/call", "prompts/get"),
        ("2026-07-28", "2025-11-25"),
        ("2026-07-28", "2099-01-01"),
        (r#"ies":{}"#, r#"ies":[]"#),
        (r#"ies":{}"#, r#"ies":{"roots":7}"#),
        (r#"ies":{}"#, r#"ies":{"roots":{},"roots":{}}"#),
        (r#""name":"a""#, r#""name":7"#),
        (r#""name":"a""#, r#""name":"a","name":"a""#),
        (r#""name":"a","#, ""),
        (r#""name":"a""#, r#""name":"a","arguments":[]"#),
        (r#""name":"a""#, r#""name":"a","arguments":{"x":1,"x":2}"#),
        (r#""name":"a""#, r#""name":"a","arguments":{"x":1e400}"#),
        (r#""name":"a""#, r#""name":"a","more":{"x":1,"\u0078":2}"#),
        (r#""name":"a""#, r#""name":"a","more":1e400"#),
        (r#""_meta":{"#, r#""_meta":{"a":1,"a":2,"#),
        (r#""_meta":{"#, r#""_meta":{"traceparent":{"a":1,"a":2},"#),
        (r#""_meta":{"#, r#""_meta":{"traceparent":1,"traceparent":1,"#),
        (r#""_meta":{"#, r#""_meta":{"tracestate":"\ud800","#),
        ("}}}", "}}}}"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        assert!(read(text.as_bytes()).is_none(), "{text}");
    }
    assert!(read(b"\xff").is_none() && read(b"").is_none() && read(b"[]").is_none());
}
