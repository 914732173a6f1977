//! `keys issue`, `keys list`, `keys rotate`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Output, table};
use super::state::Location;
use super::{Result, now};
use crate::auth::{CredentialStore, IssuedKey, KeyRecord, NewKey};

/// How long a key lives unless told otherwise.
const LIFETIME: Duration = Duration::from_secs(90 * 86_400);

#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key; its secret is shown once
    Issue {
        /// Who will call with it
        #[arg(long, value_name = "NAME")]
        agent: String,
        /// What it grants; may be given several times, `*` is a wildcard
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// On whose behalf the agent calls
        #[arg(long, value_name = "USER")]
        on_behalf_of: Option<String>,
        /// How long it is good, as in 30d; `never` for one that does not end [default: 90d]
        #[arg(long, value_name = "TIME", value_parser = lifetime)]
        expires: Option<Lifetime>,
    },
    /// Show all keys, without their secrets
    List,
    /// Replace a key by a new one with the same rights
    Rotate {
        /// The id between the underscores of the key
        id: String,
        /// How long the old key still works, as in 1h [default: not at all]
        #[arg(long, value_name = "TIME", value_parser = crate::config::parse_duration)]
        grace: Option<Duration>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Lifetime(Option<Duration>);

fn lifetime(text: &str) -> std::result::Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    crate::config::parse_duration(text).map(|lifetime| Lifetime(Some(lifetime)))
}

pub(super) async fn keys(keys: Keys, state: &Location, output: Output) -> Result {
    let store = state.open().await?;
    match keys.command {
        Command::Issue { agent, scopes, on_behalf_of, expires } => {
            let Lifetime(lifetime) = expires.unwrap_or(Lifetime(Some(LIFETIME)));
            // As records show it, or without its source: the same agent.
            let agent = agent.strip_prefix("key:").map_or(agent.clone(), str::to_owned);
            let issued = store.issue(&NewKey { agent, scopes, on_behalf_of, lifetime }).await?;
            show(&issued, output)
        }
        Command::Rotate { id, grace } => {
            let issued = store.rotate(&id, grace.unwrap_or_default()).await?;
            show(&issued, output)
        }
        Command::List => {
            let keys = store.list().await?;
            output.print(|| keys.iter().map(record).collect(), || list(&keys))
        }
    }
}

/// The one time that the secret is seen.
fn show(issued: &IssuedKey, output: Output) -> Result {
    let IssuedKey { key, record: made } = issued;
    output.print(
        || {
            let mut shown = record(made);
            if let Value::Object(map) = &mut shown {
                map.insert("key".to_owned(), key.expose().into());
            }
            shown
        },
        || {
            let expires = made.expires.map_or("never".to_owned(), |expires| expires.to_string());
            format!(
                "{}\n\nagent    {}\nscopes   {}\nexpires  {expires}\n\nThis is the only time the key is shown. To cut it off: {} revoke key {}\n",
                key.expose(),
                made.agent,
                made.scopes.join(" "),
                program(),
                made.id,
            )
        },
    )
}

/// What the operator typed to run this.
fn program() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    path.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
}

fn record(key: &KeyRecord) -> Value {
    json!({
        "id": key.id,
        "agent": key.agent,
        "scopes": key.scopes,
        "on_behalf_of": key.on_behalf_of,
        "created": key.created,
        "expires": key.expires,
        "state": key.state(now()).as_str(),
        "rotated_from": key.rotated_from,
    })
}

fn list(keys: &[KeyRecord]) -> String {
    let heading = ["ID", "AGENT", "STATE", "EXPIRES", "ON BEHALF OF", "SCOPES"].map(str::to_owned).to_vec();
    let rows = keys.iter().map(|key| {
        vec![
            key.id.clone(),
            key.agent.clone(),
            key.state(now()).as_str().to_owned(),
            key.expires.map_or("never".to_owned(), |expires| expires.strftime("%Y-%m-%d %H:%M").to_string()),
            key.on_behalf_of.clone().unwrap_or_else(|| "-".to_owned()),
            key.scopes.join(" "),
        ]
    });
    table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}
