//! Everything that is counted and looked at, as families of samples.

use std::collections::BTreeMap;

use super::gather::Moment;
use super::series::{Series, Totals};
use super::write::{Format, Kind, Writer};
use super::{LIMITS, Metrics, SHARES, get};
use crate::telemetry::convention::{self, BUCKETS};
use crate::telemetry::strangers::REASONS;

/// Labels by which series are added up.
type Group = Vec<(&'static str, Option<String>)>;

/// The page.
pub(crate) fn page(metrics: &Metrics, moment: &Moment, format: Format) -> String {
    let mut writer = Writer::new(format);
    requests(&mut writer, metrics);
    agents(&mut writer, metrics);
    limits(&mut writer, metrics, moment);
    server(&mut writer, metrics, moment);
    writer.finish()
}

/// Seconds of a count of microseconds.
fn seconds(us: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "what is lost is far below a microsecond a year")]
    let us = us as f64;
    us / 1e6
}

/// The attributes that `mcp.server.operation.duration` has, as labels.
fn convention(series: &Series) -> Group {
    let key = &series.key;
    let owned = |text: &str| Some(text.to_owned());
    vec![
        ("mcp_method_name", owned(key.method)),
        ("gen_ai_tool_name", key.tool.and_then(owned)),
        ("gen_ai_operation_name", convention::operation(key.method).and_then(owned)),
        ("error_type", convention::error_type(key.method, key.outcome, key.rpc_code).map(Into::into)),
        ("rpc_response_status_code", key.rpc_code.map(|code| code.to_string())),
        ("mcp_protocol_version", key.revision.and_then(owned)),
        ("network_transport", convention::transport(key.via).and_then(owned)),
        ("network_protocol_name", convention::protocol(key.via).and_then(owned)),
        ("network_protocol_version", key.http_version.and_then(owned)),
    ]
}

/// What was decided and what came of it.
fn decided(series: &Series) -> Group {
    let key = &series.key;
    vec![
        ("mcp_method_name", Some(key.method.to_owned())),
        ("gen_ai_tool_name", key.tool.map(str::to_owned)),
        ("decision", Some(key.decision.as_str().to_owned())),
        ("outcome", Some(key.outcome.to_owned())),
    ]
}

fn by_tool(series: &Series) -> Group {
    vec![("gen_ai_tool_name", series.key.tool.map(str::to_owned))]
}

/// Adds up series by some of their labels.
fn grouped(all: &[std::sync::Arc<Series>], group: impl Fn(&Series) -> Group) -> BTreeMap<Group, Totals> {
    let mut groups: BTreeMap<Group, Totals> = BTreeMap::new();
    for series in all {
        groups.entry(group(series)).or_default().add(&series.totals());
    }
    groups
}

fn labels<'a>(group: &'a Group, more: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, Option<&'a str>)> {
    group.iter().map(|(name, value)| (*name, value.as_deref())).chain(more.iter().copied()).collect()
}

fn requests(writer: &mut Writer, metrics: &Metrics) {
    let all = metrics.requests.all();
    let name = "mcp_server_operation_duration_seconds";
    writer.family(name, Kind::Histogram, "Time from the arrival of a request to its answer.");
    for (group, totals) in grouped(&all, convention) {
        writer.histogram(name, &labels(&group, &[]), &BUCKETS, &totals.buckets, seconds(totals.duration_us));
    }
    let name = "mcp_server_session_duration_seconds";
    writer.family(name, Kind::Histogram, "Time from the beginning of a session to its end.");
    for (labels, durations) in metrics.sessions.all() {
        writer.histogram(name, &labels, &BUCKETS, &durations.buckets, seconds(durations.us));
    }
    let name = "mcp_runtime_requests";
    writer.family(name, Kind::Counter, "Requests by what the gate decided and what came of them.");
    for (group, totals) in grouped(&all, decided) {
        writer.counter(name, &labels(&group, &[]), totals.count());
    }
    let tools = grouped(&all, by_tool);
    let tools: Vec<_> = tools.iter().filter(|(group, _)| group.iter().all(|(_, tool)| tool.is_some())).collect();
    let name = "mcp_runtime_phase_seconds";
    writer.family(
        name,
        Kind::Counter,
        "Where the time of calls went: before the gate, in it, in the tool, in the answer.",
    );
    for (group, totals) in &tools {
        for (phase, us) in ["queue", "gate", "tool", "output"].into_iter().zip(totals.phases_us) {
            writer.counter(name, &labels(group, &[("phase", Some(phase))]), seconds(us));
        }
    }
    let name = "mcp_runtime_output_bytes";
    writer.family(name, Kind::Counter, "Content that tools answered with, in bytes of JSON.");
    for (group, totals) in &tools {
        writer.counter(name, &labels(group, &[]), totals.output_bytes);
    }
    let name = "mcp_runtime_sanitised";
    writer.family(name, Kind::Counter, "What was found in answers: texts of others, and what sanitising changed.");
    for (group, totals) in &tools {
        for (kind, count) in ["untrusted", "removed", "defused", "masked"].into_iter().zip(totals.sanitised) {
            writer.counter(name, &labels(group, &[("kind", Some(kind))]), count);
        }
    }
    let name = "mcp_runtime_violations";
    writer.family(name, Kind::Counter, "Rules that arguments of calls broke.");
    for (group, totals) in &tools {
        writer.counter(name, &labels(group, &[]), totals.violations);
    }
}

fn agents(writer: &mut Writer, metrics: &Metrics) {
    let Some(agents) = &metrics.agents else { return };
    let (one, others) = agents.all();
    // The sources of agents' names are all followed by a colon, so no agent is called that.
    let all = || one.iter().map(|(agent, series)| (agent.as_str(), &**series)).chain([("other", others)]);
    let name = "mcp_runtime_agent_requests";
    writer.family(name, Kind::Counter, "Requests by agent and what the gate decided.");
    for (agent, series) in all() {
        for (decision, count) in series.requests() {
            writer.counter(name, &[("agent", Some(agent)), ("decision", Some(decision.as_str()))], count);
        }
    }
    let name = "mcp_runtime_agent_tool_seconds";
    writer.family(name, Kind::Counter, "Time that tools ran for an agent.");
    for (agent, series) in all() {
        writer.counter(name, &[("agent", Some(agent))], seconds(series.tool_us()));
    }
    let name = "mcp_runtime_agent_output_bytes";
    writer.family(name, Kind::Counter, "Content that an agent got, in bytes of JSON.");
    for (agent, series) in all() {
        writer.counter(name, &[("agent", Some(agent))], series.output_bytes());
    }
}

fn limits(writer: &mut Writer, metrics: &Metrics, moment: &Moment) {
    let name = "mcp_runtime_limit_used_ratio";
    writer.family(name, Kind::Histogram, "How much of its tightest limit the caller had used, request by request.");
    for (limit, used) in LIMITS.into_iter().zip(&metrics.used) {
        let counts = used.shares.each_ref().map(get);
        writer.histogram(name, &[("limit", Some(limit))], &SHARES, &counts, seconds(get(&used.sum)));
    }
    let name = "mcp_runtime_limiter_callers";
    writer.family(name, Kind::Gauge, "Agents and subjects that the limiter counts at the moment.");
    writer.gauge(name, &[], moment.counted_callers);
    let name = "mcp_runtime_limiter_callers_max";
    writer.family(name, Kind::Gauge, "How many of them it can count.");
    writer.gauge(name, &[], moment.callers_capacity);
    let name = "mcp_runtime_calls_running";
    writer.family(name, Kind::Gauge, "Calls that run, of tools with a bound on them.");
    for running in &moment.running {
        writer.gauge(name, &[("gen_ai_tool_name", Some(running.tool))], running.now);
    }
    let name = "mcp_runtime_calls_running_max";
    writer.family(name, Kind::Gauge, "How many calls of the tool may run at a time.");
    for running in &moment.running {
        writer.gauge(name, &[("gen_ai_tool_name", Some(running.tool))], running.limit);
    }
    let name = "mcp_runtime_blocked";
    writer.family(name, Kind::Counter, "How often an `async fn` tool was found blocking its thread.");
    for (tool, count) in &moment.blocked {
        writer.counter(name, &[("gen_ai_tool_name", Some(tool))], *count);
    }
    for (name, help, value) in [
        ("mcp_runtime_blocking_threads", "Threads that blocking tools keep busy.", moment.busy_threads),
        ("mcp_runtime_blocking_threads_max", "How many threads blocking tools can take.", moment.threads),
        ("mcp_runtime_requests_in_flight", "Requests that are not answered yet.", moment.in_flight),
    ] {
        writer.family(name, Kind::Gauge, help);
        writer.gauge(name, &[], value);
    }
}

fn server(writer: &mut Writer, metrics: &Metrics, moment: &Moment) {
    let name = "mcp_runtime_refused";
    writer.family(name, Kind::Counter, "Requests without a caller, by what was wrong with the credential.");
    for (reason, count) in REASONS.into_iter().zip(&metrics.refused) {
        writer.counter(name, &[("reason", Some(reason))], get(count));
    }
    if let Some(cache) = &moment.cache {
        let name = "mcp_runtime_credential_lookups";
        writer.family(name, Kind::Counter, "Verdicts on credentials, from memory and from the store.");
        for (from, count) in [("memory", cache.hits), ("store", cache.misses)] {
            writer.counter(name, &[("from", Some(from))], count);
        }
    }
    let name = "mcp_runtime_sink_records";
    writer.family(
        name,
        Kind::Counter,
        "Records that a sink wrote and that it lost; lost ones of `audit` are a gap in it.",
    );
    // Nothing keeps two sinks of a program from having one name, and two samples may not have the same labels.
    let mut sinks: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for sink in &moment.sinks {
        let [written, lost, failed_flushes] = sinks.entry(sink.name).or_default();
        *written += sink.written;
        *lost += sink.lost;
        *failed_flushes += sink.failed_flushes;
    }
    for (sink, [written, lost, _]) in &sinks {
        for (result, count) in [("written", written), ("lost", lost)] {
            writer.counter(name, &[("sink", Some(sink)), ("result", Some(result))], count);
        }
    }
    let name = "mcp_runtime_sink_flush_failures";
    writer.family(
        name,
        Kind::Counter,
        "How often a sink could not write what it held: until it can, records are in memory alone.",
    );
    for (sink, [_, _, failed_flushes]) in &sinks {
        writer.counter(name, &[("sink", Some(sink))], failed_flushes);
    }
    let name = "mcp_runtime_server";
    writer.family(name, Kind::Gauge, "Always 1: which server this is.");
    writer.gauge(name, &[("server", Some(moment.server)), ("version", Some(moment.version))], 1);
}
