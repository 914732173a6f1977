//! Callers of tokens that were verified, so that a token is verified once.
//!
//! Only tokens that were good are kept, so strangers cannot fill it. They are found by their end, which for a signed token
//! is most of its signature, and compared whole: a hash of the whole token would cost more than everything else together.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::Instant;

use crate::auth::watch::Stamp;
use crate::caller::Caller;

/// How much of a token's end finds it: 256 bits of a signature, 258 of base64url.
const TAIL: usize = 43;

/// All tokens together, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What is known of a token that was good.
#[derive(Clone)]
pub(super) struct Verdict {
    pub(super) caller: Arc<Caller>,
    /// The issuer, by its place in the configuration.
    pub(super) issuer: usize,
    /// Of the keys that it was verified with.
    pub(super) generation: u64,
    /// Until when an answer of an authorization server is believed.
    pub(super) until: Option<Instant>,
    /// When it was found not to be revoked.
    pub(super) stamp: Stamp,
}

#[derive(Default)]
pub(super) struct Cache(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    by_tail: HashMap<Box<str>, (Box<str>, Verdict)>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, token: &str) -> Option<Verdict> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Not in constant time: who comes this far knows 256 bits of the token.
        inner.by_tail.get(tail(token)).filter(|(known, _)| **known == *token).map(|(_, verdict)| verdict.clone())
    }

    pub(super) fn insert(&self, token: &str, verdict: Verdict, capacity: usize) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.remove(tail(token));
        while inner.by_tail.len() >= capacity || inner.bytes + token.len() > MAX_BYTES {
            // Any will do: it comes back with its next call, at the price of a verification.
            let Some(victim) = inner.by_tail.keys().next().cloned() else { return };
            inner.remove(&victim);
        }
        inner.bytes += token.len();
        inner.by_tail.insert(tail(token).into(), (token.into(), verdict));
    }

    pub(super) fn remove(&self, token: &str) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.by_tail.get(tail(token)).is_some_and(|(known, _)| **known == *token) {
            inner.remove(tail(token));
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.read().unwrap().by_tail.len()
    }
}

impl Inner {
    fn remove(&mut self, tail: &str) {
        if let Some((token, _)) = self.by_tail.remove(tail) {
            self.bytes -= token.len();
        }
    }
}

/// Tokens are ASCII: a text that is none has no other place than its own.
fn tail(token: &str) -> &str {
    token.get(token.len().saturating_sub(TAIL)..).unwrap_or(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Agent;

    fn verdict() -> Verdict {
        let caller = Arc::new(Caller::new(Agent::key("a").unwrap(), "id"));
        Verdict { caller, issuer: 0, generation: 0, until: None, stamp: Stamp::default() }
    }

    #[test]
    fn a_token_is_compared_whole() {
        let cache = Cache::default();
        let tail = "s".repeat(TAIL);
        cache.insert(&format!("a.{tail}"), verdict(), 10);
        assert!(cache.get(&format!("a.{tail}")).is_some());
        for other in [format!("b.{tail}"), tail.clone(), format!("a.{}t", &tail[1..]), String::new()] {
            assert!(cache.get(&other).is_none(), "{other}");
        }
        cache.remove(&format!("b.{tail}"));
        assert_eq!(cache.count(), 1);
        cache.remove(&format!("a.{tail}"));
        assert_eq!((cache.count(), cache.0.read().unwrap().bytes), (0, 0));
    }

    #[test]
    fn it_is_bounded_in_tokens_and_bytes() {
        let cache = Cache::default();
        for i in 0..100 {
            cache.insert(&format!("{i:0>50}"), verdict(), 10);
        }
        assert_eq!((cache.count(), cache.0.read().unwrap().bytes), (10, 500));
        for i in 0..100 {
            cache.insert(&format!("{}{i:0>50}", "0".repeat(1_000_000)), verdict(), 1000);
        }
        assert!(cache.0.read().unwrap().bytes <= MAX_BYTES);
        cache.insert("x", verdict(), 0);
        assert!(cache.get("x").is_none());
    }
}
