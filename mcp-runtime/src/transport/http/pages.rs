//! What a web page of an allowed origin may send and read (Fetch, section 3.2: CORS).

use http::HeaderValue;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, VARY,
};

use super::reply::{self, Answer};
use crate::gate::Gate;
use crate::spec::Rule;

/// Request headers that a page may send, whatever the tools.
const SENT: &str =
    "authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id";
/// Response headers that it may read.
const READ: &str = "mcp-session-id, ratelimit, ratelimit-policy, retry-after, www-authenticate";

/// The answers to preflights, and what every answer to a page carries.
pub(super) struct Pages {
    sent: HeaderValue,
}

impl Pages {
    /// The headers that mirror arguments of tools belong to those that a page may send.
    pub(super) fn new(gate: &Gate) -> Self {
        let mut sent = SENT.to_owned();
        for argument in gate.tools().policy().tools.iter().flat_map(|tool| tool.spec.arguments) {
            for rule in argument.rules {
                if let Rule::Header(name) = rule {
                    sent.push_str(", mcp-param-");
                    sent.push_str(name);
                }
            }
        }
        Self { sent: HeaderValue::try_from(sent).unwrap_or(HeaderValue::from_static(SENT)) }
    }

    pub(super) fn preflight(&self) -> Answer {
        let mut answer = reply::empty(http::StatusCode::NO_CONTENT);
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("DELETE, GET, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.sent.clone());
        answer
    }

    /// Lets the page read the answer.
    pub(super) fn let_read(answer: &mut Answer, origin: HeaderValue) {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}
