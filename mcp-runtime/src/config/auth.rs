//! `[auth]`: whose credentials are accepted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::{Deserialize, Deserializer};

use super::{InvalidConfig, Rate, duration};
use crate::scope::Grants;
use crate::spec::Window;

/// The algorithms that tokens may be signed with: all that need no shared secret.
pub(crate) const ALGORITHMS: [&str; 9] =
    ["ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

/// RFC 9068 allows for "a few minutes" of clock skew; more would be a second lifetime.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// Beyond this a revocation at the authorization server would not be seen for longer than anybody expects.
const MAX_INTROSPECTION_CACHE: Duration = Duration::from_mins(5);

/// `[auth]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Auth {
    /// The URL under which clients reach this server (RFC 9728's `resource`), as in `https://mcp.example.com/mcp`. Tokens
    /// need it; nothing a request says of itself is believed instead.
    pub resource: Option<String>,
    /// The scope that a challenge names to a caller without a credential.
    pub baseline_scope: Option<String>,
    /// Failed authentications of one address (IPv6: one /64).
    pub failed: Rate,
    /// `[[auth.issuers]]`: authorization servers whose access tokens are accepted, beside API keys.
    pub issuers: Vec<Issuer>,
}

impl Default for Auth {
    fn default() -> Self {
        Self { resource: None, baseline_scope: None, failed: Rate(vec![Window::new(30, 60, 30)]), issuers: Vec::new() }
    }
}

/// `[[auth.issuers]]`: an authorization server, and how its access tokens are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Issuer {
    /// The issuer identifier: the `iss` of its tokens, compared exactly.
    pub issuer: String,
    /// What the `aud` of a token has to name: one of these, exactly. `auth.resource` unless set.
    #[serde(default)]
    pub audience: Option<Texts>,
    /// The signature algorithms that are accepted, each only with a key made for it. All asymmetric ones unless set.
    #[serde(default)]
    pub algorithms: Option<Texts>,
    /// Where the keys are; found by discovery (RFC 8414, `OpenID` Connect Discovery) unless set.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Ask the authorization server about each token (RFC 7662) instead of checking signatures here.
    #[serde(default)]
    pub introspection: Option<Introspection>,
    /// The claim that holds the scopes, a text with spaces between or a list: `scope` unless set.
    #[serde(default)]
    pub scope_claim: Option<String>,
    /// The claim that names the agent in place of `client_id` and `azp`. An actor (`act`) still comes first.
    #[serde(default)]
    pub agent_claim: Option<String>,
    /// The claim that names the subject: `sub` unless set.
    #[serde(default)]
    pub subject_claim: Option<String>,
    /// Scopes that imply others: `"record.admin" = ["record.delete", "record.read"]`. What is implied may hold wildcards.
    #[serde(default)]
    pub hierarchy: BTreeMap<String, Vec<String>>,
    /// Accept tokens whose header does not say that they are access tokens (`typ` is `JWT` or missing), as some
    /// authorization servers send them. What looks like an ID token is still refused.
    #[serde(default)]
    pub plain_jwt: bool,
    /// How far the clocks may differ: 60 s unless set, 5 min at the most.
    #[serde(default, deserialize_with = "duration::option")]
    pub leeway: Option<Duration>,
    /// The least time between two fetches of the keys, whatever key ids tokens name: 30 s unless set.
    #[serde(default, deserialize_with = "duration::option")]
    pub cool_down: Option<Duration>,
    /// How long the last good keys are used while new ones cannot be fetched: 1 h unless set. Then nobody is verified.
    #[serde(default, deserialize_with = "duration::option")]
    pub max_stale: Option<Duration>,
}

/// `introspection = { endpoint, client_id, client_secret_file, cache }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Introspection {
    /// The introspection endpoint.
    pub endpoint: String,
    /// This server's own client id there.
    pub client_id: String,
    /// The file that holds the secret of that client; a newline at its end is not part of it.
    pub client_secret_file: PathBuf,
    /// How long an answer is believed, so how late a revocation there is seen here: 30 s unless set, 5 min at the most.
    #[serde(default, deserialize_with = "duration::option")]
    pub cache: Option<Duration>,
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a text, or a list of texts")]
        enum Form {
            One(String),
            Several(Vec<String>),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::One(text) => vec![text],
            Form::Several(texts) => texts,
        }))
    }
}

impl Auth {
    pub(super) fn check(&self, path: &str) -> Result<(), InvalidConfig> {
        if let Some(scope) = &self.baseline_scope
            && let Err(error) = Grants::literal([scope])
        {
            return Err(InvalidConfig::new(format!("auth.baseline_scope: {error}")));
        }
        if let Some(resource) = &self.resource {
            check_url("auth.resource", resource)?;
            if self.issuers.is_empty() {
                return Err(InvalidConfig::new(
                    "auth.resource is what tokens are issued for; name who issues them in [[auth.issuers]], or leave it out",
                ));
            }
        }
        if self.issuers.is_empty() {
            return Ok(());
        }
        if !cfg!(feature = "jwt") {
            return Err(InvalidConfig::new(
                "auth.issuers: this program was built without the feature `jwt` of mcp-runtime; turn it on in its Cargo.toml",
            ));
        }
        if self.resource.is_none() {
            return Err(InvalidConfig::new(format!(
                "auth.issuers: say in auth.resource under which URL clients reach this server, as in \"https://mcp.example.com{path}\""
            )));
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            issuer.check()?;
            if self.issuers.iter().take(index).any(|other| other.issuer == issuer.issuer) {
                return Err(issuer.invalid("it stands twice"));
            }
        }
        if self.issuers.iter().filter(|issuer| issuer.introspection.is_some()).count() > 1 {
            return Err(InvalidConfig::new(
                "auth.issuers: only one issuer can have `introspection`: a token that names no issuer would have to be shown to several",
            ));
        }
        Ok(())
    }
}

impl Issuer {
    fn invalid(&self, why: impl std::fmt::Display) -> InvalidConfig {
        InvalidConfig::new(format!("auth.issuers: `{}`: {why}", self.issuer.escape_debug()))
    }

    fn check(&self) -> Result<(), InvalidConfig> {
        let url = |key: &str, text: &str| check_url(&format!("auth.issuers: {key}"), text);
        url("issuer", &self.issuer)?;
        if let Some(uri) = &self.jwks_uri {
            url("jwks_uri", uri)?;
        }
        if let Some(Texts(audience)) = &self.audience
            && (audience.is_empty() || audience.iter().any(String::is_empty))
        {
            return Err(self.invalid("an empty audience would accept tokens that are meant for others"));
        }
        if let Some(Texts(algorithms)) = &self.algorithms {
            let unknown = algorithms.iter().find(|name| !ALGORITHMS.contains(&name.as_str()));
            if algorithms.is_empty() || unknown.is_some() {
                return Err(self.invalid(format!("algorithms are some of {}", ALGORITHMS.join(", "))));
            }
        }
        for (scope, implied) in &self.hierarchy {
            Grants::literal([scope]).map_err(|error| self.invalid(format!("hierarchy: {error}")))?;
            Grants::with_wildcards(implied).map_err(|error| self.invalid(format!("hierarchy: {error}")))?;
            if implied.is_empty() {
                return Err(self.invalid(format!("hierarchy: `{scope}` implies nothing")));
            }
        }
        for claim in [&self.scope_claim, &self.agent_claim, &self.subject_claim].into_iter().flatten() {
            if claim.is_empty() {
                return Err(self.invalid("a claim has a name"));
            }
        }
        if self.leeway.is_some_and(|leeway| leeway > MAX_LEEWAY) {
            return Err(self.invalid("a leeway of more than 5min would be a second lifetime"));
        }
        let Some(introspection) = &self.introspection else { return Ok(()) };
        url("introspection.endpoint", &introspection.endpoint)?;
        if introspection.client_id.is_empty() {
            return Err(self.invalid("introspection needs a client_id"));
        }
        if introspection.cache.is_some_and(|cache| cache > MAX_INTROSPECTION_CACHE) {
            return Err(self.invalid("introspection.cache is 5min at the most: a revocation is seen that late"));
        }
        let unused = [
            ("jwks_uri", self.jwks_uri.is_some()),
            ("algorithms", self.algorithms.is_some()),
            ("plain_jwt", self.plain_jwt),
            ("cool_down", self.cool_down.is_some()),
            ("max_stale", self.max_stale.is_some()),
        ];
        match unused.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => {
                Err(self.invalid(format!("{key} has no effect beside introspection; leave one of them out")))
            }
            None => Ok(()),
        }
    }
}

/// An absolute `https` URL without query and fragment. `http` is for this machine alone, and where keys or answers are
/// fetched over it `serve --dev` has to allow it.
fn check_url(key: &str, text: &str) -> Result<(), InvalidConfig> {
    let invalid = |why: &str| {
        InvalidConfig::new(format!(
            "{key}: `{}` {why}; write it as in \"https://login.example.com\"",
            text.escape_debug()
        ))
    };
    let uri: Uri = text.parse().map_err(|_| invalid("is no URL"))?;
    let host = uri.host().filter(|host| !host.is_empty());
    if host.is_none() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(invalid("names no host, or more than that"));
    }
    if text.contains(['?', '#']) {
        return Err(invalid("has a query or a fragment"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(&uri) => Ok(()),
        _ => Err(invalid("is not https")),
    }
}

/// Whether a URL names this machine.
pub(crate) fn is_loopback(uri: &Uri) -> bool {
    let Some(host) = uri.host() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(feature = "jwt")]
#[cfg(test)]
mod tests {
    use crate::config::Config;

    const ISSUER: &str = "[auth]\nresource = \"https://mcp.example.com/mcp\"\n[[auth.issuers]]\nissuer = \"https://login.example.com\"\n";

    #[test]
    fn a_whole_configuration_is_read() {
        let config = Config::parse(
            r#"
            [auth]
            resource = "https://mcp.example.com/mcp"
            baseline_scope = "revenue.read"
            [[auth.issuers]]
            issuer = "https://login.example.com"
            audience = "https://mcp.example.com/mcp"
            algorithms = ["ES256", "RS256"]
            jwks_uri = "https://login.example.com/jwks"
            scope_claim = "scp"
            agent_claim = "appid"
            subject_claim = "oid"
            plain_jwt = true
            leeway = "30s"
            cool_down = "1min"
            max_stale = "2h"
            hierarchy = { "record.admin" = ["record.delete", "record.read"] }
            [[auth.issuers]]
            issuer = "https://opaque.example.com"
            audience = ["https://mcp.example.com/mcp", "urn:mcp"]
            introspection = { endpoint = "https://opaque.example.com/introspect", client_id = "mcp", client_secret_file = "secret", cache = "10s" }
            "#,
        )
        .unwrap();
        assert_eq!(config.auth.issuers.len(), 2);
        assert_eq!(config.auth.issuers[0].hierarchy["record.admin"], ["record.delete", "record.read"]);
        assert_eq!(config.auth.issuers[1].audience.as_ref().unwrap().0.len(), 2);
    }

    #[test]
    fn what_would_be_unsafe_or_without_effect_stops_the_start() {
        let with = |rest: &str| format!("{ISSUER}{rest}");
        for (text, word) in [
            ("[[auth.issuers]]\nissuer = \"https://login.example.com\"".to_owned(), "auth.resource"),
            ("[auth]\nresource = \"https://mcp.example.com/mcp\"".to_owned(), "[[auth.issuers]]"),
            (ISSUER.replace("https://mcp", "http://mcp"), "not https"),
            (ISSUER.replace("https://login", "http://login"), "not https"),
            (ISSUER.replace("https://login.example.com", "login.example.com"), "not https"),
            (ISSUER.replace("https://login", "https://user@login"), "no host"),
            (ISSUER.replace("example.com/mcp", "example.com/mcp?x=1"), "query"),
            (with("audience = []"), "audience"),
            (with("audience = \"\""), "audience"),
            (with("algorithms = [\"HS256\"]"), "ES256"),
            (with("algorithms = [\"none\"]"), "ES256"),
            (with("algorithms = []"), "ES256"),
            (with("jwks_uri = \"http://login.example.com/jwks\""), "not https"),
            (with("leeway = \"10min\""), "leeway"),
            (with("scope_claim = \"\""), "claim"),
            (with("hierarchy = { \"a b\" = [\"c\"] }"), "hierarchy"),
            (with("hierarchy = { a = [] }"), "implies nothing"),
            (with("secret = \"x\""), "unknown field"),
            (with("[[auth.issuers]]\nissuer = \"https://login.example.com\""), "twice"),
            (
                with(
                    "introspection = { endpoint = \"http://x.example/\", client_id = \"a\", client_secret_file = \"f\" }",
                ),
                "not https",
            ),
            (
                with(
                    "plain_jwt = true\nintrospection = { endpoint = \"https://x.example/\", client_id = \"a\", client_secret_file = \"f\" }",
                ),
                "plain_jwt",
            ),
            (
                with(
                    "introspection = { endpoint = \"https://x.example/\", client_id = \"a\", client_secret_file = \"f\", cache = \"1h\" }",
                ),
                "cache",
            ),
        ] {
            let error = Config::parse(&text).unwrap_err();
            assert!(error.0.contains(word), "{text}: {error}");
        }
        assert!(Config::parse(&ISSUER.replace("https://login.example.com", "http://127.0.0.1:9")).is_ok());
    }
}
