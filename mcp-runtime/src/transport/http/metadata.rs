//! The metadata of the protected resource: RFC 9728.
//!
//! Everything in it is from the configuration. What a request says of the server (`Host`, `X-Forwarded-Host`) is an
//! attacker's to choose, and a client would follow it to their authorization server.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL,
};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::reply::{self, Answer};
use crate::config::Auth;

/// Where clients look if they were not told: RFC 9728, section 3.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The document, and where it is.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The location for the resource's own path; the root location holds as well.
    path: String,
    document: Value,
}

impl Metadata {
    /// `None` for a server without issuers, which has nothing to say.
    pub(super) fn new(config: &Auth, name: &str) -> Option<Self> {
        let resource = config.resource.as_deref().filter(|_| !config.issuers.is_empty())?;
        let servers: Vec<&str> = config.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
        let mut document = json!({
            "resource": resource,
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
            "resource_name": name,
        });
        // What it takes to begin, not the catalogue: clients ask for everything that stands here.
        if let Some(scope) = &config.baseline_scope {
            document["scopes_supported"] = json!([scope]);
        }
        Some(Self { path: format!("{WELL_KNOWN}{}", parts(resource).1), document })
    }

    pub(super) fn is_at(&self, path: &str) -> bool {
        path == WELL_KNOWN || path == self.path
    }

    /// For everybody, pages of any origin too: there is nothing in it that is not public.
    pub(super) fn answer(&self, method: &Method) -> Answer {
        let (mut answer, header) = match *method {
            Method::GET | Method::HEAD => {
                let fresh = (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
                (reply::json(StatusCode::OK, &self.document), fresh)
            }
            Method::OPTIONS => {
                let methods = (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
                (reply::empty(StatusCode::NO_CONTENT), methods)
            }
            _ => {
                let allow = (ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
                (reply::text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n"), allow)
            }
        };
        let headers = answer.headers_mut();
        headers.insert(header.0, header.1);
        // A version header makes the question of a page one that asks first.
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("mcp-protocol-version"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        answer
    }
}

/// The URL of the metadata of a resource: the well-known path between host and path (RFC 9728, section 3.1).
pub(super) fn url(resource: &str) -> String {
    let (host, path) = parts(resource);
    format!("{host}{WELL_KNOWN}{path}")
}

/// Scheme and host of a URL, and its path; a path that is only `/` is none.
fn parts(resource: &str) -> (&str, &str) {
    let authority = resource.find("://").map_or(0, |scheme| scheme + 3);
    let end =
        resource.get(authority..).and_then(|rest| rest.find('/')).map_or(resource.len(), |slash| authority + slash);
    let (host, path) = resource.split_at(end);
    (host, if path == "/" { "" } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_is_between_host_and_path() {
        for (resource, expected) in [
            ("https://mcp.example.com/mcp", "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"),
            ("https://mcp.example.com", "https://mcp.example.com/.well-known/oauth-protected-resource"),
            ("https://mcp.example.com/", "https://mcp.example.com/.well-known/oauth-protected-resource"),
            ("https://h:8443/public/mcp", "https://h:8443/.well-known/oauth-protected-resource/public/mcp"),
        ] {
            assert_eq!(url(resource), expected);
        }
    }
}
