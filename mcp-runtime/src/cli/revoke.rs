//! `revoke`: cuts off, here and on every running server that shares the state.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Output, table};
use super::state::Location;
use super::{Error, Result};
use crate::auth::{CredentialStore, Revocation, Target};
use crate::caller::Agent;

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
    /// Every key of an agent; keys issued afterwards work
    Agent {
        /// The agent's name, as its keys were issued
        name: String,
    },
    /// Every key issued on behalf of somebody; keys issued afterwards work
    Subject {
        /// The subject's name
        name: String,
    },
}

pub(super) async fn revoke(revoke: Revoke, state: &Location, output: Output) -> Result {
    let store = state.open().await?;
    if revoke.list && revoke.command.is_some() {
        return Err(Error::new("--list shows what was cut off; leave it out to cut something off"));
    }
    let target = match revoke.command {
        None if !revoke.list => {
            return Err(Error::new(
                "say what to cut off: `revoke key ID`, `revoke agent NAME` or `revoke subject NAME`",
            ));
        }
        None => {
            let revocations = store.revocations().await?;
            return output.print(|| revocations.iter().map(record).collect(), || list(&revocations));
        }
        Some(Command::Key { id }) => Target::Key(id),
        Some(Command::Agent { name }) => {
            Target::Agent(Agent::key(name.strip_prefix("key:").unwrap_or(&name)).map_err(Error::from)?)
        }
        Some(Command::Subject { name }) => Target::Subject(name),
    };
    let done = store.revoke(&target, &operator()).await?;
    output.print(|| record(&done), || sentence(&done))
}

/// Who types, as far as the system says.
fn operator() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let fits = |name: &String| crate::caller::check_name(name).is_ok();
    name.filter(fits).unwrap_or_else(|| "operator".to_owned())
}

fn sentence(done: &Revocation) -> String {
    let Revocation { kind, value, keys, .. } = done;
    match keys {
        0 => format!("{kind} {value} had no key that was still good; the revocation is recorded\n"),
        1 => format!("revoked {kind} {value}: one key is cut off\n"),
        keys => format!("revoked {kind} {value}: {keys} keys are cut off\n"),
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
