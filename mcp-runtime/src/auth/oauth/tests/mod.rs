//! Tokens against an authorization server of the test's own.

mod authority;
mod hostile;
mod introspection;
mod keys;
mod model;
mod revocation;

use std::sync::Arc;

use http::Request;
use http::request::Parts;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use self::authority::{Authority, Mode, Pair};
use crate::auth::{
    Authenticate, CachePolicy, CredentialStore, Credentials, Effort, InvalidReason, MemoryStore, NewKey, Refusal,
    Target,
};
use crate::caller::{Agent, Caller, Source};
use crate::config::Config;

const RESOURCE: &str = "https://mcp.example.com/mcp";

struct Site {
    authority: Authority,
    store: Arc<MemoryStore>,
    credentials: Arc<Credentials>,
    pair: Pair,
}

type Verdict = Result<Arc<Caller>, Refusal>;

fn config(issuer: &str, extra: &str) -> Config {
    let text = format!("[auth]\nresource = \"{RESOURCE}\"\n[[auth.issuers]]\nissuer = \"{issuer}\"\n{extra}");
    Config::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

impl Site {
    /// With one key, and more in the issuer's configuration.
    async fn new(extra: &str) -> Self {
        Self::with(extra, MemoryStore::new().into(), CachePolicy::default()).await
    }

    async fn with(extra: &str, store: Arc<MemoryStore>, policy: CachePolicy) -> Self {
        let pair = Pair::new("first", Algorithm::ES256);
        let authority = Authority::start(&[&pair]).await;
        let extra = extra.replace("{url}", authority.url());
        let config = config(authority.url(), &extra);
        let credentials = Credentials::start_with(store.clone(), &config.auth, policy, true).await.unwrap();
        Self { authority, store, credentials: Arc::new(credentials), pair }
    }

    /// Claims as they should be.
    fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.authority.url(), "aud": RESOURCE, "sub": "alice", "client_id": "reporting", "iat": now - 5,
            "exp": now + 300, "jti": "token-1", "scope": "revenue.read record.read",
        })
    }

    fn claims_with(&self, changes: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    fn token(&self) -> String {
        self.pair.token(&self.claims())
    }

    fn token_with(&self, changes: &Value) -> String {
        self.pair.token(&self.claims_with(changes))
    }

    async fn ask(&self, token: &str) -> Verdict {
        self.credentials.authenticate(&with(token)).await
    }
}

fn with(token: &str) -> Parts {
    Request::builder().header("authorization", format!("Bearer {token}")).body(()).unwrap().into_parts().0
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn is_unavailable(verdict: &Verdict) -> bool {
    matches!(verdict, Err(Refusal::Unavailable { .. }))
}

fn is_invalid(verdict: &Verdict) -> bool {
    matches!(verdict, Err(Refusal::Invalid(_)))
}

const REVOKED: Refusal = Refusal::Invalid(InvalidReason::Revoked);

#[tokio::test]
async fn a_token_makes_a_caller_once() {
    let site = Site::new("").await;
    let token = site.token();
    assert_eq!(site.credentials.effort(&with(&token)), Effort::Local);
    let caller = site.ask(&token).await.unwrap();
    assert_eq!(caller.agent().to_string(), format!("client:{}:reporting", site.authority.url()));
    assert_eq!((caller.subject(), caller.credential()), (Some("alice"), "token-1"));
    assert!(caller.grants().allow("revenue.read") && !caller.grants().allow("record.delete"));
    assert!(caller.steps_up());
    // What the claims say now may be a second later than what the token says.
    assert!((0..60).contains(&(now() - caller.issued().unwrap().as_second())));
    assert!(Arc::ptr_eq(&caller, &site.ask(&token).await.unwrap()), "from memory");
    assert_eq!(site.credentials.effort(&with(&token)), Effort::None);
    assert_eq!(site.authority.fetches(), 1);
    let shown = format!("{caller:?} {:?}", site.credentials);
    assert!(!shown.contains(token.rsplit_once('.').unwrap().1), "{shown}");
}

#[tokio::test]
async fn every_algorithm_verifies_with_the_key_that_is_made_for_it() {
    let mut pairs = vec![Pair::new("ed", Algorithm::EdDSA), Pair::new("ec", Algorithm::ES256)];
    let rsa = Pair::new("rsa", Algorithm::RS256);
    let mut pss = rsa.clone();
    (pss.algorithm, pss.kid) = (Algorithm::PS256, "pss".to_owned());
    (pss.public["alg"], pss.public["kid"]) = (json!("PS256"), json!("pss"));
    pairs.extend([rsa, pss]);
    let site = Site::new("cool_down = \"1ms\"").await;
    site.authority.publish(&pairs.iter().collect::<Vec<_>>());
    for pair in &pairs {
        let verdict = site.ask(&pair.token(&site.claims())).await;
        assert!(verdict.is_ok(), "{:?}: {verdict:?}", pair.algorithm);
    }
    // The same RSA key, each id bound to an algorithm of its own.
    let (rsa, pss) = (&pairs[2], &pairs[3]);
    for (pair, kid, alg) in [(rsa, "pss", "RS256"), (pss, "rsa", "PS256")] {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid }).to_string();
        let crossed = pair.sign(&header, &site.claims().to_string());
        assert!(is_invalid(&site.ask(&crossed).await), "{alg} with the key for {kid}");
    }
}

#[tokio::test]
async fn api_keys_and_several_issuers_stand_side_by_side() {
    let (one, two) = (Pair::new("a", Algorithm::ES256), Pair::new("a", Algorithm::EdDSA));
    let (first, second) = (Authority::start(&[&one]).await, Authority::start(&[&two]).await);
    let extra = format!("[[auth.issuers]]\nissuer = \"{}\"\naudience = [\"urn:mcp\", \"urn:other\"]", second.url());
    let store = Arc::new(MemoryStore::new());
    let new = NewKey { agent: "reporting".into(), scopes: vec!["*".into()], on_behalf_of: None, lifetime: None };
    let key = store.issue(&new).await.unwrap().key;
    let credentials = Credentials::start_dev(store, &config(first.url(), &extra).auth).await.unwrap();
    let claims = |issuer: &Authority, audience: &str| {
        json!({
            "iss": issuer.url(), "aud": audience, "sub": "alice", "client_id": "reporting", "jti": "x",
            "iat": now(), "exp": now() + 60,
        })
    };
    let ask = async |token: &str| credentials.authenticate(&with(token)).await.map(|caller| caller.agent().to_string());
    assert_eq!(ask(key.expose()).await.unwrap(), "key:reporting");
    assert_eq!(ask(&one.token(&claims(&first, RESOURCE))).await.unwrap(), format!("client:{}:reporting", first.url()));
    assert_eq!(
        ask(&two.token(&claims(&second, "urn:mcp"))).await.unwrap(),
        format!("client:{}:reporting", second.url())
    );
    assert!(ask(&two.token(&claims(&second, RESOURCE))).await.is_err(), "the audience of the other issuer");
    assert!(ask(&two.token(&claims(&first, RESOURCE))).await.is_err(), "one issuer's key under the other's name");
    assert!(ask("mcpk_guess").await.is_err());
    assert_eq!(first.fetches() + second.fetches(), 2, "a key id that both have asks for nothing again");
}

#[tokio::test]
async fn agents_and_subjects_are_read_from_the_claims() {
    let site = Site::new("").await;
    let url = site.authority.url().to_owned();
    for (changes, agent, subject) in [
        (json!({}), "client:{}:reporting", Some("alice")),
        (json!({ "client_id": null, "azp": "other" }), "client:{}:other", Some("alice")),
        (json!({ "azp": "other" }), "client:{}:reporting", Some("alice")),
        (json!({ "act": { "sub": "bot" } }), "act:{}:bot", Some("alice")),
        (json!({ "act": { "sub": "bot", "act": { "sub": "root" } } }), "act:{}:bot", Some("alice")),
        (json!({ "act": { "sub": "alice" } }), "act:{}:alice", Some("alice")),
        (json!({ "sub": "reporting" }), "client:{}:reporting", None),
    ] {
        let caller = site.ask(&site.token_with(&changes)).await.unwrap();
        assert_eq!((caller.agent().to_string(), caller.subject()), (agent.replace("{}", &url), subject), "{changes}");
    }
    for changes in [
        json!({ "client_id": null }),
        json!({ "client_id": 7 }),
        json!({ "client_id": 7, "azp": "other" }),
        json!({ "client_id": "" }),
        json!({ "client_id": "re\u{202e}porting" }),
        json!({ "client_id": "a".repeat(257) }),
        json!({ "client_id": null, "azp": ["other"] }),
        json!({ "act": "bot" }),
        json!({ "act": {} }),
        json!({ "act": { "sub": 7 } }),
        json!({ "act": { "sub": "" } }),
        json!({ "act": { "act": { "sub": "bot" } } }),
        json!({ "act": { "sub": "bot", "iss": "https://elsewhere.example.com" } }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": 7 }),
        json!({ "jti": "a\nb" }),
    ] {
        assert!(is_invalid(&site.ask(&site.token_with(&changes)).await), "{changes}");
    }
}

#[tokio::test]
async fn claims_of_other_names_are_read_where_they_are_configured() {
    let site = Site::new("agent_claim = \"appid\"\nsubject_claim = \"oid\"\nscope_claim = \"scp\"").await;
    let changes = json!({ "appid": "app", "oid": "object", "scp": ["a.read", "a.write"], "scope": "record.delete" });
    let caller = site.ask(&site.token_with(&changes)).await.unwrap();
    assert_eq!((caller.agent().name(), caller.subject()), ("app", Some("object")));
    assert_eq!(caller.grants().iter().collect::<Vec<_>>(), ["a.read", "a.write"]);
    let actor = site.ask(&site.token_with(&json!({ "appid": "app", "act": { "sub": "bot" } }))).await.unwrap();
    assert_eq!(actor.agent().name(), "bot");
    assert!(is_invalid(&site.ask(&site.token()).await), "`client_id` is no longer the agent");
}

#[tokio::test]
async fn scopes_of_a_wrong_shape_grant_nothing() {
    let site = Site::new("hierarchy = { \"record.admin\" = [\"record.delete\", \"log.*\"] }").await;
    for scope in [
        json!(null),
        json!(7),
        json!(true),
        json!({ "a": "b" }),
        json!([7]),
        json!(["a", 7]),
        json!(["a b"]),
        json!([[]]),
        json!(""),
        json!("a\u{e9}"),
        json!("a\tb"),
        json!("a\"b"),
        json!("x".repeat(300)),
    ] {
        let caller = site.ask(&site.token_with(&json!({ "scope": scope }))).await.unwrap();
        assert_eq!(caller.grants().iter().count(), 0, "{scope}");
    }
    let granted = async |scope: &str| {
        let caller = site.ask(&site.token_with(&json!({ "scope": scope }))).await.unwrap();
        ["a", "record.delete", "log.read", "anything"].map(|wanted| caller.grants().allow(wanted))
    };
    assert_eq!(granted(" a  b ").await, [true, false, false, false]);
    assert_eq!(granted("*").await, [false; 4], "a wildcard in a token is a literal");
    assert_eq!(granted("record.admin").await, [false, true, true, false]);
}
