//! Where a request came from, as far as spans tell it.

use std::net::IpAddr;
#[cfg(feature = "http")]
use std::net::SocketAddr;

/// The longest `traceparent` that is looked at: version 00 has 55 bytes, later ones may append to it.
const MAX_PARENT_BYTES: usize = 128;

/// The longest `tracestate`, as in W3C Trace Context, section 3.3.1.5.
const MAX_STATE_BYTES: usize = 512;

/// The longest id of a session, and the longest name of a prompt or a resource.
const MAX_NAME_BYTES: usize = 256;

/// Where a request came from. Kept only where an [`Observer`](crate::telemetry::Observer) follows traces.
///
/// Everything in here but the address is the client's own word, bounded and otherwise as it came: nothing
/// may be decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// `traceparent` of the request's `_meta`.
    pub traceparent: Option<Box<str>>,
    /// `tracestate` of the request's `_meta`.
    pub tracestate: Option<Box<str>>,
    /// The `traceparent` header of the HTTP request that the message came in.
    pub http_traceparent: Option<Box<str>>,
    /// The client's address, behind trusted proxies too.
    pub client: Option<IpAddr>,
    /// The port of the peer, unless that is a proxy.
    pub client_port: Option<u16>,
    /// The session, of a revision that has some.
    pub session: Option<Box<str>>,
    /// The prompt or the resource that is asked for.
    pub target: Option<Box<str>>,
}

impl Origin {
    /// What the message itself says of its trace. Values above their bound are none.
    pub(crate) fn set_trace(&mut self, traceparent: Option<&str>, tracestate: Option<&str>) {
        self.traceparent = within(traceparent, MAX_PARENT_BYTES);
        self.tracestate = within(tracestate, MAX_STATE_BYTES);
    }

    /// The prompt or the resource that is asked for.
    #[cfg(any(feature = "http", feature = "stdio"))]
    pub(crate) fn set_target(&mut self, target: Option<&str>) {
        self.target = within(target, MAX_NAME_BYTES);
    }

    /// What the head of an HTTP request says.
    #[cfg(feature = "http")]
    pub(crate) fn set_http(&mut self, request: &http::request::Parts, peer: SocketAddr, client: IpAddr) {
        let header = |name: &str| {
            let mut values = request.headers.get_all(name).iter();
            // Two of them say nothing.
            let (Some(value), None) = (values.next(), values.next()) else { return None };
            value.to_str().ok()
        };
        self.http_traceparent = within(header("traceparent"), MAX_PARENT_BYTES);
        self.session = within(header("mcp-session-id"), MAX_NAME_BYTES);
        self.client = Some(client);
        self.client_port = (peer.ip().to_canonical() == client && peer.port() > 0).then(|| peer.port());
    }
}

fn within(text: Option<&str>, bytes: usize) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty() && text.len() <= bytes).map(Into::into)
}

/// The span of a request, in whatever traces it: the ids of W3C Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The trace, 16 bytes.
    pub trace: u128,
    /// The span, 8 bytes.
    pub span: u64,
    /// Whether the span is kept.
    pub sampled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_none() {
        let mut origin = Origin::default();
        origin.set_trace(Some(&"0".repeat(128)), Some(&"a".repeat(512)));
        assert!(origin.traceparent.is_some() && origin.tracestate.is_some());
        origin.set_trace(Some(&"0".repeat(129)), Some(&"a".repeat(513)));
        assert_eq!(origin, Origin::default());
        origin.set_trace(Some(""), None);
        assert_eq!(origin, Origin::default());
    }
}
