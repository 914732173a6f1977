//! Which `Host` and `Origin` headers are let in: the defence against DNS rebinding and against pages of other sites.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

use crate::config::Http;

/// The names of this server and the origins that may call it.
#[derive(Debug)]
pub(crate) struct Hosts {
    names: Vec<String>,
    origins: Vec<String>,
    scheme: &'static str,
}

impl Hosts {
    pub(super) fn new(config: &Http) -> Self {
        let scheme = if config.is_https() { "https" } else { "http" };
        let origins = config.allowed_origins.iter().map(|origin| origin.to_ascii_lowercase()).collect();
        Self { origins, scheme, ..Self::of(config.address.ip(), &config.allowed_hosts) }
    }

    /// The names of an address: loopback's, its own, and these. No origin may call.
    pub(crate) fn of(own: IpAddr, allowed: &[String]) -> Self {
        let mut names: Vec<String> =
            ["localhost", "127.0.0.1", "[::1]"].iter().map(|name| (*name).to_owned()).collect();
        if !own.is_unspecified() {
            names.push(if own.is_ipv6() { format!("[{own}]") } else { own.to_string() });
        }
        names.extend(allowed.iter().map(|name| name.to_ascii_lowercase()));
        Self { names, origins: Vec::new(), scheme: "http" }
    }

    /// Whether the request names this server: by one `Host` header, and by the same name in an absolute URI (RFC 9112,
    /// section 3.2). A name that is allowed without a port is allowed with any.
    pub(crate) fn allow_host(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let header = match (hosts.next(), hosts.next()) {
            (_, Some(_)) => return false,
            (Some(host), None) => match host.to_str() {
                Ok(host) => Some(host),
                Err(_) => return false,
            },
            (None, None) => None,
        };
        let authority = uri.authority().map(http::uri::Authority::as_str);
        match (header, authority) {
            (Some(header), Some(authority)) if !header.eq_ignore_ascii_case(authority) => false,
            (Some(host), _) | (None, Some(host)) => self.knows(host),
            (None, None) => false,
        }
    }

    fn knows(&self, host: &str) -> bool {
        let digits = host.bytes().rev().take_while(u8::is_ascii_digit).count();
        let name = match host.split_at_checked(host.len() - digits) {
            Some((name, port)) if !port.is_empty() => name.strip_suffix(':').unwrap_or(host),
            _ => host,
        };
        self.names.iter().any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name))
    }

    /// The origin of a request that a page makes: one that is allowed, or this server's own, by the name that it was
    /// called by.
    ///
    /// # Errors
    /// An origin that is not allowed, `null`, or two of them.
    pub(super) fn origin<'a>(
        &self,
        uri: &Uri,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a http::HeaderValue>, NotAllowed> {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(None),
            (Some(origin), None) => {
                let text = origin.to_str().map_err(|_| NotAllowed)?.to_ascii_lowercase();
                // HTTP/2 has the name in its own place.
                let named = uri.authority().filter(|_| !headers.contains_key(HOST)).map(http::uri::Authority::as_str);
                let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or(named);
                let is_own =
                    host.is_some_and(|host| text == format!("{}://{}", self.scheme, host.to_ascii_lowercase()));
                if is_own || self.origins.contains(&text) { Ok(Some(origin)) } else { Err(NotAllowed) }
            }
            (Some(_), Some(_)) => Err(NotAllowed),
        }
    }
}

/// The origin may not call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAllowed;

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(&Http {
            allowed_hosts: vec!["mcp.example.com".to_owned()],
            allowed_origins: vec!["https://app.example.com".to_owned()],
            ..Http::default()
        })
    }

    fn headers(name: &http::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_own_names_pass() {
        let origin_form = Uri::from_static("/mcp");
        for (host, allowed) in [
            ("localhost:8787", true),
            ("127.0.0.1", true),
            ("[::1]:9", true),
            ("MCP.example.com", true),
            ("mcp.example.com:443", true),
            ("mcp.example.com.evil.io", false),
            ("evil.io", false),
            ("localhost.evil.io:8787", false),
            ("evil.io:localhost", false),
            ("", false),
        ] {
            assert_eq!(hosts().allow_host(&origin_form, &headers(&HOST, &[host])), allowed, "{host}");
        }
        assert!(!hosts().allow_host(&origin_form, &HeaderMap::new()));
        assert!(!hosts().allow_host(&origin_form, &headers(&HOST, &["localhost", "localhost"])));
        let absolute = Uri::from_static("http://evil.io/mcp");
        assert!(!hosts().allow_host(&absolute, &headers(&HOST, &["localhost"])));
        assert!(hosts().allow_host(&Uri::from_static("http://localhost:1/mcp"), &HeaderMap::new()));
    }

    #[test]
    fn only_allowed_origins_pass() {
        let at = Uri::from_static("/mcp");
        for (origins, allowed) in [
            (&["https://app.example.com"][..], true),
            (&["https://APP.example.com"], true),
            (&["https://app.example.com:8443"], false),
            (&["http://app.example.com"], false),
            (&["https://app.example.com.evil.io"], false),
            (&["null"], false),
            (&["https://app.example.com", "https://app.example.com"], false),
        ] {
            assert_eq!(hosts().origin(&at, &headers(&ORIGIN, origins)).is_ok(), allowed, "{origins:?}");
        }
        assert_eq!(hosts().origin(&at, &HeaderMap::new()), Ok(None));
        for (host, origin, allowed) in [
            ("localhost:8787", "http://localhost:8787", true),
            ("localhost:8787", "http://LOCALHOST:8787", true),
            ("localhost:8787", "https://localhost:8787", false),
            ("localhost:8787", "http://localhost:8788", false),
            ("localhost:8787", "http://127.0.0.1:8787", false),
        ] {
            let mut own = headers(&ORIGIN, &[origin]);
            own.insert(HOST, host.parse().unwrap());
            assert_eq!(hosts().origin(&at, &own).is_ok(), allowed, "{host} {origin}");
            own.remove(HOST);
            let named = Uri::try_from(format!("http://{host}/mcp")).unwrap();
            assert_eq!(hosts().origin(&named, &own).is_ok(), allowed, "over HTTP/2, {host} {origin}");
        }
    }
}
