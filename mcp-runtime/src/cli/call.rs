//! `call`: one call through the gate in this process, recorded as the operator's.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::output::Output;
use super::serve::KEY_VARIABLE;
use super::state::Location;
use super::telemetry::{join, telemetry};
use super::{Error, Result, now};
use crate::auth::{ApiKeys, Authenticate, CredentialStore, KeyRecord, KeyState};
use crate::caller::{Agent, Caller};
use crate::config::Config;
use crate::context::CallContext;
use crate::gate::{Outcome, Request};
use crate::protected::{Protected, bearer_parts};
use crate::record::Via;
use crate::scope::Grants;
use crate::spec::Server;
use crate::telemetry::Telemetry;
use crate::telemetry::audit::LateAudit;
use crate::telemetry::audit::query::of_operator;

/// How long the end waits for the record to be written: another command may be about to write its own.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
#[group(skip)]
pub(super) struct Call {
    /// The tool
    tool: String,
    /// Its arguments, as a JSON object
    #[arg(default_value = "{}")]
    arguments: String,
    /// Call with the rights of this agent's keys, instead of the key in `MCP_API_KEY`
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

pub(super) async fn call<S, M>(
    call: Call,
    mut config: Config,
    state: &Location,
    output: Output,
    construct: impl FnOnce() -> M,
) -> Result
where
    S: Server,
    M: Future<Output = Result<(S, Telemetry)>>,
{
    let telemetry = telemetry(&config, &S::SPEC)?;
    crate::telemetry::subscriber::report_panics();
    let store = state.open().await?;
    // A server that runs has the audit file for itself; the operator's is open only while it is written.
    let audit = config.audit.path.take().map(|path| of_operator(&path));
    let caller = match &call.agent {
        Some(name) => of_agent(name, &store.list().await?)?,
        None => of_key(Arc::clone(&store) as Arc<dyn CredentialStore>).await?,
    };
    let key = store.digest_key()?;
    let (server, own) = construct().await?;
    let mut telemetry = join(telemetry, own)?.digest_key(key);
    if let Some(path) = audit {
        telemetry = telemetry.sink(LateAudit::open(&path, &config.audit, &key)?);
    }
    let protected = Protected::with_telemetry(server, config, telemetry)?;
    let context = CallContext::new("operator", CancellationToken::new());
    let request = Request::new(&call.tool, Some(&call.arguments), &caller, context, Via::Operator);
    let outcome = protected.gate().call(request).await.outcome;
    if !protected.gate().sinks().flush_files(PATIENCE) {
        eprintln!("warning: the call was made, but the audit does not say so; the log says why");
    }
    let (json, failed) = match outcome {
        Outcome::Answered(answered) => match answered.structured() {
            Some(structured) => (structured, false),
            None => (json!({ "content": answered.into_content() }), false),
        },
        Outcome::Failed(failure) => (json!({ "error": *failure }), true),
        Outcome::UnknownTool => return Err(Error::new(format!("there is no tool `{}`", call.tool.escape_debug()))),
        Outcome::Malformed(malformed) => return Err(Error::new(format!("the arguments cannot be used: {malformed}"))),
        Outcome::InputRequired(_) | Outcome::Unsupported(_) | Outcome::InvalidState => {
            return Err(Error::new("the tool asks its client, and a command line is none"));
        }
    };
    let pretty = |json: &Value| serde_json::to_string_pretty(json).unwrap_or_default() + "\n";
    output.print(|| json.clone(), || pretty(&json))?;
    if failed { Err(Error::new("the call failed")) } else { Ok(()) }
}

async fn of_key(store: Arc<dyn CredentialStore>) -> Result<Arc<Caller>> {
    let key = std::env::var(KEY_VARIABLE)
        .map_err(|_| Error::new(format!("who calls? Put a key into {KEY_VARIABLE}, or name an agent with --agent")))?;
    let parts = bearer_parts(&key).ok_or_else(|| Error::new(format!("the text in {KEY_VARIABLE} is no key")))?;
    let keys = ApiKeys::start(store).await?;
    keys.authenticate(&parts)
        .await
        .map_err(|refusal| Error::new(format!("the key in {KEY_VARIABLE} is refused: {refusal}")))
}

/// An agent with the rights of all its keys that are good.
fn of_agent(name: &str, keys: &[KeyRecord]) -> Result<Arc<Caller>> {
    let name = name.strip_prefix("key:").unwrap_or(name);
    Ok(Arc::new(Caller::new(Agent::key(name)?, "operator").with_grants(grants_of(name, keys)?)))
}

/// What the good keys of an agent grant together.
pub(super) fn grants_of(name: &str, keys: &[KeyRecord]) -> Result<Grants> {
    let good: Vec<_> = keys.iter().filter(|key| key.agent == name && key.state(now()) == KeyState::Active).collect();
    if good.is_empty() {
        return Err(Error::new(format!("the agent `{}` has no key that is good", name.escape_debug())));
    }
    Ok(Grants::with_wildcards(good.iter().flat_map(|key| &key.scopes))?)
}
