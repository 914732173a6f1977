//! A server's tools, with everything that their calls need made once: policy, compiled schemas, running calls.

use std::collections::HashMap;

use rmcp::model::Tool;

use super::listing::describe;
use super::slots::Slots;
use crate::arguments::schema::Compiled;
use crate::config::{Config, InvalidConfig};
use crate::output::OutputSchema;
use crate::policy::{Policy, ToolPolicy};
use crate::spec::{Server, ServerSpec};

/// A server that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// A tool is not what it says: a rule that does not fit its type, a pattern that does not compile.
    #[error("the tool `{tool}` cannot be served: {why}")]
    Tool {
        /// The tool.
        tool: &'static str,
        /// What is wrong, for its author.
        why: String,
    },
    /// Two tools have one name.
    #[error("two tools are named `{0}`")]
    DuplicateTool(&'static str),
    /// The audit file cannot be written.
    #[error(transparent)]
    Audit(#[from] crate::telemetry::AuditError),
    /// OpenTelemetry cannot start.
    #[cfg(feature = "otel")]
    #[error(transparent)]
    Otel(#[from] crate::telemetry::otel::OtelError),
    /// The system gives no thread for a sink.
    #[error("no thread for the sink `{sink}`: {source}")]
    Sink {
        /// The sink.
        sink: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread for the watchdog.
    #[error("no thread for the watchdog: {0}")]
    Watchdog(std::io::Error),
    /// Numbers of JSON are kept as texts, in which no number of an argument could be read.
    #[error(
        "`serde_json` is built with its feature `arbitrary_precision`, with which no argument that is a number can be read; \
         `cargo tree -e features -i serde_json` says which dependency turns it on"
    )]
    ArbitraryPrecision,
    /// The system gives no random numbers, so no key and no digest would be safe.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The tools of a server type, without a server: what `tools` and `policy` show, and what the gate decides by.
#[derive(Debug)]
pub struct Tools {
    spec: &'static ServerSpec,
    policy: Policy,
    /// In the order of `policy.tools`: by name.
    entries: Vec<Entry>,
    /// The place of each in that order: found in the same time among a thousand as among two.
    places: HashMap<&'static str, usize>,
}

/// What the calls of one tool need.
#[derive(Debug)]
pub(super) struct Entry {
    /// The tool's place in [`Server::TOOLS`].
    pub(super) index: usize,
    pub(super) arguments: Compiled,
    pub(super) output: Option<OutputSchema>,
    pub(super) slots: Slots,
    /// As `tools/list` shows it.
    pub(super) described: Tool,
}

impl Tools {
    /// The tools of a server under a configuration. Schemas are compiled here: what would fail a call fails the start.
    ///
    /// # Errors
    /// A configuration that does not fit the server, a tool that cannot be served.
    pub fn of<S: Server>(config: &Config) -> Result<Self, StartError> {
        if crate::json::keeps_spelling() {
            return Err(StartError::ArbitraryPrecision);
        }
        let policy = Policy::new(const { &S::SPEC }, S::TOOLS.iter().map(|tool| &tool.spec), config)?;
        let mut entries = Vec::with_capacity(policy.tools.len());
        let mut last = None;
        for tool in &policy.tools {
            let spec = tool.spec;
            if last.replace(spec.name) == Some(spec.name) {
                return Err(StartError::DuplicateTool(spec.name));
            }
            let failed = |why| StartError::Tool { tool: spec.name, why };
            let arguments = Compiled::new(spec.arguments).map_err(failed)?;
            let arguments = if config.arguments.coerce { arguments } else { arguments.without_coercion() };
            let output = OutputSchema::compile(&spec.output).map_err(failed)?;
            entries.push(Entry {
                index: S::TOOLS.iter().position(|tool| tool.spec.name == spec.name).unwrap_or(usize::MAX),
                slots: Slots::new(tool.concurrency),
                described: describe(tool, &arguments, output.as_ref()),
                arguments,
                output,
            });
        }
        let places = policy.tools.iter().enumerate().map(|(place, tool)| (tool.spec.name, place)).collect();
        Ok(Self { spec: const { &S::SPEC }, policy, entries, places })
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the attribute says of the server.
    pub fn spec(&self) -> &'static ServerSpec {
        self.spec
    }

    /// A tool that is there, by its exact name.
    pub(super) fn find(&self, name: &str) -> Option<(&ToolPolicy, &Entry)> {
        let place = *self.places.get(name)?;
        let (tool, entry) = (self.policy.tools.get(place)?, self.entries.get(place)?);
        (!tool.disabled).then_some((tool, entry))
    }

    /// Every tool, disabled ones too.
    pub(super) fn all(&self) -> impl Iterator<Item = (&ToolPolicy, &Entry)> {
        self.policy.tools.iter().zip(&self.entries)
    }
}
