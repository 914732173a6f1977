//! What keeps a server from starting: a sentence that says how to mend it, and an exit code other than 0.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use mcp_tests::process::{Site, finish, texts};
use sqlx::Connection;

use crate::site;

/// Runs a command that fails with 1, prints no result, and says this.
#[track_caller]
fn refused(command: &mut Command, messages: &[&str]) {
    let output = finish(command);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert_eq!(out, "", "{err}");
    for message in messages {
        assert!(err.contains(message), "{message}: {err}");
    }
    assert!(!err.contains("panicked") && !err.contains("listening"), "{err}");
}

fn serve(site: &Site) -> Command {
    site.command(&["serve", "--http", "127.0.0.1:0"])
}

#[test]
fn a_port_in_use() {
    let site = site("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = site.command(&["serve", "--http", &address]);
    refused(&mut command, &["cannot listen on", &address, "choose another port with --http"]);
    refused(&mut site.command(&["serve", "--http", "192.0.2.1:0"]), &["reachable from other machines"]);
    let admin = self::site(&format!("[admin]\naddress = \"{address}\""));
    refused(&mut serve(&admin), &["cannot listen on", &address, "choose another port with `address` in [admin]"]);
}

#[test]
fn a_configuration_that_cannot_be() {
    for (config, messages) in [
        ("[htp]", &["unknown field `htp`", "config.toml"][..]),
        ("[http]\nadress = \"127.0.0.1:1\"", &["unknown field `adress`", "`address`"]),
        ("[http]\naddress = 7", &["address"]),
        ("[http]\npath = \"mcp\"", &["http.path has to start with `/`"]),
        ("[http]\npath = \"/healthz\"", &["/healthz and /readyz are the server's own"]),
        ("[http]\nallowed_origins = [\"*\"]", &["a wildcard would let every web page call"]),
        ("[http]\nallowed_origins = [\"example.com\"]", &["is no origin"]),
        ("[http]\nallowed_hosts = [\"*.example.com\"]", &["is no host name"]),
        ("[http]\nconnections = 0", &["from 1"]),
        ("[http]\nsessions_per_caller = 0", &["http.sessions = 0"]),
        ("[http]\nsession_idle = \"5\"", &["is no duration"]),
        ("[http]\ndrain_pause = \"0s\"", &["is no duration"]),
        ("[http]\nrate_limited = \"http-500\"", &["http-429"]),
        ("[http]\nlist = \"some\"", &["granted"]),
        ("[http]\ntrusted_proxies = [\"everybody\"]", &["is no network"]),
        ("[tools.nothing]\nrate = \"1/s\"", &["tools.nothing: there is no such tool", "get_revenue"]),
        ("[tools.echo]\nrate = \"10/mn\"", &["10/min"]),
        ("[tools.echo]\nrate = \"0/min\"", &["10/min"]),
        ("[tools.echo]\nrate = []", &["rate"]),
        ("[tools.echo]\nrate = { burst = 5 }", &["`agent`, `total` or both"]),
        ("[tools.echo]\nrate = { agent = \"1/s\", burst = 0 }", &["burst of 0"]),
        ("[tools.echo]\nscope = \"x\"", &["unknown field `scope`"]),
        ("[tools.echo]\nguard = \"x\"", &["unknown field `guard`"]),
        ("[tools.echo]\ntimeout = \"5\"", &["is no duration", "5s"]),
        ("[tools.echo]\ntimeout = \"0s\"", &["is no duration"]),
        ("[tools.echo]\nconcurrency = 0", &["disabled = true"]),
        ("[tools.echo]\nmax_output = \"64kb\"", &["is no size", "KiB"]),
        ("[agents.reporting]\nrate = \"1/s\"", &["[agents.\"key:reporting\"]"]),
        ("[agents]\nrate = \"fast\"", &["10/min"]),
        ("[subjects]\nrates = \"1/s\"", &["unknown field `rates`"]),
        ("[auth]\nbaseline_scope = \"a b\"", &["auth.baseline_scope"]),
        ("[auth]\nfailed = \"often\"", &["10/min"]),
        ("http = ", &["TOML parse error"]),
    ] {
        let site = site(config);
        refused(&mut serve(&site), messages);
    }
}

#[test]
fn an_address_that_others_reach() {
    for (config, message) in [
        ("[http]\naddress = \"0.0.0.0:0\"", "behind_tls_proxy = true"),
        ("[http]\naddress = \"0.0.0.0:0\"\nbehind_tls_proxy = true", "http.allowed_hosts"),
    ] {
        let site = site(config);
        refused(&mut site.command(&["serve"]), &[message]);
        // What the command line says comes before what the file says.
        let mut serving = site.serve();
        serving.terminate();
        assert!(serving.wait().success());
    }
}

#[test]
fn a_configuration_that_is_not_there() {
    let site = site("");
    std::fs::remove_file(site.path("config.toml")).unwrap();
    refused(&mut serve(&site), &["cannot read the configuration", "config.toml"]);
}

#[test]
fn a_variable_that_cannot_be() {
    for (name, value, message) in [
        ("MCP_RUNTIME__HTTP__ADRESS", "x", "unknown field `adress`"),
        ("MCP_RUNTIME__TOOLS__ECHO__RATE", "10/mn", "10/min"),
        ("MCP_RUNTIME__TOOLS__NOTHING__RATE", "1/s", "there is no such tool"),
        ("MCP_RUNTIME__", "x", "does not name a key"),
        ("MCP_RUNTIME__HTTP__ADDRESS__X", "1", "MCP_RUNTIME__HTTP__ADDRESS__X"),
    ] {
        let site = site("[http]\naddress = \"127.0.0.1:0\"");
        refused(serve(&site).env(name, value), &[message]);
    }
}

#[test]
fn an_audit_file_that_cannot_be_written() {
    let site = site("");
    let audit = site.path("audit.jsonl");
    std::fs::create_dir(&audit).unwrap();
    refused(&mut serve(&site), &["cannot write the audit file", "[audit] path"]);
    std::fs::remove_dir(&audit).unwrap();
    symlink(site.path("elsewhere"), &audit).unwrap();
    refused(&mut serve(&site), &["cannot write the audit file"]);
    assert!(!site.path("elsewhere").exists(), "nothing is written behind a link");
}

#[test]
fn dev_where_others_could_reach_it() {
    let config = "[http]\nbehind_tls_proxy = true\nallowed_hosts = [\"mcp.example.com\"]";
    let site = site(config);
    let mut command = site.command(&["serve", "--http", "0.0.0.0:0", "--dev"]);
    refused(&mut command, &["--dev makes a key with every scope", "leave --dev out"]);
}

#[test]
fn an_address_that_is_none() {
    let site = site("");
    for address in ["localhost", "127.0.0.1", "127.0.0.1:99999", ""] {
        let output = site.run(&["serve", "--http", address]);
        assert_eq!(output.status.code(), Some(2), "{address}: {output:?}");
        assert!(texts(&output).1.contains("--http"), "{output:?}");
    }
}

#[test]
fn a_state_folder_that_cannot_be_used() {
    for arguments in [&["keys", "list"][..], &["serve", "--http", "127.0.0.1:0"]] {
        let site = site("");
        let state = site.state();
        std::fs::write(&state, "a file").unwrap();
        refused(&mut site.command(arguments), &["is not a folder", "--state DIR"]);
        std::fs::remove_file(&state).unwrap();
        std::fs::create_dir(site.path("real")).unwrap();
        symlink(site.path("real"), &state).unwrap();
        refused(&mut site.command(arguments), &["is a symbolic link", "--state DIR"]);
        let mut below_a_file = site.bare(arguments);
        below_a_file.arg("--state").arg(site.path("config.toml").join("state"));
        refused(&mut below_a_file, &["cannot keep state in", "--state DIR"]);
        let mut nowhere = site.bare(arguments);
        refused(nowhere.args(["--state", "/proc/nowhere"]), &["cannot keep state in", "--state DIR"]);
        assert_eq!(std::fs::read_dir(site.path("real")).unwrap().count(), 0, "nothing is written behind a link");
    }
}

#[test]
fn a_state_folder_that_others_can_write() {
    use std::os::unix::fs::PermissionsExt;
    let site = site("");
    std::fs::create_dir(site.state()).unwrap();
    std::fs::write(site.state().join("notes.txt"), "of somebody else").unwrap();
    std::fs::set_permissions(site.state(), std::fs::Permissions::from_mode(0o777)).unwrap();
    refused(&mut serve(&site), &["other users may write in the state folder", "chmod 700"]);
}

#[test]
fn a_database_that_is_none() {
    let site = site("");
    site.issue("a", &["x"]);
    let database = site.state().join("credentials.db");
    for entry in std::fs::read_dir(site.state()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("credentials") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(&database, "this is text, and longer than the sixteen bytes of a header").unwrap();
    refused(&mut serve(&site), &["is not an SQLite database", "credentials.db"]);
    assert!(std::fs::read_to_string(&database).unwrap().starts_with("this is text"), "it is left as it was");
}

#[test]
fn two_places_for_the_state() {
    let both = site("[state]\nurl = \"sqlite:elsewhere.db\"");
    refused(&mut serve(&both), &["both --state and [state] url"]);
    let unknown = site("[state]\nurl = \"mysql://localhost/x\"");
    let mut command = unknown.bare(&["keys", "list"]);
    command.arg("--config").arg(unknown.path("config.toml"));
    refused(&mut command, &["is no database that this server can use", "sqlite:"]);
}

#[test]
fn a_database_that_another_process_keeps_locked() {
    let site = site("");
    let key = site.issue("a", &["*"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = site.state().join("credentials.db");
    let mut lock = runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
        connection
    });
    let began = Instant::now();
    let mut issue = site.command(&["keys", "issue", "--agent", "b", "--scope", "x"]);
    refused(&mut issue, &["is locked by another process", "nothing was changed"]);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    let serving = site.serve();
    let ping = mcp_tests::message::call(1, "ping", serde_json::json!({}));
    assert_eq!(serving.ask(&key, &ping)["result"]["content"][0]["text"], "pong", "who only reads goes on");
    runtime.block_on(async {
        sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    });
    assert_eq!(site.json(&["keys", "list"]).as_array().unwrap().len(), 1, "nothing is lost, nothing half done");
    site.issue("b", &["x"]);
}
