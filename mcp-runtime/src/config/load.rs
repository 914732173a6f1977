//! From a file and variables to a checked [`Config`].

use std::ffi::OsString;
use std::path::Path;

use toml::{Table, Value};

use super::{Config, InvalidConfig, VARIABLES};

pub(super) fn load(
    file: Option<&Path>,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, InvalidConfig> {
    let text = match file {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            InvalidConfig::new(format!("cannot read the configuration {}: {error}", path.display()))
        })?,
    };
    let variables = ours(variables)?;
    parse(&text, variables.into_iter()).map_err(|InvalidConfig(why)| match file {
        Some(path) => InvalidConfig::new(format!("{}: {why}", path.display())),
        None => InvalidConfig(why),
    })
}

/// The variables that are ours. Others may hold anything.
fn ours(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, InvalidConfig> {
    let named = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named
        .filter(|(name, _)| name.starts_with(VARIABLES))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(InvalidConfig::new(format!("the variable {name} is not UTF-8"))),
        })
        .collect()
}

pub(super) fn parse(text: &str, variables: impl Iterator<Item = (String, String)>) -> Result<Config, InvalidConfig> {
    let invalid = |error: toml::de::Error| InvalidConfig::new(error.to_string().trim_end().to_owned());
    // Read once as it stands, for messages that show the line.
    let _: Config = toml::from_str(text).map_err(invalid)?;
    let mut table: Table = toml::from_str(text).map_err(invalid)?;
    let mut names = Vec::new();
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(VARIABLES) {
            insert(&mut table, path, &value)
                .ok_or_else(|| InvalidConfig::new(format!("the variable {name} does not name a key")))?;
            names.push(name);
        }
    }
    let config: Config = Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        names.sort();
        InvalidConfig::new(format!("in the variables {}: {}", names.join(", "), error.message()))
    })?;
    Ok(config)
}

/// Sets `TOOLS__GET_REVENUE_DATA__RATE` in the table; `None` for a path through something that is no table.
fn insert(table: &mut Table, path: &str, value: &str) -> Option<()> {
    let segments: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let (last, above) = segments.split_last()?;
    if segments.iter().any(String::is_empty) {
        return None;
    }
    let mut table = table;
    for segment in above {
        let key = same_key(table, segment);
        table = table.entry(key).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?;
    }
    let key = same_key(table, last);
    table.insert(key, typed(value));
    Some(())
}

/// The key of the file that a variable's segment means: variables cannot spell `-`, `.` and `:`.
fn same_key(table: &Table, segment: &str) -> String {
    let folded = |key: &str| key.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    table.keys().find(|key| folded(key) == segment).cloned().unwrap_or_else(|| segment.to_owned())
}

/// A variable's value: TOML where it is some (numbers, booleans, lists, tables), else the text itself.
fn typed(value: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {value}")).ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::parse_rate;

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, InvalidConfig> {
        let config = parse(text, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn a_variable_overrides_the_file() {
        let text = "[tools.get_revenue_data]\nrate = \"10/min\"\ntimeout = \"5s\"";
        let config = with(
            text,
            &[
                ("MCP_RUNTIME__TOOLS__GET_REVENUE_DATA__RATE", "20/min"),
                ("MCP_RUNTIME__HTTP__CONNECTIONS", "7"),
                ("MCP_RUNTIME__HTTP__ALLOWED_HOSTS", "[\"a.example.com\"]"),
                ("UNRELATED", "x"),
            ],
        )
        .unwrap();
        let tool = &config.tools["get_revenue_data"];
        assert_eq!(tool.rate.as_ref().unwrap().agent.as_ref().unwrap().0, [parse_rate("20/min").unwrap()]);
        assert_eq!(tool.timeout, Some(Duration::from_secs(5)));
        assert_eq!(config.http.connections, 7);
        assert_eq!(config.http.allowed_hosts, ["a.example.com"]);
    }

    #[test]
    fn unknown_keys_stop_the_start() {
        for text in [
            "[htp]",
            "[http]\nadress = \"127.0.0.1:1\"",
            "[tools.a]\nscope = \"x\"",
            "[tools.a]\nguard = \"x\"",
            "[agents]\nrat = \"1/s\"",
            "[audit]\nfsyncs = \"never\"",
            "[audit]\nfsync = \"sometimes\"",
            "[redaction]\nnames = true",
            "[log]\nformat = \"xml\"",
        ] {
            assert!(with(text, &[]).is_err(), "{text}");
        }
        assert!(with("", &[("MCP_RUNTIME__HTTP__ADRESS", "x")]).is_err());
        assert!(with("", &[("MCP_RUNTIME__", "x")]).is_err());
    }

    #[test]
    fn unsafe_combinations_stop_the_start() {
        for (text, word) in [
            ("[http]\naddress = \"0.0.0.0:80\"", "behind_tls_proxy"),
            ("[http]\naddress = \"0.0.0.0:80\"", "http.tls"),
            ("[http]\ntls = { cert = \"c.pem\" }", "key"),
            ("[http]\ntls = { cert = \"c.pem\", key = \"k.pem\", ca = \"a.pem\" }", "ca"),
            ("[http]\naddress = \"0.0.0.0:80\"\nbehind_tls_proxy = true", "allowed_hosts"),
            ("[http]\nallowed_origins = [\"*\"]", "wildcard"),
            ("[http]\nallowed_origins = [\"example.com\"]", "origin"),
            ("[http]\nallowed_origins = [\"https://example.com/\"]", "origin"),
            ("[http]\npath = \"mcp\"", "path"),
            ("[http]\npath = \"/.well-known/mcp\"", "metadata"),
            ("[http]\nconnections = 0", "from 1"),
            ("[links]\nallowed = [\"example.com\"]", "links.allowed"),
            ("[links]\nallowed = [\"https://*/\"]", "links.allowed"),
            ("[http]\nsessions_per_caller = 0", "sessions_per_caller"),
            ("[http]\nstreams_per_caller = 0", "streams_per_caller"),
            ("[auth]\nbaseline_scope = \"a b\"", "baseline_scope"),
            ("[audit]\nqueue = 0", "audit.queue"),
            ("[audit]\nseal_lines = 0", "audit.seal_lines"),
            ("[audit]\nrotate = \"1KiB\"", "4KiB"),
            ("[audit]\nwhen_full = \"block\"\ndeadline = \"2min\"", "audit.deadline"),
        ] {
            let error = with(text, &[]).unwrap_err();
            assert!(error.0.contains(word), "{text}: {error}");
        }
        let safe = "[http]\naddress = \"0.0.0.0:80\"\nbehind_tls_proxy = true\nallowed_hosts = [\"a.example.com\"]";
        assert!(with(safe, &[]).is_ok());
        #[cfg(feature = "tls")]
        for more in ["", "behind_tls_proxy = true\n"] {
            let tls = "address = \"0.0.0.0:80\"\ntls = { cert = \"c.pem\", key = \"k.pem\" }\nallowed_hosts = [\"a.example.com\"]";
            assert!(with(&format!("[http]\n{more}{tls}"), &[]).is_ok(), "one of the two, or both");
        }
    }

    #[test]
    fn bad_values_say_what_to_write() {
        for (text, word) in [
            ("[tools.a]\nrate = \"10/mn\"", "10/min"),
            ("[tools.a]\nrate = []", "a list of them"),
            ("[tools.a]\nrate = { burst = 5 }", "agent"),
            ("[tools.a]\ntimeout = \"5\"", "5s"),
            ("[tools.a]\nconcurrency = 0", "disabled"),
            ("[log]\nblocking = \"0s\"", "\"off\" turns it off"),
            ("[log]\nblocking = \"1ms\"", "10ms or more"),
            ("[tools.a]\nmax_output = \"64kb\"", "KiB"),
        ] {
            let error = with(text, &[]).unwrap_err();
            assert!(error.0.contains(word), "{text}: {error}");
        }
    }
}
