//! The key set: rotated, removed, unreachable, hostile.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_new_key_works_after_one_fetch_and_a_removed_one_no_longer() {
    let site = Site::new("cool_down = \"1ms\"").await;
    let old = site.token();
    assert!(site.ask(&old).await.is_ok());
    let next = Pair::new("second", Algorithm::EdDSA);
    site.authority.publish(&[&site.pair, &next]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(site.ask(&next.token(&site.claims())).await.is_ok());
    assert_eq!(site.authority.fetches(), 2);
    assert!(site.ask(&old).await.is_ok(), "the old key is still there");
    let third = Pair::new("third", Algorithm::EdDSA);
    site.authority.publish(&[&third]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(site.ask(&third.token(&site.claims())).await.is_ok());
    assert!(is_invalid(&site.ask(&old).await), "cached, and its key is gone");
}

#[tokio::test]
async fn a_removed_key_is_refused_after_the_next_fetch_whoever_asks() {
    let site = Site::new("cool_down = \"1ms\"\nmax_stale = \"1s\"").await;
    let token = site.token();
    assert!(site.ask(&token).await.is_ok());
    site.authority.publish(&[]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(is_invalid(&site.ask(&token).await), "the keys have aged, and it is not among the new ones");
}

#[tokio::test]
async fn ten_thousand_random_key_ids_cause_one_fetch_and_valid_callers_notice_nothing() {
    let site = Arc::new(Site::new("cool_down = \"1h\"").await);
    let token = site.token();
    assert!(site.ask(&token).await.is_ok());
    let claims = site.claims().to_string();
    let strangers: Vec<_> = (0..8)
        .map(|task| {
            let (site, claims) = (Arc::clone(&site), claims.clone());
            tokio::spawn(async move {
                for i in 0..1250 {
                    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": format!("{task}-{i}") });
                    let token = format!(
                        "{}.{}.{}",
                        authority::encode(&header.to_string()),
                        authority::encode(&claims),
                        authority::encode("a signature of sixty-four bytes, more or less, that is of nobody")
                    );
                    assert!(is_invalid(&site.ask(&token).await));
                }
            })
        })
        .collect();
    let mut answered = 0;
    while strangers.iter().any(|stranger| !stranger.is_finished()) {
        assert!(site.ask(&token).await.is_ok());
        answered += 1;
        tokio::task::yield_now().await;
    }
    for stranger in strangers {
        stranger.await.unwrap();
    }
    assert!(answered > 0);
    assert_eq!(site.authority.fetches(), 1, "the first one; the cool-down is not over");
}

#[tokio::test]
async fn at_the_start_everybody_waits_for_one_flight() {
    let site = Arc::new(Site::new("").await);
    let token = site.token();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (site, token) = (Arc::clone(&site), token.clone());
            tokio::spawn(async move { site.ask(&token).await.is_ok() })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    assert_eq!(site.authority.fetches(), 1);
}

#[tokio::test]
async fn without_keys_nobody_is_verified() {
    for mode in [
        Mode::Status(500),
        Mode::Status(404),
        Mode::Body("<html>".to_owned()),
        Mode::Body("{}".to_owned()),
        Mode::Body("x".repeat(50 * 1024 * 1024)),
        Mode::Body(json!({ "keys": vec![json!({ "kty": "oct" }); 101] }).to_string()),
        Mode::Redirect("http://169.254.169.254/latest/meta-data".to_owned()),
        Mode::Redirect("{url}/jwks".to_owned()),
    ] {
        let shown = format!("{mode:.60?}");
        let site = Site::new("jwks_uri = \"{url}/jwks\"\ncool_down = \"1h\"").await;
        let elsewhere = Authority::start(&[&site.pair]).await;
        site.authority.become_(match mode {
            Mode::Redirect(to) => Mode::Redirect(to.replace("{url}", elsewhere.url())),
            mode => mode,
        });
        let verdict = site.ask(&site.token()).await;
        let Err(Refusal::Unavailable { retry_after }) = verdict else { panic!("{shown}: {verdict:?}") };
        assert!(retry_after > Duration::from_secs(3500), "until the cool-down is over: {retry_after:?}");
        assert!(is_unavailable(&site.ask(&site.token()).await));
        assert_eq!((site.authority.fetches(), elsewhere.fetches()), (1, 0), "{shown}");
    }
}

#[tokio::test]
async fn the_last_good_keys_are_used_until_they_are_too_old() {
    let site = Site::new("cool_down = \"1ms\"\nmax_stale = \"4s\"").await;
    let (token, fresh) = (site.token(), site.token_with(&json!({ "jti": "token-2" })));
    assert!(site.ask(&token).await.is_ok());
    site.authority.become_(Mode::Status(503));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let unknown = Pair::new("unknown", Algorithm::ES256).token(&site.claims());
    assert!(is_invalid(&site.ask(&unknown).await), "asked for in vain");
    assert!(site.ask(&fresh).await.is_ok(), "the key is known");
    tokio::time::sleep(Duration::from_millis(4100)).await;
    for token in [&token, &fresh] {
        assert!(is_unavailable(&site.ask(token).await), "cached or not");
    }
    site.authority.become_(Mode::Good);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(site.ask(&token).await.is_ok());
}

#[tokio::test]
async fn metadata_of_another_issuer_or_without_keys_is_not_followed() {
    let site = Site::new("cool_down = \"1ms\"").await;
    let (other, token) = (Authority::start(&[&site.pair]).await, site.token());
    for metadata in [
        json!({ "issuer": other.url(), "jwks_uri": format!("{}/jwks", other.url()) }),
        json!({ "issuer": site.authority.url() }),
        json!({ "issuer": site.authority.url(), "jwks_uri": "http://169.254.169.254/jwks" }),
        json!({ "issuer": site.authority.url(), "jwks_uri": "file:///etc/passwd" }),
        json!({ "jwks_uri": format!("{}/jwks", site.authority.url()) }),
        json!([]),
    ] {
        site.authority.become_(Mode::Body(metadata.to_string()));
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(is_unavailable(&site.ask(&token).await), "{metadata}");
    }
    assert_eq!(site.authority.fetches() + other.fetches(), 0);
}

#[tokio::test]
async fn keys_that_are_no_signature_keys_are_left_out() {
    let site = Site::new("cool_down = \"1ms\"").await;
    let good = site.pair.public.clone();
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let short = json!({ "kty": "RSA", "kid": "first", "n": authority::encode(&"x".repeat(128)), "e": "AQAB" });
    for key in [
        changed("use", json!("enc")),
        changed("key_ops", json!(["sign"])),
        changed("alg", json!("HS256")),
        changed("alg", json!("none")),
        changed("crv", json!("P-384")),
        changed("kty", json!("oct")),
        changed("x", json!("!")),
        changed("x", json!(7)),
        short,
        json!({ "kty": "oct", "kid": "first", "k": "c2VjcmV0" }),
        json!("first"),
    ] {
        site.authority.publish_raw(vec![key.clone()]);
        tokio::time::sleep(Duration::from_millis(3)).await;
        assert!(is_invalid(&site.ask(&site.token()).await), "{key}");
    }
    site.authority.publish_raw(vec![json!({ "kty": "martian" }), json!(7), changed("key_ops", json!(["verify"]))]);
    tokio::time::sleep(Duration::from_millis(3)).await;
    assert!(site.ask(&site.token()).await.is_ok(), "one bad key does not take the others along");
}

#[tokio::test]
async fn plain_http_is_for_development() {
    let pair = Pair::new("first", Algorithm::ES256);
    let authority = Authority::start(&[&pair]).await;
    let store = Arc::new(MemoryStore::new());
    for extra in ["", "jwks_uri = \"{url}/jwks\""] {
        let config = config(authority.url(), &extra.replace("{url}", authority.url()));
        let error = Credentials::start(store.clone(), &config.auth).await.unwrap_err().to_string();
        assert!(error.contains("--dev"), "{error}");
    }
    assert_eq!(authority.fetches(), 0);
}
