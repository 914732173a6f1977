//! Tokens that somebody bent: every row is refused, and none of them makes the server do anything for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;

use super::authority::encode;
use super::*;

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"first"}"#;

#[tokio::test]
async fn what_is_wrong_in_the_claims_is_refused() {
    let site = Site::new("").await;
    assert!(site.ask(&site.token()).await.is_ok());
    let now = now();
    let url = site.authority.url();
    let refused = [
        json!({ "iss": null }),
        json!({ "iss": "https://evil.example.com" }),
        json!({ "iss": format!("{url}/") }),
        json!({ "iss": url.to_uppercase() }),
        json!({ "iss": [url] }),
        json!({ "aud": null }),
        json!({ "aud": "" }),
        json!({ "aud": [] }),
        json!({ "aud": "https://other.example.com/mcp" }),
        json!({ "aud": format!("{RESOURCE}/") }),
        json!({ "aud": RESOURCE.to_uppercase() }),
        json!({ "aud": ["https://other.example.com/mcp"] }),
        json!({ "aud": [RESOURCE, 7] }),
        json!({ "aud": { "a": RESOURCE } }),
        json!({ "exp": null }),
        json!({ "exp": now - 61 }),
        json!({ "exp": (now + 300).to_string() }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": true }),
        json!({ "nbf": now + 120 }),
        json!({ "nbf": "now" }),
        json!({ "iat": null }),
        json!({ "iat": 4_070_908_800_i64 }),
        json!({ "iat": now + 120 }),
        json!({ "iat": "now" }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "jti": null }),
        json!({ "jti": 7 }),
        json!({ "cnf": { "jkt": "x" } }),
        json!({ "cnf": {} }),
        json!({ "cnf": false }),
        json!({ "token_type": "DPoP" }),
        json!({ "token_type": 7 }),
        json!({ "token_use": "id" }),
    ];
    for changes in refused {
        let verdict = site.ask(&site.token_with(&changes)).await;
        assert!(is_invalid(&verdict), "{changes}: {verdict:?}");
    }
    for changes in [
        json!({ "aud": ["https://other.example.com/mcp", RESOURCE] }),
        json!({ "exp": now - 30 }),
        json!({ "exp": 1e15 }),
        json!({ "exp": now + 5, "nbf": now + 30, "iat": now + 30 }),
        json!({ "exp": 0.5 + 2_000_000_000.0 }),
        json!({ "unknown": { "deep": [1, 2, 3] } }),
        json!({ "nonce": "x", "at_hash": "y" }),
    ] {
        let verdict = site.ask(&site.token_with(&changes)).await;
        assert!(verdict.is_ok(), "{changes}: {verdict:?}");
    }
    let null = site.claims().to_string().replace('{', r#"{"cnf":null,"#);
    assert!(is_invalid(&site.ask(&site.pair.sign(HEADER, &null)).await), "a `cnf` is one, whatever it holds");
    assert_eq!(site.authority.fetches(), 1);
}

#[tokio::test]
async fn what_is_wrong_in_the_header_is_refused() {
    let site = Site::new("cool_down = \"1ms\"").await;
    let claims = site.claims().to_string();
    assert!(site.ask(&site.pair.sign(HEADER, &claims)).await.is_ok());
    let jwk = Pair::new("mine", Algorithm::ES256).public;
    let mut headers = vec![
        r#"{"typ":"at+jwt","kid":"first"}"#.to_owned(),
        r#"{"alg":7,"typ":"at+jwt","kid":"first"}"#.to_owned(),
        r#"{"alg":"ES256","kid":"first"}"#.to_owned(),
        r#"{"alg":"ES256","typ":"JWT","kid":"first"}"#.to_owned(),
        r#"{"alg":"ES256","typ":"logout+jwt","kid":"first"}"#.to_owned(),
        r#"{"alg":"ES256","typ":7,"kid":"first"}"#.to_owned(),
        r#"{"alg":"ES256","typ":"at+jwt","kid":7}"#.to_owned(),
        r#"{"alg":"ES256","typ":"at+jwt","kid":""}"#.to_owned(),
        r#"{"alg":"ES256","alg":"ES256","typ":"at+jwt","kid":"first"}"#.to_owned(),
        r#"{"alg":"ES256","typ":"at+jwt","kid":"first","k\u0069d":"first"}"#.to_owned(),
        r#"["alg","ES256"]"#.to_owned(),
        "{".to_owned(),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, "k".repeat(257)),
    ];
    for kid in ["../../etc/passwd", "first' OR '1'='1", "http://evil.example.com/jwks", "First", "first ", "\\u0000"] {
        headers.push(format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#));
    }
    for extra in [
        r#""crit":["exp"]"#.to_owned(),
        r#""crit":[]"#.to_owned(),
        r#""crit":["b64"],"b64":false"#.to_owned(),
        r#""b64":false"#.to_owned(),
        r#""zip":"DEF""#.to_owned(),
        r#""enc":"A128GCM""#.to_owned(),
        r#""jku":"http://evil.example.com/jwks""#.to_owned(),
        r#""x5u":"http://evil.example.com/cert""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
        format!(r#""jwk":{jwk}"#),
    ] {
        headers.push(HEADER.replace('{', &format!("{{{extra},")));
    }
    for alg in
        ["none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "RS256", "PS256", "ES384", "EdDSA", "es256"]
    {
        headers.push(format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"first"}}"#));
    }
    for header in &headers {
        let verdict = site.ask(&site.pair.sign(header, &claims)).await;
        assert!(is_invalid(&verdict), "{header}: {verdict:?}");
    }
    for header in [
        r#"{"alg":"ES256","typ":"application/at+jwt","kid":"first"}"#,
        r#"{"alg":"ES256","typ":"AT+JWT","kid":"first"}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"first","x5t":"thumb","foo":1}"#,
    ] {
        assert!(site.ask(&site.pair.sign(header, &claims)).await.is_ok(), "{header}");
    }
    assert!(site.authority.seen().iter().all(|head| head.contains(" /jwks ") || head.contains("/.well-known/")));
}

#[tokio::test]
async fn what_is_wrong_in_the_signature_is_refused() {
    let site = Site::new("").await;
    let (claims, good) = (site.claims().to_string(), site.token());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let secret = |key: &[u8], alg: Algorithm| {
        let name = format!("{alg:?}");
        let header = format!(r#"{{"alg":"{name}","typ":"at+jwt","kid":"first"}}"#);
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(key), alg).unwrap();
        format!("{signed}.{signature}")
    };
    let x = site.pair.public["x"].as_str().unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(x));
    let none = r#"{"alg":"none","typ":"at+jwt","kid":"first"}"#;
    let escalated = claims.replace("revenue.read", "record.delete");
    let rows = [
        format!("{signed}."),
        signed.to_owned(),
        format!("{}.{}.", encode(none), encode(&claims)),
        format!("{}.{}.{signature}", encode(none), encode(&claims)),
        format!("{}.{}.{signature}", encode(HEADER), encode(&escalated)),
        format!("{signed}.{}", encode(&"\0".repeat(64))),
        format!("{signed}.{}", &signature[..signature.len() - 2]),
        format!("{signed}.{signature}AA"),
        format!("{signed}.{signature}="),
        format!("{good}.x"),
        format!("{good}.{signature}"),
        Pair::new("first", Algorithm::ES256).token(&site.claims()),
        Pair::new("first", Algorithm::RS256).token(&site.claims()),
        secret(pem.as_bytes(), Algorithm::HS256),
        secret(site.pair.public.to_string().as_bytes(), Algorithm::HS256),
        secret(b"", Algorithm::HS512),
        encode(HEADER),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "opaque".to_owned(),
        ".".to_owned(),
    ];
    for token in &rows {
        let verdict = site.ask(token).await;
        assert!(is_invalid(&verdict), "{token}: {verdict:?}");
    }
    assert!(site.ask(&good).await.is_ok());
    assert!(site.ask(&format!("{good}=")).await.is_err());
    let large = site.token_with(&json!({ "scope": "x".repeat(100_000) }));
    assert_eq!(site.ask(&large).await.unwrap_err(), Refusal::Malformed);
}

#[tokio::test]
async fn a_claim_that_stands_twice_is_refused() {
    let site = Site::new("").await;
    let claims = site.claims().to_string();
    for twice in [
        claims.replace('{', r#"{"scope":"record.delete","#),
        claims.replace('{', r#"{"\u0061ud":"x","#),
        claims.replace('}', r#","act":{"sub":"a","sub":"b"}}"#),
        "[]".to_owned(),
        "null".to_owned(),
        claims.replace("revenue", "\u{0}"),
        format!("{claims}{claims}"),
    ] {
        assert!(is_invalid(&site.ask(&site.pair.sign(HEADER, &twice)).await), "{twice}");
    }
}

#[tokio::test]
async fn plain_tokens_are_accepted_where_that_is_configured_and_id_tokens_are_not() {
    let plain = Site::new("plain_jwt = true").await;
    for header in [r#"{"alg":"ES256","typ":"JWT","kid":"first"}"#, r#"{"alg":"ES256","kid":"first"}"#, HEADER] {
        let bare = plain.claims_with(&json!({ "jti": null }));
        let verdict = plain.ask(&plain.pair.sign(header, &bare.to_string())).await;
        assert_eq!(verdict.is_ok(), header != HEADER, "{header}: {verdict:?}");
        if let Ok(caller) = verdict {
            assert!(caller.credential().starts_with("sha256:"), "{}", caller.credential());
        }
    }
    for changes in [
        json!({ "nonce": "x" }),
        json!({ "at_hash": "x" }),
        json!({ "c_hash": "x" }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        json!({ "exp": null }),
        json!({ "aud": null }),
    ] {
        let token = plain.pair.sign(r#"{"alg":"ES256","typ":"JWT"}"#, &plain.claims_with(&changes).to_string());
        assert!(is_invalid(&plain.ask(&token).await), "{changes}");
    }
    let id_token = r#"{"alg":"ES256","typ":"id_token+jwt","kid":"first"}"#;
    assert!(is_invalid(&plain.ask(&plain.pair.sign(id_token, &plain.claims().to_string())).await));
}

#[tokio::test]
async fn configured_algorithms_and_leeway_hold() {
    let site = Site::new("algorithms = [\"RS256\", \"EdDSA\"]\nleeway = \"10s\"\ncool_down = \"1ms\"").await;
    let ed = Pair::new("ed", Algorithm::EdDSA);
    site.authority.publish(&[&site.pair, &ed]);
    assert!(is_invalid(&site.ask(&site.token()).await), "ES256 is not among them");
    assert!(site.ask(&ed.token(&site.claims())).await.is_ok());
    assert!(site.ask(&ed.token(&site.claims_with(&json!({ "exp": now() - 3 })))).await.is_ok());
    assert!(is_invalid(&site.ask(&ed.token(&site.claims_with(&json!({ "exp": now() - 11 })))).await));
}
