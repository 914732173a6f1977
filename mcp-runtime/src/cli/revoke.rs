//! `revoke`: cuts off, here and on every running server that shares the state.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Output, table};
use super::state::Location;
use super::{Error, Result};
use crate::auth::{CredentialStore, Revocation, Target};
use crate::caller::{Agent, Caller, Source};
use crate::config::Config;
use crate::error::Correlation;
use crate::record::{CallRecord, Recording, Redacted, Via};
use crate::spec::ServerSpec;
use crate::telemetry::audit::query::of_operator;
use crate::telemetry::{Sinks, Telemetry};

/// How long the record is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Revoke {
    /// Show who revoked what, and when
    #[arg(long)]
    list: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// One key, by its id
    Key {
        /// The id between the underscores of the key
        id: String,
    },
    /// Every credential of an agent: its keys, and its tokens, those issued later too; keys issued afterwards work
    Agent {
        /// The name that its keys were issued for, or the agent as the audit shows it (`client:ISSUER:NAME`)
        name: String,
        #[command(flatten)]
        until: Until,
    },
    /// Every credential issued on behalf of somebody, as for an agent
    Subject {
        /// The subject's name
        name: String,
        #[command(flatten)]
        until: Until,
    },
    /// One token, by its id
    Token {
        /// The claim `jti`, or what the audit shows as the credential
        // One id in 64 begins so, where ids are random and in base64url.
        #[arg(allow_hyphen_values = true)]
        jti: String,
    },
}

#[derive(Args)]
#[group(skip)]
struct Until {
    /// Only what was issued until now; tokens issued afterwards work, also those of one that was cut off before
    #[arg(long)]
    issued_before_now: bool,
}

pub(super) async fn revoke(
    revoke: Revoke,
    state: &Location,
    config: &Config,
    spec: &ServerSpec,
    output: Output,
) -> Result {
    if revoke.list && revoke.command.is_some() {
        return Err(Error::new("--list shows what was cut off; leave it out to cut something off"));
    }
    let target = match revoke.command {
        None if !revoke.list => {
            return Err(Error::new(
                "say what to cut off: `revoke key ID`, `revoke agent NAME`, `revoke subject NAME` or `revoke token JTI`",
            ));
        }
        None => {
            let revocations = state.open().await?.revocations().await?;
            return output.print(|| revocations.iter().map(record).collect(), || list(&revocations));
        }
        Some(Command::Key { id }) => Target::Key(id),
        Some(Command::Agent { name, until }) => {
            // What has a source is read with it; the rest is the name of an agent with keys.
            let is_typed = ["key:", "client:", "act:"].iter().any(|source| name.starts_with(source));
            let agent = if is_typed { name.parse()? } else { Agent::key(&name)? };
            if until.issued_before_now { Target::IssuedTo(agent) } else { Target::Agent(agent) }
        }
        Some(Command::Subject { name, until }) if until.issued_before_now => Target::IssuedFor(name),
        Some(Command::Subject { name, .. }) => Target::Subject(name),
        Some(Command::Token { jti }) => Target::Token(jti),
    };
    let store = state.open().await?;
    // What the audit shows as the credential of a key is the key's id.
    let target = match target {
        Target::Token(id) if store.find(&id).await?.is_some() => Target::Key(id),
        target => target,
    };
    let done = store.revoke(&target, &operator()).await?;
    // To cut somebody off never waits for an audit that cannot be written.
    if let Some(path) = &config.audit.path
        && let Err(error) = note(config, spec, path, &store.digest_key()?, &done)
    {
        eprintln!("warning: it is cut off, but the audit does not say so: {error}");
    }
    output.print(|| record(&done), || sentence(&done))
}

/// The revocation as a record of the operator's audit, like any call: who, what, when. A server that runs has its own
/// file for itself.
fn note(config: &Config, spec: &ServerSpec, path: &Path, key: &[u8; 32], done: &Revocation) -> Result {
    let mut config = config.clone();
    config.audit.path = Some(of_operator(path));
    // A collector that does not answer holds up nobody who is about to cut somebody off.
    config.otel = None;
    let operator = Agent::new(Source::Other("operator"), &done.by)?;
    let caller = Arc::new(Caller::new(operator, "operator"));
    let sinks = Arc::new(Sinks::start(&config, spec, Telemetry::new(), key)?);
    let recording = Recording::new(&sinks, &caller, Correlation::new(), Via::Operator);
    recording.decide(CallRecord::OK);
    recording.edit(|entry| {
        entry.time = done.at;
        entry.method = "revoke";
        entry.arguments =
            Redacted::new(json!({ "kind": done.kind, "value": done.value, "keys": done.keys }).to_string());
    });
    drop(recording);
    if sinks.flush_files(PATIENCE) { Ok(()) } else { Err(Error::new("the file could not be written")) }
}

/// Who types, as far as the system says.
fn operator() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let fits = |name: &String| crate::caller::check_name(name).is_ok();
    name.filter(fits).unwrap_or_else(|| "operator".to_owned())
}

fn sentence(done: &Revocation) -> String {
    let Revocation { kind, value, keys, .. } = done;
    let (kind, extent) = match kind.as_str() {
        "agent-issued" => ("agent", ", issued until now"),
        "subject-issued" => ("subject", ", issued until now"),
        kind => (kind, ""),
    };
    match keys {
        _ if kind == "token" => format!("revoked token {value}\n"),
        0 => format!("{kind} {value} had no key that was still good; the revocation{extent} is recorded\n"),
        1 => format!("revoked {kind} {value}{extent}: one key is cut off\n"),
        keys => format!("revoked {kind} {value}{extent}: {keys} keys are cut off\n"),
    }
}

fn record(done: &Revocation) -> Value {
    json!({ "kind": done.kind, "value": done.value, "by": done.by, "at": done.at, "keys": done.keys })
}

fn list(revocations: &[Revocation]) -> String {
    let heading = ["AT", "BY", "KIND", "VALUE", "KEYS"].map(str::to_owned).to_vec();
    let rows = revocations.iter().map(|done| {
        let at = done.at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        vec![at, done.by.clone(), done.kind.clone(), done.value.clone(), done.keys.to_string()]
    });
    table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}
