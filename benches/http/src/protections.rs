//! The five protections as one would write them by hand: API keys, scopes, limits by agent, tool and both, validation by
//! JSON Schema, and one line of JSON a call, by `tracing`.

use std::collections::HashMap;
use std::fs::File;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonschema::Validator;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing_subscriber::EnvFilter;

use crate::{AGENT, Arguments, KEY, RATE, SCOPE};

/// Who calls.
#[derive(Debug)]
pub struct Agent {
    /// The name in records.
    pub name: String,
    /// For limits.
    pub index: u64,
    scopes: Vec<String>,
}

/// A refusal: a code and a message.
pub type Refused = (&'static str, String);

/// All five.
pub struct Protections {
    keys: HashMap<[u8; 32], Arc<Agent>>,
    by_agent: DefaultKeyedRateLimiter<u64>,
    by_agent_and_tool: DefaultKeyedRateLimiter<(u64, u32)>,
    by_tool: Vec<DefaultDirectRateLimiter>,
    validator: Validator,
}

impl Protections {
    /// With one key.
    ///
    /// # Panics
    /// If the schema does not compile.
    pub fn new() -> Self {
        let quota = || Quota::per_second(NonZeroU32::new(RATE).expect("not zero"));
        let agent = Agent { name: AGENT.to_owned(), index: 0, scopes: vec![SCOPE.to_owned()] };
        let schema = schemars::schema_for!(Arguments).to_value();
        Self {
            keys: HashMap::from([(Sha256::digest(KEY).into(), Arc::new(agent))]),
            by_agent: RateLimiter::keyed(quota()),
            by_agent_and_tool: RateLimiter::keyed(quota()),
            by_tool: vec![RateLimiter::direct(quota())],
            validator: jsonschema::draft202012::options().build(&schema).expect("a schema"),
        }
    }

    /// Who holds the key of a request.
    pub fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<Agent>> {
        let key = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let hash: [u8; 32] = Sha256::digest(key).into();
        self.keys.get(&hash).cloned()
    }

    /// Whether the agent may call the tool, now, with these arguments.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, agent: &Agent, tool: u32, arguments: &Value) -> Result<(), Refused> {
        if !agent.scopes.iter().any(|scope| scope == SCOPE) {
            return Err(("PERMISSION_DENIED", format!("the scope {SCOPE} is missing")));
        }
        let limited = self.by_agent.check_key(&agent.index).is_err()
            || self.by_tool.get(tool as usize).is_none_or(|limit| limit.check().is_err())
            || self.by_agent_and_tool.check_key(&(agent.index, tool)).is_err();
        if limited {
            return Err(("RATE_LIMITED", "too many calls".to_owned()));
        }
        if let Err(error) = self.validator.validate(arguments) {
            return Err(("INVALID_ARGUMENTS", error.to_string()));
        }
        Ok(())
    }

    /// One line a call.
    pub fn record(&self, agent: &Agent, tool: &str, arguments: &Value, outcome: &str, bytes: usize, began: Instant) {
        tracing::info!(
            target: "audit",
            tool,
            agent = agent.name,
            outcome,
            arguments = %arguments,
            duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            output_bytes = bytes,
            "call"
        );
    }
}

impl Default for Protections {
    fn default() -> Self {
        Self::new()
    }
}

/// Sends events as JSON to a file; `filter` says which.
///
/// # Panics
/// If the file cannot be made.
pub fn log_to(path: &Path, filter: &str) {
    let file = File::create(path).expect("a file for records");
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(Mutex::new(file))
        .init();
}
