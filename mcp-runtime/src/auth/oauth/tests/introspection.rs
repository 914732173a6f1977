//! Opaque tokens: the authorization server says what they are worth.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A site whose issuer is asked, with answers that are believed for so long.
async fn site(cache: &str) -> Site {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cr&t\n").unwrap();
    let path = secret.path().to_str().unwrap();
    let extra = format!(
        "introspection = {{ endpoint = \"{{url}}/introspect\", client_id = \"mcp server\", client_secret_file = {path:?}, \
         cache = \"{cache}\" }}"
    );
    Site::new(&extra).await
}

fn active(site: &Site) -> Value {
    let mut claims = site.claims_with(&json!({ "jti": null, "token_type": "Bearer" }));
    claims["active"] = json!(true);
    claims
}

#[tokio::test]
async fn an_opaque_token_is_asked_about_once_for_all_who_carry_it() {
    let site = Arc::new(site("5min").await.with_answer("opaque-1"));
    site.authority.delay(Duration::from_millis(50));
    assert_eq!(site.credentials.effort(&with("opaque-1")), Effort::Remote);
    let calls: Vec<_> = (0..30)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.ask("opaque-1").await.unwrap().agent().name().to_owned() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "reporting");
    }
    assert_eq!(site.authority.questions(), 1);
    assert_eq!(site.credentials.effort(&with("opaque-1")), Effort::None);
    let caller = site.ask("opaque-1").await.unwrap();
    assert!(caller.credential().starts_with("sha256:"));
    let head = site.authority.seen().into_iter().find(|head| head.starts_with("POST /introspect")).unwrap();
    let authorization = head.lines().find(|line| line.to_lowercase().starts_with("authorization:")).unwrap();
    let pair = STANDARD.encode("mcp%20server:s3cr%26t");
    assert!(authorization.ends_with(&format!("Basic {pair}")), "{authorization}");
}

impl Site {
    fn with_answer(self, token: &str) -> Self {
        self.authority.say(token, active(&self));
        self
    }
}

#[tokio::test]
async fn a_secret_that_is_none_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    for name in ["empty", "missing"] {
        let path = folder.path().join(name);
        let extra = format!(
            "introspection = {{ endpoint = \"https://login.example.com/introspect\", client_id = \"mcp\", client_secret_file = {path:?} }}"
        );
        let config = config("https://login.example.com", &extra);
        let error = Credentials::start(Arc::new(MemoryStore::new()), &config.auth).await.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn an_answer_is_believed_for_its_time_and_no_longer() {
    let site = site("100ms").await.with_answer("opaque-1");
    assert!(site.ask("opaque-1").await.is_ok());
    site.authority.say("opaque-1", json!({ "active": false, "sub": "alice", "client_id": "reporting" }));
    tokio::time::sleep(Duration::from_millis(110)).await;
    assert!(is_invalid(&site.ask("opaque-1").await));
    assert_eq!(site.authority.questions(), 2);
    site.authority.say("opaque-1", active(&site));
    assert!(site.ask("opaque-1").await.is_ok(), "that it was not active is not remembered");
}

#[tokio::test]
async fn an_answer_is_checked_like_a_token() {
    let site = site("1s").await;
    for changes in [
        json!({ "aud": null }),
        json!({ "aud": "https://other.example.com" }),
        json!({ "iss": "https://evil.example.com" }),
        json!({ "exp": now() - 120 }),
        json!({ "nbf": now() + 120 }),
        json!({ "client_id": null }),
        json!({ "cnf": { "x5t#S256": "x" } }),
        json!({ "token_type": "DPoP" }),
        json!({ "token_type": "refresh_token" }),
        json!({ "token_use": "refresh_token" }),
        json!({ "token_use": 1 }),
        json!({ "typ": "Offline" }),
    ] {
        let mut answer = site.claims_with(&changes);
        answer["active"] = json!(true);
        site.authority.say("opaque", answer);
        assert!(is_invalid(&site.ask("opaque").await), "{changes}");
    }
    for changes in [json!({ "iss": null }), json!({ "exp": null }), json!({ "sub": null })] {
        let mut answer = site.claims_with(&changes);
        answer["active"] = json!(true);
        let token = format!("ok-{}", changes.to_string().len());
        site.authority.say(&token, answer);
        assert!(site.ask(&token).await.is_ok(), "{changes}");
    }
    assert!(is_invalid(&site.ask("unknown").await));
}

#[tokio::test]
async fn no_answer_is_neither_a_pass_nor_a_refusal_and_ends_in_a_pause() {
    for mode in [
        Mode::Status(401),
        Mode::Status(500),
        Mode::Body("{}".to_owned()),
        Mode::Body(r#"{"active":"true"}"#.to_owned()),
        Mode::Body(r#"{"active":false,"active":true}"#.to_owned()),
        Mode::Body("<html>".to_owned()),
    ] {
        let site = site("1ms").await.with_answer("good");
        site.authority.become_(mode.clone());
        for i in 0..20 {
            assert!(is_unavailable(&site.ask(&format!("opaque-{i}")).await), "{mode:?}");
        }
        assert_eq!(site.authority.questions(), 5, "then it is left in peace: {mode:?}");
        site.authority.become_(Mode::Good);
        let Err(Refusal::Unavailable { retry_after }) = site.ask("good").await else { panic!("still paused") };
        assert!(
            (Duration::from_secs(5)..=super::super::introspection::PAUSE).contains(&retry_after),
            "{retry_after:?}"
        );
    }
}

#[tokio::test]
async fn a_known_token_is_not_served_beyond_its_time_while_nobody_answers() {
    let site = site("50ms").await.with_answer("opaque");
    assert!(site.ask("opaque").await.is_ok());
    site.authority.become_(Mode::Status(500));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(is_unavailable(&site.ask("opaque").await));
}

#[tokio::test]
async fn a_token_of_another_issuer_is_shown_to_nobody() {
    let site = site("1s").await;
    for issuer in ["https://evil.example.com", "https://login.example.com"] {
        let token = site.token_with(&json!({ "iss": issuer }));
        assert!(is_invalid(&site.ask(&token).await));
        assert_eq!(site.credentials.effort(&with(&token)), Effort::None);
    }
    assert!(is_invalid(&site.ask("mcpk_guess").await), "a key that is none is no token either");
    assert_eq!(site.authority.questions(), 0);
    assert!(is_invalid(&site.ask(&site.token()).await), "this one is its own, and not active");
    assert_eq!(site.authority.questions(), 1);
}
