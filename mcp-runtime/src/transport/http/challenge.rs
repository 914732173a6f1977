//! `WWW-Authenticate`: RFC 6750, section 3, with the resource metadata of RFC 9728, section 5.1.

use http::HeaderValue;

use super::metadata;
use crate::config::Auth;

/// What every challenge of this server says.
#[derive(Debug)]
pub(super) struct Challenges {
    /// Where the metadata of this resource is; from the configuration, never from a request.
    metadata: Option<String>,
    baseline_scope: Option<String>,
}

impl Challenges {
    pub(super) fn new(config: &Auth) -> Self {
        let metadata = config.resource.as_deref().map(metadata::url);
        Self { metadata, baseline_scope: config.baseline_scope.clone() }
    }

    /// To a caller that is not identified. Who presented nothing is told of no error.
    pub(super) fn unidentified(&self, error: Option<&str>) -> Option<HeaderValue> {
        let scope = self.baseline_scope.as_deref().map(|scope| ("scope", scope));
        self.header(&[error.map(|error| ("error", error)), self.resource_metadata(), scope])
    }

    /// To a caller whose token does not grant the scopes of the operation: all of them, in one challenge.
    pub(super) fn insufficient_scope(&self, scopes: &[String]) -> Option<HeaderValue> {
        let scopes = scopes.join(" ");
        self.header(&[Some(("error", "insufficient_scope")), Some(("scope", &scopes)), self.resource_metadata()])
    }

    fn resource_metadata(&self) -> Option<(&str, &str)> {
        self.metadata.as_deref().map(|url| ("resource_metadata", url))
    }

    /// RFC 6750 asks for one parameter at least; without metadata that is the realm.
    fn header(&self, parameters: &[Option<(&str, &str)>]) -> Option<HeaderValue> {
        let realm = self.metadata.is_none().then_some(("realm", "mcp"));
        let parameters = realm.iter().chain(parameters.iter().flatten());
        let parameters: Vec<_> = parameters.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        HeaderValue::try_from(format!("Bearer {}", parameters.join(", "))).ok()
    }
}
