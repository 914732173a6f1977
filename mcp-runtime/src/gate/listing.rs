//! What callers see of the tools, and operators of the policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::{Icon, JsonObject, MetaObject, Tool, ToolAnnotations};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::tools::{Entry, Tools};
use crate::arguments::schema::Compiled;
use crate::caller::Caller;
use crate::config::duration_text;
use crate::error::code;
use crate::limit::rate_text;
use crate::output::OutputSchema;
use crate::policy::ToolPolicy;
use crate::scope::{Requirement, Template};
use crate::spec::{CodeSpec, DEFAULT_MAX_OUTPUT, Window};

/// Under this key of a tool's `_meta` stands what holds for its calls.
pub(crate) const POLICY_KEY: &str = "dev.mcp-runtime/policy";

impl Tools {
    /// The tools that a caller can see, sorted by name.
    pub fn visible<'a>(&'a self, caller: &Caller, all: bool) -> impl Iterator<Item = Tool> + 'a {
        let grants = caller.grants().clone();
        self.active()
            .filter(move |(tool, _)| all || tool.spec.scope.could_be_met(&grants).is_ok())
            .map(|(_, entry)| entry.described.clone())
    }

    /// Every tool that is there with its policy and as it is described, sorted by name.
    #[cfg(feature = "http")]
    pub(crate) fn described(&self) -> impl Iterator<Item = (&ToolPolicy, &Tool)> {
        self.active().map(|(tool, entry)| (tool, &entry.described))
    }

    /// The policy of every tool as stable JSON: what `policy` prints and `assert_policy!` compares. What a tool does not
    /// declare is left out; the framework's own error codes hold for every tool and stand in none.
    pub fn manifest(&self) -> Value {
        let agents = self.policy().agents();
        let tools: Map<_, _> =
            self.all().map(|(tool, entry)| (tool.spec.name.to_owned(), manifest_of(tool, entry))).collect();
        let links = self.policy().allowed_links();
        let server = json!({ "server": self.spec().name, "agents": agents, "allowed_links": links, "tools": tools });
        canonical(&without_defaults(server).unwrap_or_default())
    }

    fn active(&self) -> impl Iterator<Item = (&ToolPolicy, &Entry)> {
        self.all().filter(|(tool, _)| !tool.disabled)
    }
}

fn manifest_of(tool: &ToolPolicy, entry: &Entry) -> Value {
    let spec = tool.spec;
    let own = spec.output.codes.iter().map(|code| code.code).collect::<Vec<_>>();
    let redacted: Map<_, _> = tool.redacted().into_iter().map(|(name, how)| (name.to_owned(), how.into())).collect();
    let output = entry.output.as_ref().map(|schema| digest(&schema.published));
    let concurrency = tool.concurrency;
    let fields = json!({
        "scope": scope(spec.scope),
        "rate": { "agent": rates(&tool.agent_rate), "total": rates(&tool.total_rate) },
        "timeout": duration_text(tool.timeout),
        "concurrency": { "agent": concurrency.agent, "total": concurrency.total },
        "max_output": (tool.max_output != DEFAULT_MAX_OUTPUT).then_some(tool.max_output),
        "cost": spec.costed,
        "guard": spec.guarded,
        "blocking": spec.blocking,
        "annotations": annotations(tool),
        "errors": own,
        "redacted": redacted,
        "disabled": tool.disabled,
        "loosened": tool.loosened,
        "description": digest(&spec.description),
        "input_schema": digest(&entry.arguments.published),
        "output_schema": output,
    });
    without_defaults(fields).unwrap_or_default()
}

/// Leaves out what says nothing: null, false, and what is empty.
fn without_defaults(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(values) if values.is_empty() => None,
        Value::Object(map) => {
            let kept: Map<_, _> =
                map.into_iter().filter_map(|(key, value)| Some((key, without_defaults(value)?))).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        other => Some(other),
    }
}

/// The value with the keys of its objects in order, whatever order they came in.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), canonical(value))).collect())
        }
        Value::Array(values) => values.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

/// A tool as clients see it.
pub(super) fn describe(tool: &ToolPolicy, arguments: &Compiled, output: Option<&OutputSchema>) -> Tool {
    let spec = tool.spec;
    let schema = |published: &JsonObject| Arc::new(published.clone());
    let mut described = Tool::new_with_raw(spec.name, Some(spec.description.into()), schema(&arguments.published));
    if let Some(title) = spec.title {
        described = described.with_title(title);
    }
    if let Some(output) = output {
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
    let codes = codes(tool);
    let retryable: Vec<_> = codes.iter().filter(|code| code.retryable).map(|code| code.code).collect();
    json!({
        "scope": scope(tool.spec.scope),
        "rate": { "agent": rates(&tool.agent_rate), "total": rates(&tool.total_rate) },
        "timeout_ms": u64::try_from(tool.timeout.as_millis()).unwrap_or(u64::MAX),
        "errors": codes.iter().map(|code| code.code).collect::<Vec<_>>(),
        "retryable": retryable,
    })
}

fn rates(windows: &[Window]) -> Vec<String> {
    windows.iter().map(rate_text).collect()
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
fn codes(tool: &ToolPolicy) -> Vec<CodeSpec> {
    let framework = [
        (code::PERMISSION_DENIED, false),
        (code::RATE_LIMITED, true),
        (code::INVALID_ARGUMENTS, false),
        (code::OVERLOADED, true),
        (code::TIMEOUT, tool.spec.is_repeatable()),
        (code::CANCELLED, false),
        (code::OUTPUT_TOO_LARGE, false),
        (code::OUTPUT_INVALID, false),
        (code::INTERNAL, false),
        (code::UNAUTHENTICATED, false),
        (code::UNAVAILABLE, true),
    ];
    let framework = framework.map(|(code, retryable)| CodeSpec { code, retryable });
    let mut codes: Vec<CodeSpec> = Vec::new();
    for spec in tool.spec.output.codes.iter().copied().chain(framework) {
        if !codes.iter().any(|known| known.code == spec.code) {
            codes.push(spec);
        }
    }
    codes
}

fn annotations(tool: &ToolPolicy) -> Option<ToolAnnotations> {
    let hints = tool.spec.annotations;
    (hints != crate::spec::Annotations::default()).then(|| {
        ToolAnnotations::from_raw(None, hints.read_only, hints.destructive, hints.idempotent, hints.open_world)
    })
}

/// A digest of a text or a schema, so that a change of it shows up in a review of the policy.
fn digest(part: &impl Serialize) -> Value {
    use sha2::Digest;
    let text = canonical(&serde_json::to_value(part).unwrap_or_default()).to_string();
    let bits = sha2::Sha256::digest(text)[..16].iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    format!("sha256:{bits:032x}").into()
}
