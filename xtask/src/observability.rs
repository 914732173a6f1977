//! The files of `observability/`, against programs that they are for: the rules and their tests with promtool, and every
//! query of the dashboard and the rules in a real Prometheus that scrapes a real server.

mod web;

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Result, child, root, server::Server, target, tools};

/// For commands that are done at once.
const SHORT: Duration = Duration::from_mins(1);
/// How long Prometheus may take to have an answer to everything.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often calls are made and queries are asked meanwhile.
const ROUND: Duration = Duration::from_secs(1);

/// The step.
pub(crate) fn check(metadata: &Value) -> Result {
    tools::prometheus()?;
    let files = root().join("observability");
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts.test.yaml"],
        ["check", "config", "prometheus.yaml"],
    ] {
        child::run(child::command("promtool").args(arguments).current_dir(&files))?;
    }
    let rules = read(&files.join("alerts.yaml"))?;
    let dashboard: Value =
        serde_json::from_str(&read(&files.join("grafana.json"))?).map_err(|error| format!("grafana.json: {error}"))?;
    documented(&read(&files.join("README.md"))?, &dashboard, &rules)?;

    child::run(child::cargo().args(["build", "--locked", "-p", "mcp-tests", "--bin", "fixture"]))?;
    let folder = target(metadata)?.join("observability");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let site = Site { program: target(metadata)?.join("debug/fixture"), folder };
    let queried = site.query(&dashboard, &rules);
    if queried.is_ok() {
        println!("every query has an answer with data, and every rule is healthy");
    }
    queried
}

/// Every panel and every alert is explained.
fn documented(page: &str, dashboard: &Value, rules: &str) -> Result {
    let panels = panels(dashboard).filter_map(|panel| panel["title"].as_str());
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let missing: Vec<_> = panels.chain(alerts).filter(|name| !page.contains(&format!("| {name} |"))).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("observability/README.md does not explain {}", missing.join(", ")))
    }
}

/// The panels that ask something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().into_iter().flatten().filter(|panel| panel["targets"].is_array())
}

/// Every query of the dashboard, with Grafana's variables filled in.
fn queries(dashboard: &Value) -> BTreeSet<String> {
    let targets = panels(dashboard).flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.filter_map(|target| target["expr"].as_str()).map(filled_in).collect()
}

/// The first query of a panel, with Grafana's variables filled in.
fn query_of(dashboard: &Value, title: &str) -> Result<String> {
    let panel = panels(dashboard).find(|panel| panel["title"] == title);
    let query = panel.and_then(|panel| panel["targets"][0]["expr"].as_str());
    query.map(filled_in).ok_or_else(|| format!("grafana.json has no panel `{title}`"))
}

fn filled_in(query: &str) -> String {
    query.replace("$__rate_interval", "1m").replace("$job", ".+")
}

/// The series that recording rules make.
fn recorded(rules: &str) -> BTreeSet<String> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_owned).collect()
}

/// Where the server and Prometheus keep what they keep.
struct Site {
    program: PathBuf,
    folder: PathBuf,
}

impl Site {
    /// Serves, scrapes, calls and asks until every query has an answer.
    fn query(&self, dashboard: &Value, rules: &str) -> Result {
        let config = "[admin]\naddress = \"127.0.0.1:0\"\nagent_label = 10\n[audit]\npath = \"audit.jsonl\"\n\
                      [tools.each_second]\nrate = \"2/min\"\n";
        write(&self.folder.join("config.toml"), config)?;
        let keys =
            [self.issue("reporting", &["echo.say", "feedback.read", "revenue.read"])?, self.issue("stranger", &["x"])?];
        let cleanup = self.issue("cleanup", &["record.delete", "record.read"])?;
        let server = Server::start(self.command(&["serve", "--http", "127.0.0.1:0"]).stdin(Stdio::piped()))?;
        let mcp = address(&server.url)?;
        let log = server.log();
        let page =
            log.lines().find_map(|line| line.strip_prefix("metrics on ")).ok_or("the server shows no metrics")?;
        let prometheus = Prometheus::start(&self.folder, address(page)?, &root().join("observability/alerts.yaml"))?;

        let mut unanswered: BTreeSet<_> = queries(dashboard);
        unanswered.extend(recorded(rules));
        println!("{} queries, in a Prometheus at {}", unanswered.len(), prometheus.address);
        let end = Instant::now() + PATIENCE;
        while !unanswered.is_empty() {
            if Instant::now() > end {
                let all: Vec<_> = unanswered.into_iter().collect();
                return Err(format!("no data after {} s:\n  {}", PATIENCE.as_secs(), all.join("\n  ")));
            }
            calls(mcp, &keys)?;
            web::post(mcp, Some(&cleanup), &call("delete_record", json!({ "kind": "customer", "id": 17 })))?;
            std::thread::sleep(ROUND);
            let mut left = BTreeSet::new();
            for query in unanswered {
                if !prometheus.has_data(&query)? {
                    left.insert(query);
                }
            }
            unanswered = left;
        }
        // Who deleted something, and how often, as the panels show it.
        for (panel, label, value) in
            [("Calls by tool", "gen_ai_tool_name", "delete_record"), ("Busiest agents", "agent", "key:cleanup")]
        {
            prometheus.shows(&query_of(dashboard, panel)?, label, value)?;
        }
        prometheus.rules_are_healthy()?;
        prometheus.stop()?;
        server.stop(false).map(drop)
    }

    /// A command of the server, in its folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["--state", "state", "--config", "config.toml"]);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn issue(&self, agent: &str, scopes: &[&str]) -> Result<String> {
        let mut command = self.command(&["keys", "issue", "--json", "--agent", agent]);
        for scope in scopes {
            command.args(["--scope", scope]);
        }
        let issued: Value =
            serde_json::from_str(&child::output(&mut command, SHORT)?).map_err(|error| format!("a key: {error}"))?;
        issued["key"].as_str().map(str::to_owned).ok_or_else(|| "no key was issued".to_owned())
    }
}

/// The message of a call, of the newest revision.
fn call(tool: &str, arguments: impl Into<Value>) -> Value {
    let arguments = arguments.into();
    revision(
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } }),
    )
}

fn revision(mut message: Value) -> Value {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "xtask", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    message
}

/// Calls of every kind: served, denied, limited, wrong, broken, and without a key.
fn calls(address: SocketAddr, keys: &[String]) -> Result {
    for key in keys {
        for message in [
            call("echo", json!({ "text": "hi" })),
            call("echo", json!({ "text": 7 })),
            call("each_second", json!({})),
            call("find_customer", json!({ "email": "carol@example.com" })),
            call("list_feedback", json!({})),
            call("get_revenue", json!({ "country": "Atlantis" })),
            call("blow", json!({})),
            call("grind", json!({ "milliseconds": 1 })),
            call("nothing", json!({})),
            revision(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} })),
        ] {
            web::post(address, Some(key), &message)?;
        }
    }
    web::post(address, None, &call("echo", json!({})))
}

/// A Prometheus that scrapes one server, twice a second; dropped, it is gone.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    fn start(folder: &Path, target: SocketAddr, rules: &Path) -> Result<Self> {
        let config = json!({
            "global": { "scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms" },
            "rule_files": [rules],
            "scrape_configs": [{ "job_name": "mcp", "static_configs": [{ "targets": [target.to_string()] }] }],
        });
        // JSON is YAML.
        let path = folder.join("prometheus.yaml");
        write(&path, &config.to_string())?;
        // Prometheus does not say which port it was given, so one is looked for.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| format!("no port: {error}"))?;
        let log = fs::File::create(folder.join("prometheus.log")).map_err(|error| format!("a log: {error}"))?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("prometheus: {error}"))?;
        let mut prometheus = Self { child, address };
        let end = Instant::now() + SHORT;
        while web::get(address, "/-/ready").is_err() {
            let is_over = prometheus.child.try_wait().map_err(|error| error.to_string())?.is_some();
            if is_over || Instant::now() > end {
                return Err(format!("prometheus does not start:\n{}", read(&folder.join("prometheus.log"))?));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(prometheus)
    }

    fn ask(&self, path: &str) -> Result<Value> {
        let text = web::get(self.address, path)?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}: {text}"))?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(format!("{path}: {answer}")) }
    }

    /// Whether a query has an answer, with a number in it. `NaN` is the ratio of nothing to nothing.
    fn has_data(&self, query: &str) -> Result<bool> {
        let data = self.ask(&format!("/api/v1/query?query={}", web::encoded(query)))?;
        let samples = data["result"].as_array().ok_or_else(|| format!("{query}: {data}"))?;
        Ok(samples.iter().any(|sample| sample["value"][1].as_str().is_some_and(|value| value != "NaN")))
    }

    /// Whether an answer has a series with this label.
    fn shows(&self, query: &str, label: &str, value: &str) -> Result {
        let data = self.ask(&format!("/api/v1/query?query={}", web::encoded(query)))?;
        let shown = data["result"].as_array().is_some_and(|all| all.iter().any(|one| one["metric"][label] == value));
        if shown { Ok(()) } else { Err(format!("{query}: no {value} in {data}")) }
    }

    /// Every rule was evaluated without an error.
    fn rules_are_healthy(&self) -> Result {
        let data = self.ask("/api/v1/rules")?;
        let rules =
            data["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten();
        let sick: Vec<_> = rules.filter(|rule| rule["health"] != "ok").map(ToString::to_string).collect();
        if sick.is_empty() { Ok(()) } else { Err(format!("rules that do not work:\n{}", sick.join("\n"))) }
    }

    fn stop(mut self) -> Result {
        child::terminate(&self.child);
        child::wait(&mut self.child, SHORT).map(drop)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a URL.
fn address(url: &str) -> Result<SocketAddr> {
    let authority = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    authority.parse().map_err(|error| format!("{url}: {error}"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_found_with_their_variables_filled_in() {
        let target = json!({ "expr": "sum(rate(a{job=~\"$job\"}[$__rate_interval]))" });
        let dashboard = json!({ "panels": [{ "title": "Row" }, { "title": "A", "targets": [target] }] });
        let expected = BTreeSet::from(["sum(rate(a{job=~\".+\"}[1m]))".to_owned()]);
        assert_eq!(queries(&dashboard), expected);
        assert_eq!(recorded("  - record: a:b\n    expr: x\n  - alert: C"), BTreeSet::from(["a:b".to_owned()]));
        assert!(documented("| A | x |\n| C | y |", &dashboard, "- alert: C").is_ok());
        assert!(documented("| A | x |", &dashboard, "- alert: C").is_err_and(|error| error.ends_with('C')));
    }
}
