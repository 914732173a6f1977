//! The policy in force: what the attributes declared, as the configuration changed it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Agent;
use crate::config::{Config, InvalidConfig, Rate};
use crate::limit::{Bucket, Limit, rate_text};
use crate::spec::{Concurrency, Rule, ServerSpec, ToolSpec, Window};

/// The policy of a server.
#[derive(Debug)]
pub struct Policy {
    /// The tools, sorted by name.
    pub tools: Vec<ToolPolicy>,
    agents: Windows,
    agents_loosened: bool,
    one_agent: BTreeMap<String, Windows>,
    subjects: Windows,
    links: Vec<String>,
}

/// The policy of a tool.
#[derive(Debug)]
pub struct ToolPolicy {
    /// What the attribute declared.
    pub spec: &'static ToolSpec,
    /// The limits of one agent.
    pub agent_rate: Vec<Window>,
    /// The limits of all agents.
    pub total_rate: Vec<Window>,
    /// How long a call runs at the most.
    pub timeout: Duration,
    /// How many calls run at a time.
    pub concurrency: Concurrency,
    /// How large an answer is at the most, in bytes.
    pub max_output: u64,
    /// What looks like a credential is sent as it is.
    pub unmasked: bool,
    /// The configuration took the tool away.
    pub disabled: bool,
    /// The keys by which the configuration allows more than the attribute.
    pub loosened: Vec<&'static str>,
    limits: Vec<Limit>,
}

/// Windows, and the limit that they are.
#[derive(Debug)]
struct Windows {
    windows: Vec<Window>,
    limit: Option<Limit>,
}

impl Windows {
    fn new(bucket: Bucket, windows: &[Window]) -> Self {
        Self { windows: windows.to_vec(), limit: Limit::new(bucket, windows) }
    }
}

impl Policy {
    /// Puts attributes and configuration together.
    ///
    /// # Errors
    /// A tool that does not exist, an agent without a source, more than 65,535 tools.
    pub fn new(
        server: &'static ServerSpec,
        tools: impl IntoIterator<Item = &'static ToolSpec>,
        config: &Config,
    ) -> Result<Self, InvalidConfig> {
        let mut specs: Vec<_> = tools.into_iter().collect();
        specs.sort_by_key(|spec| spec.name);
        for name in config.tools.keys() {
            if !specs.iter().any(|spec| names_tool(name, spec.name)) {
                let names: Vec<_> = specs.iter().map(|spec| spec.name).collect();
                let name = name.escape_debug();
                return Err(InvalidConfig::new(format!(
                    "tools.{name}: there is no such tool; there are {}",
                    names.join(", ")
                )));
            }
        }
        let tools = specs.into_iter().enumerate().map(|(index, spec)| {
            let index = u16::try_from(index).map_err(|_| InvalidConfig::new("a server has at most 65,535 tools"))?;
            let of_tool = config.tools.iter().find(|(name, _)| names_tool(name, spec.name)).map(|(_, tool)| tool);
            Ok(ToolPolicy::new(index, spec, server, of_tool))
        });
        let tools = tools.collect::<Result<_, _>>()?;
        let agents = config.agents.rate.as_ref().map_or(server.rate, |Rate(windows)| windows);
        let one_agent = config.agents.one.iter().map(|(agent, one)| {
            if agent.contains(':') {
                return Ok((agent.clone(), Windows::new(Bucket::Agent, &one.rate.0)));
            }
            let agent = agent.escape_debug();
            Err(InvalidConfig::new(format!(
                "agents.{agent}: an agent is named with the source of its name, as in [agents.\"key:{agent}\"]"
            )))
        });
        let one_agent = one_agent.collect::<Result<_, _>>()?;
        let subjects = config.subjects.rate.as_ref().map_or(&[][..], |Rate(windows)| windows);
        Ok(Self {
            tools,
            agents: Windows::new(Bucket::Agent, agents),
            agents_loosened: allows_more(agents, server.rate)
                || config.agents.one.values().any(|one| allows_more(&one.rate.0, server.rate)),
            one_agent,
            subjects: Windows::new(Bucket::Subject, subjects),
            links: config.links.allowed.clone(),
        })
    }

    /// The limit of one agent over all tools.
    pub(crate) fn agent_limit(&self, agent: &Agent) -> Option<&Limit> {
        if self.one_agent.is_empty() {
            return self.agents.limit.as_ref();
        }
        self.one_agent.get(&agent.to_string()).unwrap_or(&self.agents).limit.as_ref()
    }

    /// The limit of one subject over all agents.
    pub(crate) fn subject_limit(&self) -> Option<&Limit> {
        self.subjects.limit.as_ref()
    }

    /// The limits of agents and subjects over all tools, for the manifest.
    pub(crate) fn agents(&self) -> Value {
        let texts = |windows: &Windows| windows.windows.iter().map(rate_text).collect::<Vec<_>>();
        let one: BTreeMap<_, _> = self.one_agent.iter().map(|(agent, windows)| (agent, texts(windows))).collect();
        json!({
            "rate": texts(&self.agents),
            "one": one,
            "subjects": texts(&self.subjects),
            "loosened": self.agents_loosened,
        })
    }

    /// Prefixes of what texts may make a client load: all of them are the configuration's.
    pub(crate) fn allowed_links(&self) -> &[String] {
        &self.links
    }

    /// The windows of each agent over all tools.
    pub fn agent_windows(&self) -> &[Window] {
        &self.agents.windows
    }
}

impl ToolPolicy {
    fn new(index: u16, spec: &'static ToolSpec, server: &ServerSpec, config: Option<&crate::config::Tool>) -> Self {
        let rates = config.and_then(|config| config.rate.as_ref());
        let windows =
            |rate: Option<&Rate>, declared: &[Window]| rate.map_or(declared.to_vec(), |Rate(windows)| windows.clone());
        let agent_rate = windows(rates.and_then(|rates| rates.agent.as_ref()), spec.agent_rate);
        let total_rate = windows(rates.and_then(|rates| rates.total.as_ref()), spec.total_rate);
        let declared_timeout = spec.timeout.unwrap_or(server.timeout);
        let timeout = config.and_then(|config| config.timeout).unwrap_or(declared_timeout);
        let changed = config.and_then(|config| config.concurrency).unwrap_or_default();
        let concurrency = Concurrency {
            agent: changed.agent.or(spec.concurrency.agent),
            total: changed.total.or(spec.concurrency.total),
        };
        let max_output = config.and_then(|config| config.max_output).unwrap_or(spec.max_output);
        let mut loosened = Vec::new();
        if allows_more(&agent_rate, spec.agent_rate) || allows_more(&total_rate, spec.total_rate) {
            loosened.push("rate");
        }
        if timeout > declared_timeout {
            loosened.push("timeout");
        }
        if more(concurrency.agent, spec.concurrency.agent) || more(concurrency.total, spec.concurrency.total) {
            loosened.push("concurrency");
        }
        if max_output > spec.max_output {
            loosened.push("max_output");
        }
        let unmasked = config.is_some_and(|config| config.unmasked);
        if unmasked {
            loosened.push("unmasked");
        }
        let limits = [(Bucket::AgentTool(index), &agent_rate), (Bucket::Tool(index), &total_rate)];
        let limits = limits.into_iter().filter_map(|(bucket, windows)| Limit::new(bucket, windows)).collect();
        Self {
            spec,
            agent_rate,
            total_rate,
            timeout,
            concurrency,
            max_output,
            unmasked,
            disabled: config.is_some_and(|config| config.disabled),
            loosened,
            limits,
        }
    }

    /// The arguments that records do not show, and how they are redacted: `pii` or `secret`.
    pub fn redacted(&self) -> Vec<(&'static str, &'static str)> {
        let how = |rules: &[Rule]| {
            let secret = rules.iter().any(|rule| matches!(rule, Rule::Secret)).then_some("secret");
            secret.or_else(|| rules.iter().any(|rule| matches!(rule, Rule::Pii)).then_some("pii"))
        };
        self.spec.arguments.iter().filter_map(|argument| Some((argument.name, how(argument.rules)?))).collect()
    }

    /// The tool's own limits.
    pub(crate) fn limits(&self) -> &[Limit] {
        &self.limits
    }
}

/// Whether a key of the configuration means a tool: by its name, or as a variable has to spell it, in small letters and
/// with `_` for what a variable cannot hold.
fn names_tool(key: &str, tool: &str) -> bool {
    key == tool || key == tool.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Whether a bound is wider than another; `None` is no bound.
fn more(now: Option<u32>, declared: Option<u32>) -> bool {
    match (now, declared) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(now), Some(declared)) => now > declared,
    }
}

/// Whether windows admit something that the declared ones do not: a declared window that no window in force is at least
/// as tight as.
fn allows_more(now: &[Window], declared: &[Window]) -> bool {
    declared.iter().any(|declared| {
        !now.iter().any(|now| {
            let slower = u128::from(now.count) * declared.period.as_nanos()
                <= u128::from(declared.count) * now.period.as_nanos();
            slower && now.burst <= declared.burst
        })
    })
}

/// What differs between two manifests, a line each: `tools.NAME.rate.agent.0: "10/min" became "20/min"`.
pub fn compare(expected: &Value, found: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    differ("", Some(expected), Some(found), &mut differences);
    differences
}

fn differ(path: &str, expected: Option<&Value>, found: Option<&Value>, differences: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (expected, found) {
        (Some(expected), Some(found)) if expected == found => {}
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            let added = found.keys().filter(|key| !expected.contains_key(*key));
            for key in expected.keys().chain(added) {
                differ(&below(key), expected.get(key), found.get(key), differences);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(found))) => {
            for index in 0..expected.len().max(found.len()) {
                differ(&below(&index.to_string()), expected.get(index), found.get(index), differences);
            }
        }
        (Some(expected), Some(found)) => differences.push(format!("{path}: {expected} became {found}")),
        (Some(expected), None) => differences.push(format!("{path}: {expected} is gone")),
        (None, Some(found)) => differences.push(format!("{path}: {found} is new")),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_their_place() {
        let expected = json!({ "tools": { "a": { "rate": ["10/min"] }, "b": 1 } });
        let found = json!({ "tools": { "a": { "rate": ["20/min", "1/s"] }, "c": 2 } });
        let differences = compare(&expected, &found);
        assert_eq!(
            differences,
            [
                r#"tools.a.rate.0: "10/min" became "20/min""#,
                r#"tools.a.rate.1: "1/s" is new"#,
                "tools.b: 1 is gone",
                "tools.c: 2 is new",
            ]
        );
        assert!(compare(&found, &found).is_empty());
    }

    #[test]
    fn wider_is_told_from_tighter() {
        let window = |count, seconds, burst| Window::new(count, seconds, burst);
        let declared = [window(10, 60, 10)];
        assert!(!allows_more(&[window(10, 60, 10)], &declared));
        assert!(!allows_more(&[window(5, 60, 5)], &declared));
        assert!(!allows_more(&[window(600, 3600, 10)], &declared));
        assert!(allows_more(&[window(10, 60, 20)], &declared));
        assert!(allows_more(&[window(1, 1, 1)], &declared));
        assert!(allows_more(&[], &declared));
        assert!(!allows_more(&[window(1, 1, 1)], &[]));
    }
}
