//! Cut off from another process: within a second, and nobody else notices.

use std::time::{Duration, Instant};

use mcp_runtime::auth::{CredentialStore, SqliteStore, Target};
use mcp_runtime::caller::Agent;
use mcp_tests::message::call;
use mcp_tests::process::{Key, Serving, Site};
use serde_json::json;

fn status(serving: &Serving, key: &Key) -> u16 {
    serving.request().key(&key.key).message(&call(1, "ping", json!({}))).send().status
}

/// Revokes through a store of this process, which is another than the server's; how long both servers went on to let
/// the first key in.
fn revoked_within(site: &Site, serving: &[Serving], key: &Key, other: &Key, target: &Target) -> Duration {
    for serving in serving {
        assert_eq!((status(serving, key), status(serving, other)), (200, 200));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(site.state()).await.unwrap();
        assert_eq!(store.revoke(target, "tester").await.unwrap().keys, 1);
    });
    let began = Instant::now();
    for serving in serving {
        while status(serving, key) != 401 {
            assert!(began.elapsed() < Duration::from_secs(5), "still let in");
            assert_eq!(status(serving, other), 200, "another agent notices nothing");
        }
    }
    let took = began.elapsed();
    for serving in serving {
        assert_eq!((status(serving, key), status(serving, other)), (401, 200));
    }
    took
}

#[test]
fn a_revocation_by_another_process_holds_within_a_second() {
    let site = crate::site("");
    let agent = site.issue("first", &["*"]);
    let key = site.issue("second", &["*"]);
    let subject = site.json(&["keys", "issue", "--agent", "third", "--scope", "*", "--on-behalf-of", "carol"]);
    let text = |name: &str| subject[name].as_str().unwrap().to_owned();
    let subject = Key { id: text("id"), key: text("key") };
    let other = site.issue("other", &["*"]);
    // Each has an audit file of its own.
    let serving = [site.serve(), site.serve_beside()];
    for (revoked, target) in [
        (&agent, Target::Agent(Agent::key("first").unwrap())),
        (&key, Target::Key(key.id.clone())),
        (&subject, Target::Subject("carol".to_owned())),
    ] {
        let took = revoked_within(&site, &serving, revoked, &other, &target);
        assert!(took < Duration::from_secs(1), "{target:?} took {took:?}");
    }
}

#[test]
fn a_key_of_another_process_works_and_so_does_one_issued_after_a_revocation() {
    let site = crate::site("");
    let serving = site.serve();
    let first = site.issue("agent", &["*"]);
    assert_eq!(status(&serving, &first), 200);
    site.json(&["revoke", "agent", "agent"]);
    let second = site.issue("agent", &["*"]);
    assert_eq!(status(&serving, &second), 200, "issued afterwards");
    mcp_tests::process::eventually("the old one is refused", || status(&serving, &first) == 401);
    assert_eq!(status(&serving, &second), 200);
}

#[test]
fn a_rotated_key_ends_with_its_grace() {
    let site = crate::site("");
    let serving = site.serve();
    let (at_once, with_grace) = (site.issue("a", &["*"]), site.issue("b", &["*"]));
    assert_eq!((status(&serving, &at_once), status(&serving, &with_grace)), (200, 200));
    let next = site.json(&["keys", "rotate", &at_once.id]);
    site.json(&["keys", "rotate", &with_grace.id, "--grace", "1h"]);
    let next = Key { id: next["id"].as_str().unwrap().to_owned(), key: next["key"].as_str().unwrap().to_owned() };
    mcp_tests::process::eventually("the old one ends", || status(&serving, &at_once) == 401);
    assert_eq!((status(&serving, &next), status(&serving, &with_grace)), (200, 200));
}
