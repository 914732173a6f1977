//! What every store does, whatever it keeps its records in.

use std::time::Duration;

use super::*;
use crate::auth::KeyHash;
use crate::caller::Agent;

fn reporting() -> NewKey {
    NewKey {
        agent: "reporting".into(),
        scopes: vec!["revenue.read".into(), "record.*".into()],
        on_behalf_of: Some("alice".into()),
        lifetime: Some(Duration::from_hours(1)),
    }
}

fn agent(name: &str) -> NewKey {
    NewKey { agent: name.into(), on_behalf_of: None, lifetime: None, ..reporting() }
}

async fn state(store: &dyn CredentialStore, id: &str) -> KeyState {
    store.find(id).await.unwrap().unwrap().state(record::now())
}

async fn issues_and_lists(store: &dyn CredentialStore) {
    assert!(store.list().await.unwrap().is_empty());
    let epoch = store.epoch().await.unwrap();
    let issued = store.issue(&reporting()).await.unwrap();
    let other = store.issue(&agent("billing")).await.unwrap();
    assert_eq!(store.epoch().await.unwrap(), epoch + 2);
    assert_eq!(store.list().await.unwrap(), [issued.record.clone(), other.record.clone()]);
    let found = store.find(issued.key.id()).await.unwrap().unwrap();
    assert_eq!(found, issued.record);
    assert_eq!(found.hash, issued.key.hash());
    assert_ne!(found.hash, KeyHash::from_bytes([0; 32]));
    let lifetime = found.expires.unwrap().duration_since(found.created);
    assert_eq!(lifetime.as_secs(), 3600);
    assert_eq!(other.record.expires, None);
    assert_eq!(store.find("222222222222").await.unwrap(), None);
}

async fn refuses_what_is_not_valid(store: &dyn CredentialStore) {
    let epoch = store.epoch().await.unwrap();
    for (wrong, text) in [
        (NewKey { agent: String::new(), ..reporting() }, "the name of the agent is not valid: the name is empty"),
        (NewKey { on_behalf_of: Some("a\u{202e}".into()), ..reporting() }, "the name of the subject is not valid"),
        (NewKey { scopes: vec!["a b".into()], ..reporting() }, "`a b` is no scope"),
        (NewKey { lifetime: Some(Duration::ZERO), ..reporting() }, "lives for longer than nothing"),
        (NewKey { lifetime: Some(Duration::MAX), ..reporting() }, "before the year 9999"),
    ] {
        let error = store.issue(&wrong).await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let error = store.revoke(&Target::Key("nobody".into()), "admin").await.unwrap_err();
    assert!(matches!(&error, StoreError::UnknownKey { id } if id == "nobody"), "{error}");
    assert!(store.rotate("nobody", Duration::ZERO).await.is_err());
    assert!(store.revoke(&Target::Subject("a\nb".into()), "admin").await.is_err());
    assert!(store.revoke(&Target::Token("t".into()), "").await.is_err());
    let key = store.issue(&reporting()).await.unwrap().key;
    let error = store.revoke(&Target::Key(key.expose().into()), "admin").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(key.expose()), "{error}");
    assert_eq!(store.epoch().await.unwrap(), epoch + 1);
}

async fn rotates(store: &dyn CredentialStore) {
    let old = store.issue(&reporting()).await.unwrap();
    let new = store.rotate(old.key.id(), Duration::ZERO).await.unwrap();
    assert_eq!(state(store, old.key.id()).await, KeyState::Expired);
    assert_eq!(state(store, new.key.id()).await, KeyState::Active);
    assert_eq!(new.record.rotated_from.as_deref(), Some(old.key.id()));
    let (was, is) = (&old.record, &new.record);
    assert_eq!((&is.agent, &is.scopes, &is.on_behalf_of), (&was.agent, &was.scopes, &was.on_behalf_of));
    let lifetime = |key: &KeyRecord| key.expires.unwrap().duration_since(key.created);
    assert_eq!(lifetime(is), lifetime(was));
    let error = store.rotate(old.key.id(), Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("was rotated already"), "{error}");

    let third = store.rotate(new.key.id(), Duration::from_mins(1)).await.unwrap();
    let graced = store.find(new.key.id()).await.unwrap().unwrap();
    assert_eq!(graced.state(record::now()), KeyState::Active);
    let left = graced.expires.unwrap().duration_since(third.record.created);
    assert_eq!(left.as_secs(), 60);

    let fourth = store.rotate(third.key.id(), Duration::from_secs(1_000_000)).await.unwrap();
    let graced = store.find(third.key.id()).await.unwrap().unwrap();
    assert_eq!(graced.expires, third.record.expires, "a grace lengthens no life");
    store.revoke(&Target::Key(fourth.key.id().into()), "admin").await.unwrap();
    let error = store.rotate(fourth.key.id(), Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("was revoked"), "{error}");
}

async fn revokes(store: &dyn CredentialStore) {
    let alice = store.issue(&reporting()).await.unwrap();
    let first = store.issue(&agent("reporting")).await.unwrap();
    let other = store.issue(&agent("billing")).await.unwrap();
    let changes = store.changes();

    let by_key = store.revoke(&Target::Key(first.key.id().into()), "root").await.unwrap();
    assert_eq!((by_key.keys, by_key.kind.as_str(), by_key.value.as_str()), (1, "key", first.key.id()));
    assert_eq!(by_key.seq, store.epoch().await.unwrap());
    assert_ne!(store.changes(), changes);
    let again = store.revoke(&Target::Key(first.key.id().into()), "later").await.unwrap();
    assert_eq!(again.keys, 0);
    let revoked = store.find(first.key.id()).await.unwrap().unwrap().revoked.unwrap();
    assert_eq!((revoked.by.as_str(), revoked.at), ("root", by_key.at), "the first one counts");

    let by_agent = store.revoke(&Target::Agent(Agent::key("reporting").unwrap()), "root").await.unwrap();
    assert_eq!((by_agent.keys, by_agent.value.as_str()), (1, "key:reporting"));
    assert_eq!(state(store, alice.key.id()).await, KeyState::Revoked);
    assert_eq!(state(store, other.key.id()).await, KeyState::Active);
    let later = store.issue(&reporting()).await.unwrap();
    assert_eq!(state(store, later.key.id()).await, KeyState::Active);

    let by_subject = store.revoke(&Target::Subject("alice".into()), "root").await.unwrap();
    assert_eq!(by_subject.keys, 1);
    assert_eq!(state(store, later.key.id()).await, KeyState::Revoked);

    let nobody = store.revoke(&Target::Agent(Agent::key("nobody").unwrap()), "root").await.unwrap();
    assert_eq!(nobody.keys, 0);
    let token = store.revoke(&Target::Token("jti-1".into()), "root").await.unwrap();
    assert_eq!(store.revocations().await.unwrap(), [by_key, again, by_agent, by_subject, nobody, token]);
}

#[tokio::test]
async fn memory() {
    issues_and_lists(&MemoryStore::new()).await;
    refuses_what_is_not_valid(&MemoryStore::new()).await;
    rotates(&MemoryStore::new()).await;
    revokes(&MemoryStore::new()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name| SqliteStore::open(folder.path().join(name));
    issues_and_lists(&open("a").await.unwrap()).await;
    refuses_what_is_not_valid(&open("b").await.unwrap()).await;
    rotates(&open("c").await.unwrap()).await;
    revokes(&open("d").await.unwrap()).await;
}
