//! What a caller's word on its trace is worth.

use mcp_tests::message::modern;
use serde_json::{Value, json};

use crate::otel::{SPAN, TRACE, hex, site, stop};

#[test]
fn what_callers_say_of_their_trace_decides_nothing() {
    let good = format!("00-{TRACE}-{SPAN}-01");
    let long = format!("{good}-{}", "0".repeat(4000));
    let parents = [
        json!(good.to_uppercase()),
        json!(format!("00-{}-{SPAN}-01", "0".repeat(32))),
        json!(format!("ff-{TRACE}-{SPAN}-01")),
        json!(format!("{good}\n")),
        json!(long),
        json!(7),
        json!({"a": 1}),
        Value::Null,
    ];
    let (site, received) = site(true, "");
    let key = site.issue("reporting", &["echo.say"]);
    let serving = site.serve();
    for (id, parent) in parents.iter().enumerate() {
        let mut message = modern(id, "tools/call", json!({"name": "echo", "arguments": {"text": "hi"}}));
        message["params"]["_meta"]["traceparent"] = parent.clone();
        message["params"]["_meta"]["baggage"] = json!("agent=admin");
        let answer = serving.ask(&key, &message);
        assert_eq!(answer["result"]["isError"], false, "{parent}: {answer}");
    }
    let mut message = modern(100, "tools/call", json!({"name": "echo", "arguments": {"text": "hi"}}));
    message["params"]["_meta"]["traceparent"] = json!(good);
    message["params"]["_meta"]["tracestate"] = json!(format!("a={}", "x".repeat(600)));
    serving.ask(&key, &message);
    stop(serving);
    let spans = received.spans();
    assert_eq!(spans.len(), parents.len() + 1);
    let (followed, alone): (Vec<_>, Vec<_>) = spans.iter().partition(|span| hex(&span.trace_id) == TRACE);
    assert_eq!((followed.len(), alone.len()), (1, parents.len()));
    assert_eq!(followed[0].trace_state, "", "a state that is too long leaves the parent alone");
    assert!(alone.iter().all(|span| span.parent_span_id.is_empty() && span.links.is_empty()));
    assert!(!format!("{spans:?}").contains("admin"));
}

#[test]
fn a_trace_context_is_worth_what_the_configuration_says() {
    for (keys, parent, linked, count) in [
        ("trace_context = \"parent\"\nsampling = 0.0", true, false, 0),
        ("trace_context = \"trusted\"\nsampling = 0.0", true, false, 1),
        ("trace_context = \"link\"", false, true, 2),
        ("trace_context = \"ignore\"", false, false, 2),
    ] {
        let (site, received) = site(true, keys);
        let key = site.issue("reporting", &["echo.say"]);
        let serving = site.serve();
        for (id, flag) in [(1, "01"), (2, "00")] {
            let mut message = modern(id, "tools/call", json!({"name": "echo", "arguments": {"text": "hi"}}));
            message["params"]["_meta"]["traceparent"] = json!(format!("00-{TRACE}-{SPAN}-{flag}"));
            serving.ask(&key, &message);
        }
        stop(serving);
        let spans = received.spans();
        assert_eq!(spans.len(), count, "{keys}");
        for span in &spans {
            assert_eq!(hex(&span.trace_id) == TRACE, parent, "{keys}");
            assert_eq!(span.links.iter().any(|link| hex(&link.trace_id) == TRACE), linked, "{keys}");
        }
        assert_eq!(received.logs().len(), 2, "logs are not sampled");
    }
}
