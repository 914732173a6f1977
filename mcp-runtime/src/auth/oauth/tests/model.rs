//! The cache and the revocations against a model: random issues, calls, revocations, expiries and restarts.
//!
//! The model knows nothing of caches. Whatever it says is revoked or has ended is never served; whatever it says is good
//! is.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    IssueKey { agent: u8, subject: u8 },
    IssueToken { agent: u8, subject: u8, expired: bool },
    Call(u8),
    RevokeCredential(u8),
    RevokeAgent { agent: u8, is_key: bool, only_until_now: bool },
    RevokeSubject { subject: u8, only_until_now: bool },
    Forget,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let few = 0..3_u8;
    prop_oneof![
        2 => (few.clone(), few.clone()).prop_map(|(agent, subject)| Step::IssueKey { agent, subject }),
        3 => (few.clone(), few.clone(), prop::bool::weighted(0.2))
            .prop_map(|(agent, subject, expired)| Step::IssueToken { agent, subject, expired }),
        10 => any::<u8>().prop_map(Step::Call),
        2 => any::<u8>().prop_map(Step::RevokeCredential),
        1 => (few.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(agent, is_key, only_until_now)| Step::RevokeAgent { agent, is_key, only_until_now }),
        1 => (few, any::<bool>()).prop_map(|(subject, only_until_now)| Step::RevokeSubject { subject, only_until_now }),
        1 => Just(Step::Forget),
        1 => Just(Step::Restart),
    ]
}

/// What the model knows of a credential.
struct Issued {
    text: String,
    id: String,
    agent: u8,
    subject: u8,
    is_key: bool,
    is_good: bool,
}

/// What holds for tokens that are issued later.
#[derive(Default)]
struct Blocked {
    agents: [bool; 3],
    subjects: [bool; 3],
}

#[test]
fn nothing_that_was_cut_off_is_ever_served() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let site = runtime.block_on(Site::new("cool_down = \"1h\""));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() });
    let steps = prop::collection::vec(step(), 1..60);
    runner.run(&steps, |steps| runtime.block_on(play(&site, &steps))).unwrap();
}

async fn play(site: &Site, steps: &[Step]) -> Result<(), TestCaseError> {
    let store = Arc::new(MemoryStore::new());
    let url = site.authority.url();
    let config = config(url, &format!("jwks_uri = \"{url}/jwks\"")).auth;
    // The capacity is small, so that verdicts come and go.
    let policy = CachePolicy { capacity: 3, ..CachePolicy::default() };
    let start = || Credentials::start_with(store.clone(), &config, policy, true);
    let mut credentials = start().await.unwrap();
    let (mut issued, mut blocked) = (Vec::<Issued>::new(), Blocked::default());
    for step in steps {
        match step {
            Step::IssueKey { agent, subject } => {
                let new = NewKey {
                    agent: format!("agent-{agent}"),
                    scopes: vec![],
                    on_behalf_of: Some(format!("subject-{subject}")),
                    lifetime: None,
                };
                let key = store.issue(&new).await.unwrap().key;
                let (text, id) = (key.expose().to_owned(), key.id().to_owned());
                issued.push(Issued { text, id, agent: *agent, subject: *subject, is_key: true, is_good: true });
            }
            Step::IssueToken { agent, subject, expired } => {
                let id = format!("token-{}", issued.len());
                let times = if *expired { (now() - 900, now() - 300) } else { (now() - 5, now() + 900) };
                let text = site.token_with(&json!({
                    "jti": id, "client_id": format!("agent-{agent}"), "sub": format!("subject-{subject}"),
                    "iat": times.0, "exp": times.1,
                }));
                let is_blocked = blocked.agents[usize::from(*agent)] || blocked.subjects[usize::from(*subject)];
                let is_good = !expired && !is_blocked;
                issued.push(Issued { text, id, agent: *agent, subject: *subject, is_key: false, is_good });
            }
            Step::Call(which) => {
                let Some(called) = pick(&mut issued, *which) else { continue };
                let verdict = credentials.authenticate(&with(&called.text)).await;
                prop_assert_eq!(verdict.is_ok(), called.is_good, "{}: {:?}", called.id, verdict);
                prop_assert!(!is_unavailable(&verdict));
            }
            Step::RevokeCredential(which) => {
                let Some(cut) = pick(&mut issued, *which) else { continue };
                cut.is_good = false;
                let target = if cut.is_key { Target::Key(cut.id.clone()) } else { Target::Token(cut.id.clone()) };
                store.revoke(&target, "model").await.unwrap();
            }
            Step::RevokeAgent { agent, is_key, only_until_now } => {
                let name = format!("agent-{agent}");
                let source = Source::Client { issuer: site.authority.url().into() };
                let named = Agent::new(if *is_key { Source::Key } else { source }, &name).unwrap();
                let target = if *only_until_now { Target::IssuedTo(named) } else { Target::Agent(named) };
                store.revoke(&target, "model").await.unwrap();
                issued.iter_mut().filter(|i| i.agent == *agent && i.is_key == *is_key).for_each(|i| i.is_good = false);
                if !is_key {
                    // Tokens of this test are issued a few seconds before now, so a time reaches them as a block does.
                    blocked.agents[usize::from(*agent)] = true;
                }
            }
            Step::RevokeSubject { subject, only_until_now } => {
                let name = format!("subject-{subject}");
                let target = if *only_until_now { Target::IssuedFor(name) } else { Target::Subject(name) };
                store.revoke(&target, "model").await.unwrap();
                issued.iter_mut().filter(|i| i.subject == *subject).for_each(|i| i.is_good = false);
                blocked.subjects[usize::from(*subject)] = true;
            }
            Step::Forget => credentials.invalidate(),
            Step::Restart => credentials = start().await.unwrap(),
        }
    }
    Ok(())
}

fn pick(issued: &mut [Issued], which: u8) -> Option<&mut Issued> {
    let index = usize::from(which).checked_rem(issued.len())?;
    issued.get_mut(index)
}
