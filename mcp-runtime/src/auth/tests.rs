//! Bearer credentials, and API keys against stores that fail, stall and change.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::*;
use crate::caller::Agent;

fn parts(headers: &[(&str, &[u8])]) -> Parts {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn with_key(key: &str) -> Parts {
    parts(&[("authorization", format!("Bearer {key}").as_bytes())])
}

#[test]
fn one_bearer_token_is_read() {
    for text in ["Bearer abc", "bearer abc", "BEARER abc", "Bearer   abc "] {
        assert_eq!(bearer(&parts(&[("authorization", text.as_bytes())])), Ok("abc"), "{text}");
    }
    assert_eq!(bearer(&parts(&[("authorization", b"Bearer a-._~+/9==")])), Ok("a-._~+/9=="));
}

#[test]
fn what_is_no_bearer_token_is_refused() {
    assert_eq!(bearer(&parts(&[])), Err(Refusal::Missing));
    assert_eq!(bearer(&parts(&[("authorization", b"Basic dTpw")])), Err(Refusal::Missing));
    for text in
        ["", "Bearer", "Bearer ", "Basic", " abc", "Bearer a b", "Bearer\tabc", "Bearer a,b", "Bearer ==", "Bearer é"]
    {
        assert_eq!(bearer(&parts(&[("authorization", text.as_bytes())])), Err(Refusal::Malformed), "{text:?}");
    }
    let two: &[(&str, &[u8])] = &[("authorization", b"Bearer a"), ("authorization", b"Bearer a")];
    assert_eq!(bearer(&parts(two)), Err(Refusal::Malformed));
    let long = format!("Bearer {}", "a".repeat(MAX_CREDENTIAL_BYTES));
    assert_eq!(bearer(&parts(&[("authorization", long.as_bytes())])), Err(Refusal::Malformed));
    let mut in_query = parts(&[]);
    in_query.uri = "/mcp?access_token=abc".parse().unwrap();
    assert_eq!(bearer(&in_query), Err(Refusal::Missing));
}

#[test]
fn a_refusal_does_not_tell_the_reason() {
    let texts = [InvalidReason::Unknown, InvalidReason::Expired, InvalidReason::Revoked, InvalidReason::Checksum]
        .map(|reason| Refusal::Invalid(reason).to_string());
    assert!(texts.iter().all(|text| *text == texts[0]));
}

/// A store of which tests hold the look-ups back, and which they can break.
struct FakeStore {
    store: MemoryStore,
    /// A look-up that has read its record waits here before it answers.
    gate: Semaphore,
    finds: AtomicUsize,
    is_broken: AtomicBool,
    /// As if every change came from another process.
    is_remote: AtomicBool,
}

impl FakeStore {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            store: MemoryStore::new(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            finds: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
            is_remote: AtomicBool::new(false),
        })
    }

    fn read<T>(&self, value: T) -> Result<T, StoreError> {
        let is_broken = self.is_broken.load(Ordering::SeqCst);
        if is_broken { Err(StoreError::Database("it is broken".into())) } else { Ok(value) }
    }

    fn finds(&self) -> usize {
        self.finds.load(Ordering::SeqCst)
    }
}

impl CredentialStore for FakeStore {
    fn issue<'a>(&'a self, new: &'a NewKey) -> BoxFuture<'a, Result<IssuedKey, StoreError>> {
        self.store.issue(new)
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, StoreError>> {
        self.store.list()
    }
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<KeyRecord>, StoreError>> {
        Box::pin(async move {
            self.finds.fetch_add(1, Ordering::SeqCst);
            let found = self.store.find(id).await?;
            self.gate.acquire().await.unwrap().forget();
            self.read(found)
        })
    }
    fn rotate<'a>(&'a self, id: &'a str, grace: Duration) -> BoxFuture<'a, Result<IssuedKey, StoreError>> {
        self.store.rotate(id, grace)
    }
    fn revoke<'a>(&'a self, target: &'a Target, by: &'a str) -> BoxFuture<'a, Result<Revocation, StoreError>> {
        self.store.revoke(target, by)
    }
    fn revocations(&self) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>> {
        self.store.revocations()
    }
    fn revocations_after(&self, seq: u64) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>> {
        Box::pin(async move { self.read(self.store.revocations_after(seq).await?) })
    }
    fn epoch(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.read(self.store.epoch().await?) })
    }
    fn changes(&self) -> u64 {
        if self.is_remote.load(Ordering::SeqCst) { 0 } else { self.store.changes() }
    }
}

fn reporting() -> NewKey {
    NewKey {
        agent: "reporting".into(),
        scopes: vec!["revenue.*".into()],
        on_behalf_of: Some("alice".into()),
        lifetime: Some(Duration::from_hours(1)),
    }
}

const UNKNOWN: Refusal = Refusal::Invalid(InvalidReason::Unknown);
const REVOKED: Refusal = Refusal::Invalid(InvalidReason::Revoked);

fn is_unavailable(verdict: &Result<Arc<Caller>, Refusal>) -> bool {
    matches!(verdict, Err(Refusal::Unavailable { .. }))
}

async fn ask(keys: &ApiKeys, key: &ApiKey) -> Result<Arc<Caller>, Refusal> {
    keys.authenticate(&with_key(key.expose())).await
}

#[tokio::test]
async fn a_key_makes_a_caller_once() {
    let store = FakeStore::new();
    let issued = store.issue(&reporting()).await.unwrap();
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    let caller = ask(&keys, &issued.key).await.unwrap();
    assert_eq!(caller.agent(), &Agent::key("reporting").unwrap());
    assert_eq!((caller.subject(), caller.credential()), (Some("alice"), issued.key.id()));
    assert!(caller.grants().allow("revenue.read") && !caller.grants().allow("record.delete"));
    assert_eq!(caller.expires(), issued.record.expires);
    assert!(!caller.steps_up());
    let again = ask(&keys, &issued.key).await.unwrap();
    assert!(Arc::ptr_eq(&caller, &again));
    assert_eq!(store.finds(), 1);
}

#[tokio::test]
async fn refusals_look_the_same_and_always_ask_the_store() {
    let store = FakeStore::new();
    let key = store.issue(&reporting()).await.unwrap().key;
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    ask(&keys, &key).await.unwrap();
    // The id of a cached key with another secret: the checksum is right, so only the hash tells.
    let forged = api_key::tests::with_id(key.id());
    for _ in 0..2 {
        assert_eq!(ask(&keys, &forged).await.unwrap_err(), UNKNOWN);
        assert_eq!(ask(&keys, &ApiKey::generate().unwrap()).await.unwrap_err(), UNKNOWN);
    }
    assert_eq!(store.finds(), 5);
    let checksum = Refusal::Invalid(InvalidReason::Checksum);
    assert_eq!(keys.authenticate(&with_key("mcpk_")).await.unwrap_err(), checksum);
    assert_eq!(keys.authenticate(&with_key("eyJhbGciOi.J9.x")).await.unwrap_err(), checksum);
    assert_eq!(keys.authenticate(&parts(&[])).await.unwrap_err(), Refusal::Missing);
    assert_eq!(store.finds(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_this_process_counts_on_the_next_call() {
    let store = FakeStore::new();
    let key = store.issue(&reporting()).await.unwrap().key;
    let other = store.issue(&NewKey { agent: "billing".into(), ..reporting() }).await.unwrap().key;
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    ask(&keys, &key).await.unwrap();
    store.revoke(&Target::Agent(Agent::key("reporting").unwrap()), "admin").await.unwrap();
    assert_eq!(ask(&keys, &key).await.unwrap_err(), REVOKED);
    ask(&keys, &other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_another_process_counts_within_a_second() {
    let store = FakeStore::new();
    store.is_remote.store(true, Ordering::SeqCst);
    let key = store.issue(&reporting()).await.unwrap().key;
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    ask(&keys, &key).await.unwrap();
    store.revoke(&Target::Key(key.id().into()), "admin").await.unwrap();
    ask(&keys, &key).await.unwrap();
    sleep(Duration::from_millis(201)).await;
    assert_eq!(ask(&keys, &key).await.unwrap_err(), REVOKED);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_read_before_a_revocation_is_never_cached() {
    for is_remote in [false, true] {
        let store = FakeStore::new();
        store.is_remote.store(is_remote, Ordering::SeqCst);
        let key = store.issue(&reporting()).await.unwrap().key;
        let keys = Arc::new(ApiKeys::start(store.clone()).await.unwrap());
        store.gate.forget_permits(Semaphore::MAX_PERMITS);
        let call = tokio::spawn({
            let (keys, text) = (keys.clone(), key.expose().to_owned());
            async move { keys.authenticate(&with_key(&text)).await }
        });
        while store.finds() == 0 {
            tokio::task::yield_now().await;
        }
        store.revoke(&Target::Key(key.id().into()), "admin").await.unwrap();
        if is_remote {
            sleep(Duration::from_millis(201)).await;
        }
        store.gate.add_permits(10);
        assert_eq!(call.await.unwrap().unwrap_err(), REVOKED, "the stale verdict was thrown away and asked for again");
        assert_eq!(store.finds(), 2);
        assert_eq!(ask(&keys, &key).await.unwrap_err(), REVOKED);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_survived_for_the_stated_time() {
    let store = FakeStore::new();
    let (seen, unseen) = (store.issue(&reporting()).await.unwrap().key, store.issue(&reporting()).await.unwrap().key);
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    ask(&keys, &seen).await.unwrap();
    let ephemeral = keys.issue_ephemeral(&reporting()).unwrap().key;
    store.is_broken.store(true, Ordering::SeqCst);
    sleep(Duration::from_secs(29)).await;
    ask(&keys, &seen).await.unwrap();
    assert!(is_unavailable(&ask(&keys, &unseen).await));
    assert!(is_unavailable(&ask(&keys, &ApiKey::generate().unwrap()).await));
    sleep(Duration::from_secs(2)).await;
    assert!(is_unavailable(&ask(&keys, &seen).await));
    ask(&keys, &ephemeral).await.unwrap();
    store.is_broken.store(false, Ordering::SeqCst);
    ask(&keys, &unseen).await.unwrap();
    sleep(Duration::from_millis(201)).await;
    ask(&keys, &seen).await.unwrap();
    store.is_broken.store(true, Ordering::SeqCst);
    assert!(ApiKeys::start(store).await.is_err(), "an outage at the start is an error");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_an_outage() {
    let store = FakeStore::new();
    let key = store.issue(&reporting()).await.unwrap().key;
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    store.gate.forget_permits(Semaphore::MAX_PERMITS);
    assert!(is_unavailable(&ask(&keys, &key).await));
}

#[tokio::test]
async fn expiry_is_checked_on_every_call() {
    let store = FakeStore::new();
    let soon = NewKey { lifetime: Some(Duration::from_millis(400)), ..reporting() };
    let key = store.issue(&soon).await.unwrap().key;
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    let end = ask(&keys, &key).await.unwrap().expires().unwrap();
    while jiff::Timestamp::now() < end {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&keys, &key).await.unwrap_err(), Refusal::Invalid(InvalidReason::Expired));
    assert_eq!(store.finds(), 1, "from the cached record");
    keys.invalidate();
    assert_eq!(ask(&keys, &key).await.unwrap_err(), Refusal::Invalid(InvalidReason::Expired));
}

#[tokio::test]
async fn an_ephemeral_key_is_in_memory_alone() {
    let store = FakeStore::new();
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    let every = NewKey { agent: "dev".into(), scopes: vec!["*".into()], on_behalf_of: None, lifetime: None };
    let key = keys.issue_ephemeral(&every).unwrap().key;
    keys.invalidate();
    assert!(ask(&keys, &key).await.unwrap().grants().allow("record.delete"));
    assert_eq!(ask(&keys, &api_key::tests::with_id(key.id())).await.unwrap_err(), UNKNOWN);
    assert!(store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let store = FakeStore::new();
    let mut issued = Vec::new();
    for _ in 0..5 {
        issued.push(store.issue(&reporting()).await.unwrap().key);
    }
    for capacity in [0, 2] {
        let policy = CachePolicy { capacity, ..CachePolicy::default() };
        let keys = ApiKeys::start_with(store.clone(), policy).await.unwrap();
        for key in &issued {
            ask(&keys, key).await.unwrap();
        }
        assert_eq!(keys.count(), capacity);
    }
}

#[tokio::test]
async fn the_watcher_ends_with_its_owner() {
    let store = FakeStore::new();
    let keys = ApiKeys::start(store.clone()).await.unwrap();
    drop(keys);
    let end = async {
        while Arc::strong_count(&store) > 1 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), end).await.is_ok());
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_revocation_through_another_connection_to_the_file_counts_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path().join("state"));
    let (ours, theirs) = (open().await.unwrap(), open().await.unwrap());
    let key = theirs.issue(&reporting()).await.unwrap().key;
    let other = theirs.issue(&NewKey { agent: "billing".into(), ..reporting() }).await.unwrap().key;
    let keys = ApiKeys::start(Arc::new(ours)).await.unwrap();
    ask(&keys, &key).await.unwrap();
    ask(&keys, &other).await.unwrap();
    theirs.revoke(&Target::Agent(Agent::key("reporting").unwrap()), "admin").await.unwrap();
    let began = std::time::Instant::now();
    while ask(&keys, &key).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(1));
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ask(&keys, &key).await.unwrap_err(), REVOKED);
    ask(&keys, &other).await.unwrap();
}
