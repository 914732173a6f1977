//! Tokens that are cut off here, whatever their authorization server says.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn agent(site: &Site, name: &str) -> Agent {
    Agent::new(Source::Client { issuer: site.authority.url().into() }, name).unwrap()
}

#[tokio::test]
async fn a_revocation_of_this_process_counts_on_the_next_call() {
    let site = Site::new("").await;
    let named =
        |jti: &str, client: &str, sub: &str| site.token_with(&json!({ "jti": jti, "client_id": client, "sub": sub }));
    let tokens =
        [named("t1", "a", "alice"), named("t2", "a", "alice"), named("t3", "b", "alice"), named("t4", "b", "bob")];
    let good = async || {
        let mut good = Vec::new();
        for token in &tokens {
            match site.ask(token).await {
                Ok(_) => good.push(true),
                Err(refusal) => {
                    assert_eq!(refusal, REVOKED);
                    good.push(false);
                }
            }
        }
        good
    };
    assert_eq!(good().await, [true, true, true, true]);
    site.store.revoke(&Target::Token("t1".into()), "admin").await.unwrap();
    assert_eq!(good().await, [false, true, true, true]);
    site.store.revoke(&Target::Agent(agent(&site, "a")), "admin").await.unwrap();
    assert_eq!(good().await, [false, false, true, true]);
    assert_eq!(site.ask(&named("t5", "a", "carol")).await.unwrap_err(), REVOKED, "issued later, and never seen");
    site.store.revoke(&Target::Subject("alice".into()), "admin").await.unwrap();
    assert_eq!(good().await, [false, false, false, true]);
    site.store.revoke(&Target::Agent(Agent::key("b").unwrap()), "admin").await.unwrap();
    assert_eq!(good().await, [false, false, false, true], "an agent with keys is another");
}

#[tokio::test]
async fn what_was_issued_before_now_is_cut_off_and_what_is_issued_later_is_not() {
    let site = Site::new("").await;
    let issued = |at: i64| site.token_with(&json!({ "iat": at, "jti": at.to_string() }));
    let (before, after) = (issued(now() - 5), issued(now() + 30));
    assert!(site.ask(&before).await.is_ok() && site.ask(&after).await.is_ok());
    site.store.revoke(&Target::IssuedTo(agent(&site, "reporting")), "admin").await.unwrap();
    assert_eq!(site.ask(&before).await.unwrap_err(), REVOKED);
    assert!(site.ask(&after).await.is_ok());
    site.store.revoke(&Target::Agent(agent(&site, "reporting")), "admin").await.unwrap();
    assert_eq!(site.ask(&after).await.unwrap_err(), REVOKED);
    site.store.revoke(&Target::IssuedTo(agent(&site, "reporting")), "admin").await.unwrap();
    assert_eq!(site.ask(&before).await.unwrap_err(), REVOKED);
    assert!(site.ask(&after).await.is_ok(), "let in again");
    site.store.revoke(&Target::IssuedFor("alice".into()), "admin").await.unwrap();
    assert!(site.ask(&after).await.is_ok());
    let plain = Site::new("plain_jwt = true").await;
    let undated = plain.claims_with(&json!({ "iat": null })).to_string();
    let undated = plain.pair.sign(r#"{"alg":"ES256","typ":"JWT","kid":"first"}"#, &undated);
    assert!(plain.ask(&undated).await.is_ok());
    plain.store.revoke(&Target::IssuedFor("alice".into()), "admin").await.unwrap();
    assert_eq!(plain.ask(&undated).await.unwrap_err(), REVOKED, "nobody knows that it was issued later");
}

#[tokio::test]
async fn who_is_let_go_is_told_and_others_are_not() {
    let site = Site::new("").await;
    let new = NewKey { agent: "keyed".into(), scopes: vec![], on_behalf_of: Some("alice".into()), lifetime: None };
    let key = site.store.issue(&new).await.unwrap().key;
    let first = site.ask(&site.token()).await.unwrap();
    let second = site.ask(&site.token_with(&json!({ "client_id": "other", "jti": "t2" }))).await.unwrap();
    let third = site.ask(key.expose()).await.unwrap();
    let end = |caller: &Arc<Caller>| {
        let (credentials, caller) = (Arc::clone(&site.credentials), Arc::clone(caller));
        tokio::spawn(async move { credentials.ended(&caller).await })
    };
    let (mut one, mut two, mut three) = (end(&first), end(&second), end(&third));
    tokio::time::sleep(Duration::from_millis(20)).await;
    site.store.revoke(&Target::Agent(first.agent().clone()), "admin").await.unwrap();
    timeout(SOON, &mut one).await.unwrap().unwrap();
    assert!(!two.is_finished() && !three.is_finished(), "other agents of the same subject go on");
    site.store.issue(&new).await.unwrap();
    assert!(timeout(Duration::from_millis(450), &mut three).await.is_err(), "a change that is none of theirs");
    site.store.revoke(&Target::Key(key.id().into()), "admin").await.unwrap();
    timeout(SOON, &mut three).await.unwrap().unwrap();
    assert!(!two.is_finished());
    site.store.revoke(&Target::Token("t2".into()), "admin").await.unwrap();
    timeout(SOON, &mut two).await.unwrap().unwrap();
    timeout(SOON, end(&second)).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_expires_is_let_go() {
    let site = Site::new("leeway = \"1s\"").await;
    let caller = site.ask(&site.token_with(&json!({ "exp": now() + 2 }))).await.unwrap();
    timeout(SOON, site.credentials.ended(&caller)).await.unwrap();
    assert!(caller.expires().unwrap() <= jiff::Timestamp::now());
}
