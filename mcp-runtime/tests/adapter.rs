//! The adapter is the one `ServerHandler` that rmcp sees. A method that rmcp adds and the adapter does not forward would
//! silently become rmcp's default: a user's handler would never be asked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Methods that the adapter leaves to rmcp on purpose: they answer for the server as a whole, from `get_info`, which the
/// adapter has merged.
const LEFT_TO_RMCP: &[&str] =
    &["discover", "initialize", "negotiate_initialize", "ping", "supported_protocol_versions"];

#[test]
fn every_method_of_rmcp_is_forwarded_or_left_on_purpose() {
    let trait_source = std::fs::read_to_string(rmcp_sources().join("handler/server.rs")).unwrap();
    let body = between(&trait_source, "macro_rules! server_handler_methods", "pub trait ServerHandler");
    let asked = methods(body);
    assert!(asked.len() > 30, "the methods were not found in rmcp's source: {asked:?}");

    let adapter = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/adapter.rs")).unwrap();
    let implemented = between(&adapter, "impl ServerHandler for Adapter", "struct Progress");
    let mut answered = methods(implemented);
    let listed = between(implemented, "forward_requests!(", ");");
    answered.extend(listed.lines().filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned())));
    answered.extend(LEFT_TO_RMCP.iter().map(|method| (*method).to_owned()));

    let missing: Vec<_> = asked.difference(&answered).collect();
    let gone: Vec<_> = answered.difference(&asked).collect();
    assert!(missing.is_empty(), "rmcp asks for methods that the adapter does not know: {missing:?}");
    assert!(gone.is_empty(), "the adapter has methods that rmcp does not ask for: {gone:?}");
}

/// The names of the functions that a piece of source declares.
fn methods(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter_map(|line| {
            let declared = line.trim().trim_start_matches("async ").strip_prefix("fn ")?;
            Some(declared.split(['(', '<']).next()?.to_owned())
        })
        .filter(|name| !name.starts_with('$'))
        .collect()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap_or_else(|| panic!("`{start}` is not there"));
    let rest = &text[from..];
    &rest[..rest.find(end).unwrap_or(rest.len())]
}

/// Where the sources of the rmcp in the lock file are.
fn rmcp_sources() -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let rmcp = packages.iter().find(|package| package["name"] == "rmcp").unwrap();
    PathBuf::from(rmcp["manifest_path"].as_str().unwrap()).with_file_name("src")
}
