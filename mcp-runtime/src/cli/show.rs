//! `tools` and `policy`: what is in force, without starting the server.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::call::grants_of;
use super::output::{Output, table};
use super::state::Location;
use super::{Error, Result};
use crate::auth::CredentialStore;
use crate::config::{Config, duration_text};
use crate::gate::Tools;
use crate::limit::rate_text;
use crate::policy::{ToolPolicy, compare};
use crate::scope::{Grants, Requirement};
use crate::spec::{Server, Window};

#[derive(Args)]
pub(super) struct ShowTools {
    /// Only what this agent can see and call
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

#[derive(Args)]
pub(super) struct ShowPolicy {
    /// Compare with this file, and fail if anything differs
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

pub(super) async fn tools<S: Server>(
    show: &ShowTools,
    config: &Config,
    state: impl FnOnce() -> Result<Location>,
    output: Output,
) -> Result {
    let tools = Tools::of::<S>(config)?;
    let grants = match &show.agent {
        None => None,
        Some(name) => {
            let keys = state()?.open().await?.list().await?;
            Some(grants_of(name.strip_prefix("key:").unwrap_or(name), &keys)?)
        }
    };
    let shown = |tool: &&ToolPolicy| {
        let granted = |grants: &Grants| tool.spec.scope.could_be_met(grants).is_ok() && !tool.disabled;
        grants.as_ref().is_none_or(granted)
    };
    let visible: Vec<_> = tools.policy().tools.iter().filter(shown).collect();
    output.print(
        || {
            let mut manifest = tools.manifest();
            if let Some(listed) = manifest.get_mut("tools").and_then(Value::as_object_mut) {
                listed.retain(|name, _| visible.iter().any(|tool| tool.spec.name == name));
            }
            manifest
        },
        || checklist(&tools, &visible),
    )
}

fn checklist(tools: &Tools, visible: &[&ToolPolicy]) -> String {
    let heading = ["TOOL", "SCOPE", "RATE", "TIMEOUT", "OWN ERRORS", "REDACTED", "NOTES"].map(str::to_owned).to_vec();
    let rows = visible.iter().map(|tool| {
        let own = tool.spec.output.codes.iter().map(|code| code.code).collect::<Vec<_>>();
        vec![
            tool.spec.name.to_owned(),
            scope(&tool.spec.scope),
            rates(tool, tools.policy().agent_windows()),
            duration_text(tool.timeout),
            or_dash(own.join(" ")),
            or_dash(tool.redacted().iter().map(|(name, how)| format!("{name} ({how})")).collect::<Vec<_>>().join(" ")),
            notes(tool),
        ]
    });
    table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}

fn lines(differences: &[String], file: &Path) -> String {
    match differences {
        [] => format!("the policy is the one in {}\n", file.display()),
        differences => differences.join("\n") + "\n",
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn scope(scope: &Requirement) -> String {
    let joined = |word: &str| scope.templates().iter().map(|template| template.as_str()).collect::<Vec<_>>().join(word);
    match scope {
        Requirement::AnyCaller => "any caller".to_owned(),
        Requirement::All(_) => joined(" and "),
        Requirement::Any(_) => joined(" or "),
    }
}

fn rates(tool: &ToolPolicy, agents: &[Window]) -> String {
    let texts = |windows: &[Window]| windows.iter().map(rate_text).collect::<Vec<_>>().join(" and ");
    let agent = match (tool.agent_rate.as_slice(), agents) {
        ([], []) => "unlimited".to_owned(),
        ([], agents) => format!("{} over all tools", texts(agents)),
        (windows, _) => texts(windows),
    };
    match tool.total_rate.as_slice() {
        [] => agent,
        windows => format!("{agent}, {} in all", texts(windows)),
    }
}

fn notes(tool: &ToolPolicy) -> String {
    let hints = tool.spec.annotations;
    let loosened = tool.loosened.iter().map(|key| format!("{key} loosened by configuration"));
    let marks = [
        (tool.disabled, "disabled"),
        (hints.read_only == Some(true), "read only"),
        (hints.destructive == Some(true), "destructive"),
        (tool.spec.guarded, "guard"),
        (tool.spec.costed, "cost"),
    ];
    let marks = marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark.to_owned());
    or_dash(marks.chain(loosened).collect::<Vec<_>>().join(", "))
}

pub(super) fn policy<S: Server>(show: &ShowPolicy, config: &Config, output: Output) -> Result {
    let manifest = Tools::of::<S>(config)?.manifest();
    let Some(file) = &show.check else {
        let pretty = serde_json::to_string_pretty(&manifest)? + "\n";
        return output.print(|| manifest, || pretty);
    };
    let expected = std::fs::read_to_string(file)
        .map_err(|error| Error::new(format!("cannot read {}: {error}", file.display())))?;
    let expected: Value = serde_json::from_str(&expected)
        .map_err(|error| Error::new(format!("{} is no policy manifest: {error}", file.display())))?;
    let differences = compare(&expected, &manifest);
    output.print(|| differences.clone().into(), || lines(&differences, file))?;
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("the policy is not the one in {}", file.display())))
}
