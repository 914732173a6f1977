//! The ways that a case can be sent by.

use mcp_tests::http::Request;
use mcp_tests::message::{LEGACY, MODERN, initialize, meta};
use mcp_tests::process::{Key, Serving, Site};
use mcp_tests::stdio;
use serde_json::{Value, json};

use super::cases::{Case, Sent};

/// What came back.
pub(super) struct Answer {
    /// HTTP's status, where there is one.
    pub(super) status: Option<u16>,
    pub(super) message: Value,
}

/// One column of the table.
pub(super) trait Way {
    fn name(&self) -> &'static str;

    /// Whether the case can be sent by this way at all.
    fn takes(&self, case: &Case) -> bool;

    fn send(&mut self, sent: &Sent) -> Answer;
}

/// A call as text, its arguments exactly as they are written.
fn call(tool: &str, arguments: &str, more: &str) -> String {
    let tool = json!(tool);
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{tool},"arguments":{arguments}{more}}}}}"#
    )
}

fn body(sent: &Sent, more: &str) -> Vec<u8> {
    match sent {
        Sent::Call(tool, arguments) => call(tool, arguments, more).into(),
        Sent::Made(tool, arguments) => call(tool, &arguments(), more).into(),
        Sent::Body(body) => body.as_bytes().to_vec(),
        Sent::Bytes(bytes) => bytes.to_vec(),
    }
}

fn post(request: &Request, body: Vec<u8>) -> Answer {
    let response = request.clone().raw(body).send();
    assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
    Answer { status: Some(response.status), message: response.json() }
}

fn start(site: &Site) -> (Serving, Key) {
    let key = site.issue("tester", &["*"]);
    (site.serve(), key)
}

/// A request of an older revision, by itself.
pub(super) struct Older {
    request: Request,
    _serving: Serving,
}

impl Older {
    pub(super) fn start(site: &Site) -> Self {
        let (serving, key) = start(site);
        Self { request: serving.request().key(&key.key).with("MCP-Protocol-Version", LEGACY), _serving: serving }
    }
}

impl Way for Older {
    fn name(&self) -> &'static str {
        "HTTP, older"
    }

    fn takes(&self, _: &Case) -> bool {
        true
    }

    fn send(&mut self, sent: &Sent) -> Answer {
        post(&self.request, body(sent, ""))
    }
}

/// A request of an older revision, in a session.
pub(super) struct Session {
    request: Request,
    _serving: Serving,
}

impl Session {
    pub(super) fn start(site: &Site) -> Self {
        let (serving, key) = start(site);
        let opened = serving.request().key(&key.key).message(&initialize(0)).send();
        let session = opened.header("mcp-session-id").expect("a session");
        let request = serving.request().key(&key.key).with("MCP-Protocol-Version", LEGACY);
        let request = request.with("Mcp-Session-Id", session);
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(request.clone().message(&initialized).send().status, 202);
        site.audit().wait_for(2);
        Self { request, _serving: serving }
    }
}

impl Way for Session {
    fn name(&self) -> &'static str {
        "HTTP, in a session"
    }

    fn takes(&self, _: &Case) -> bool {
        true
    }

    fn send(&mut self, sent: &Sent) -> Answer {
        post(&self.request, body(sent, ""))
    }
}

/// A request of revision 2026-07-28.
pub(super) struct Newer {
    request: Request,
    _serving: Serving,
}

impl Newer {
    pub(super) fn start(site: &Site) -> Self {
        let (serving, key) = start(site);
        let request = serving.request().key(&key.key).with("MCP-Protocol-Version", MODERN);
        Self { request: request.with("Mcp-Method", "tools/call"), _serving: serving }
    }
}

impl Way for Newer {
    fn name(&self) -> &'static str {
        "HTTP, newer"
    }

    /// A body that is written out has no `_meta`: what it lacks would hide what it is there to show.
    fn takes(&self, case: &Case) -> bool {
        !matches!(case.sent, Sent::Body(_)) || !case.expected.is_read()
    }

    fn send(&mut self, sent: &Sent) -> Answer {
        let name = match sent {
            Sent::Call(tool, _) | Sent::Made(tool, _) => tool,
            Sent::Body(_) | Sent::Bytes(_) => "echo",
        };
        let plain = name.bytes().all(|b| b.is_ascii_graphic()) && !name.is_empty();
        let request = self.request.clone();
        let request = if plain { request.with("Mcp-Name", name) } else { request.with("Mcp-Name", &encoded(name)) };
        post(&request, body(sent, &format!(r#","_meta":{}"#, meta())))
    }
}

/// A header's value that cannot stand in one: base64 between marks.
fn encoded(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::from("=?base64?");
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    encoded + "?="
}

/// A line on standard input.
pub(super) struct OverStdio(stdio::Session);

impl OverStdio {
    pub(super) fn start(site: &Site) -> Self {
        let key = site.issue("tester", &["*"]);
        let session = stdio::Session::initialized(site, &key);
        site.audit().wait_for(2);
        Self(session)
    }
}

impl Way for OverStdio {
    fn name(&self) -> &'static str {
        "stdio"
    }

    /// A line is no line if it is empty, or two.
    fn takes(&self, case: &Case) -> bool {
        !matches!(case.sent, Sent::Body(body) if body.trim().is_empty() || body.contains('\n'))
    }

    fn send(&mut self, sent: &Sent) -> Answer {
        self.0.send(body(sent, ""));
        Answer { status: None, message: self.0.receive() }
    }
}
