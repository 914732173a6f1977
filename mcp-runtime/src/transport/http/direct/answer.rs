//! Answers as bytes: each is written once, in one buffer of the right size.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use rmcp::ErrorData;
use rmcp::model::CallToolResponse;
use serde::Serialize;

use crate::gate::{Answered, Body, Decision, Outcome};
use crate::transport::http::outgoing::Outgoing;
use crate::transport::http::reply::Answer;
use crate::transport::render;

/// The answer to a call. What the protocol calls an error of the request has status 200 all the same, as rmcp has it.
pub(super) fn decided(id: &str, decision: Decision) -> Answer {
    match decision.outcome {
        Outcome::Answered(answered) => self::answered(id, &answered),
        _ => match render::result(decision) {
            Ok(CallToolResponse::Complete(failed)) => result(id, 512, |body| write(body, &failed)),
            Ok(CallToolResponse::InputRequired(questions)) => result(id, 512, |body| write(body, &questions)),
            // The gate makes no tasks.
            Ok(_) => member(id, "error", 128, |body| write(body, &ErrorData::internal_error("", None))),
            Err(error) => member(id, "error", 128, |body| write(body, &error)),
        },
    }
}

/// What a tool answered, from the text that was measured.
fn answered(id: &str, answered: &Answered) -> Answer {
    let bytes = match &answered.body {
        Body::Blocks(_, text) => text.len(),
        // Twice the text, once with its quotes escaped.
        Body::Structured(document) => document.text().len() * 5 / 2,
    };
    result(id, bytes + 192, |body| {
        body.extend_from_slice(br#"{"resultType":"complete","content":"#);
        match &answered.body {
            Body::Blocks(_, text) => body.extend_from_slice(text.as_bytes()),
            Body::Structured(document) => {
                body.extend_from_slice(br#"[{"type":"text","text":"#);
                write(body, &document.text());
                body.extend_from_slice(br#"}],"structuredContent":"#);
                body.extend_from_slice(document.text().as_bytes());
            }
        }
        body.extend_from_slice(br#","isError":false"#);
        if let Some(meta) = render::untrusted(&answered.untrusted) {
            body.extend_from_slice(br#","_meta":"#);
            write(body, &meta);
        }
        body.push(b'}');
    })
}

/// A response whose result is written by `write`.
pub(super) fn result(id: &str, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Answer {
    member(id, "result", bytes, write)
}

fn member(id: &str, name: &str, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Answer {
    let mut body = Vec::with_capacity(bytes + id.len() + 48);
    for part in [r#"{"jsonrpc":"2.0","id":"#, id, r#",""#, name, r#"":"#] {
        body.extend_from_slice(part.as_bytes());
    }
    write(&mut body);
    body.push(b'}');
    let mut response = Response::new(Outgoing::from(Bytes::from(body)));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // What one caller is answered is nobody else's.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The protocol's own types and texts are JSON, and a buffer takes everything.
fn write(body: &mut Vec<u8>, part: &impl Serialize) {
    let written = serde_json::to_writer(&mut *body, part);
    debug_assert!(written.is_ok(), "{written:?}");
}
