//! What callers see of the tools, and operators of the policy.

use std::sync::Arc;

use rmcp::model::{Icon, JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::tools::{Entry, Tools};
use crate::caller::Caller;
use crate::error::code;
use crate::limit::rate_text;
use crate::policy::ToolPolicy;
use crate::scope::{Requirement, Template};
use crate::spec::CodeSpec;

/// Under this key of a tool's `_meta` stands what holds for its calls.
pub(crate) const POLICY_KEY: &str = "dev.mcp-runtime/policy";

/// The framework's codes that any tool can answer with.
const ALWAYS: &[(&str, bool)] = &[
    (code::PERMISSION_DENIED, false),
    (code::RATE_LIMITED, true),
    (code::INVALID_ARGUMENTS, false),
    (code::TIMEOUT, false),
    (code::CANCELLED, false),
    (code::OUTPUT_TOO_LARGE, false),
    (code::INTERNAL, false),
    (code::UNAUTHENTICATED, false),
];

impl Tools {
    /// The tools that a caller can see, sorted by name.
    pub fn visible<'a>(&'a self, caller: &Caller, all: bool) -> impl Iterator<Item = Tool> + 'a {
        let grants = caller.grants().clone();
        self.active()
            .filter(move |(tool, _)| all || tool.spec.scope.could_be_met(&grants).is_ok())
            .map(|(tool, entry)| describe(tool, entry))
    }

    /// One tool by name, for checks of headers that mirror arguments.
    pub(crate) fn tool(&self, name: &str) -> Option<Tool> {
        self.find(name).map(|(tool, entry)| describe(tool, entry))
    }

    /// The policy of every tool as stable JSON, sorted by name: what `policy` prints and `assert_policy!` compares.
    pub fn manifest(&self) -> Value {
        let tools: serde_json::Map<_, _> = self
            .all()
            .map(|(tool, entry)| {
                let mut policy = published(tool);
                if let Value::Object(policy) = &mut policy {
                    policy.insert("disabled".to_owned(), tool.disabled.into());
                    policy.insert("loosened".to_owned(), tool.loosened.clone().into());
                    policy.insert("guard".to_owned(), tool.spec.guarded.into());
                    policy.insert("cost".to_owned(), tool.spec.costed.into());
                    policy.insert("blocking".to_owned(), tool.spec.blocking.into());
                    policy.insert("concurrency".to_owned(), concurrency(tool));
                    policy.insert("max_output".to_owned(), tool.max_output.into());
                    policy.insert("annotations".to_owned(), json!(annotations(tool)));
                    policy.insert(
                        "redacted".to_owned(),
                        tool.redacted()
                            .into_iter()
                            .map(|(name, how)| (name.to_owned(), how.into()))
                            .collect::<serde_json::Map<_, _>>()
                            .into(),
                    );
                    policy.insert("input_schema".to_owned(), digest(&Value::Object(entry.arguments.published.clone())));
                    let output = entry.output.as_ref().map(|schema| digest(&Value::Object(schema.published.clone())));
                    policy.insert("output_schema".to_owned(), output.unwrap_or(Value::Null));
                    policy.insert("description".to_owned(), digest(&tool.spec.description.into()));
                }
                (tool.spec.name.to_owned(), policy)
            })
            .collect();
        let agents: Vec<_> = self.policy().agent_windows().iter().map(rate_text).collect();
        json!({ "server": self.spec().name, "agents": agents, "tools": tools })
    }

    fn active(&self) -> impl Iterator<Item = (&ToolPolicy, &Entry)> {
        self.all().filter(|(tool, _)| !tool.disabled)
    }
}

fn describe(tool: &ToolPolicy, entry: &Entry) -> Tool {
    let spec = tool.spec;
    let schema = |published: &JsonObject| Arc::new(published.clone());
    let mut described =
        Tool::new_with_raw(spec.name, Some(spec.description.into()), schema(&entry.arguments.published));
    if let Some(title) = spec.title {
        described = described.with_title(title);
    }
    if let Some(output) = &entry.output {
        described = described.with_raw_output_schema(schema(&output.published));
    }
    if let Some(annotations) = annotations(tool) {
        described = described.with_annotations(annotations);
    }
    if !spec.icons.is_empty() {
        described = described.with_icons(spec.icons.iter().map(|src| Icon::new(*src)).collect());
    }
    let meta = JsonObject::from_iter([(POLICY_KEY.to_owned(), published(tool))]);
    described.with_meta(MetaObject(meta))
}

/// What a caller may know of a tool's policy.
fn published(tool: &ToolPolicy) -> Value {
    let rates = |windows: &[crate::spec::Window]| windows.iter().map(rate_text).collect::<Vec<_>>();
    let timeout_ms = u64::try_from(tool.timeout.as_millis()).unwrap_or(u64::MAX);
    json!({
        "scope": scope(tool.spec.scope),
        "rate": { "agent": rates(&tool.agent_rate), "total": rates(&tool.total_rate) },
        "timeout_ms": timeout_ms,
        "errors": codes(tool),
    })
}

/// The scopes of a tool as JSON: `"any_caller"`, or `{"all": […]}`, or `{"any": […]}`.
fn scope(scope: Requirement) -> Value {
    let texts = |templates: &[Template]| templates.iter().map(|template| template.as_str()).collect::<Vec<_>>();
    match scope {
        Requirement::AnyCaller => "any_caller".into(),
        Requirement::All(templates) => json!({ "all": texts(templates) }),
        Requirement::Any(templates) => json!({ "any": texts(templates) }),
    }
}

/// Every code that a call of the tool can answer with, its own first.
fn codes(tool: &ToolPolicy) -> Vec<Value> {
    let own = tool.spec.output.codes.iter().map(|CodeSpec { code, retryable }| (*code, *retryable));
    let bounded = tool.concurrency != crate::spec::Concurrency::default() || tool.spec.blocking;
    let overloaded = bounded.then_some((code::OVERLOADED, true));
    let structured = (code::OUTPUT_INVALID, false);
    let mut seen = Vec::new();
    for (code, retryable) in own.chain(ALWAYS.iter().copied()).chain(overloaded).chain([structured]) {
        if !seen.iter().any(|(known, _)| *known == code) {
            seen.push((code, retryable));
        }
    }
    seen.into_iter().map(|(code, retryable)| json!({ "code": code, "retryable": retryable })).collect()
}

fn annotations(tool: &ToolPolicy) -> Option<ToolAnnotations> {
    let hints = tool.spec.annotations;
    (hints != crate::spec::Annotations::default()).then(|| {
        ToolAnnotations::from_raw(None, hints.read_only, hints.destructive, hints.idempotent, hints.open_world)
    })
}

fn concurrency(tool: &ToolPolicy) -> Value {
    json!({ "agent": tool.concurrency.agent, "total": tool.concurrency.total })
}

/// A digest of a text or a schema, so that a change of it shows up in a review of the policy.
fn digest(value: &Value) -> Value {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(value.to_string());
    let bits = hash[..16].iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    format!("sha256:{bits:032x}").into()
}
