//! `keys` and `revoke`.

use mcp_tests::process::{finish, texts};
use serde_json::{Value, json};

use crate::site;

#[test]
fn an_issued_key_is_shown_once() {
    let site = site("");
    let issued = site.json(&["keys", "issue", "--agent", "reporting", "--scope", "a.read", "--scope", "b.*"]);
    let key = issued["key"].as_str().unwrap();
    assert_eq!((&issued["agent"], &issued["scopes"]), (&json!("reporting"), &json!(["a.read", "b.*"])));
    assert_eq!((key.len(), key.split('_').nth(1)), (67, issued["id"].as_str()));
    let days = (time(&issued["expires"]) - time(&issued["created"])) / 86_400;
    assert_eq!(days, 90, "unless told otherwise");
    let listed = site.json(&["keys", "list"]);
    let mut kept = issued.clone();
    kept.as_object_mut().unwrap().remove("key");
    assert_eq!(listed, json!([kept]));
    let (table, _) = texts(&site.run(&["keys", "list"]));
    assert!(table.contains("reporting") && table.contains("a.read b.*") && table.contains("active"), "{table}");
    assert!(!table.contains(&key[18..]) && !listed.to_string().contains(&key[18..]));
    for file in std::fs::read_dir(site.state()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(20).any(|window| window == &key.as_bytes()[18..38]), "the secret is on disk");
    }
}

/// Seconds since 1970, as far as differences go.
fn time(value: &Value) -> i64 {
    let text = value.as_str().unwrap();
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days from civil (Howard Hinnant).
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day;
    days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
}

#[test]
fn a_lifetime_is_what_was_asked_for() {
    let site = site("");
    for (expires, seconds) in [("30d", 30 * 86_400), ("12h", 43_200), ("90s", 90)] {
        let issued = site.json(&["keys", "issue", "--agent", "a", "--scope", "x", "--expires", expires]);
        assert_eq!(time(&issued["expires"]) - time(&issued["created"]), seconds);
    }
    let issued = site.json(&["keys", "issue", "--agent", "a", "--scope", "x", "--expires", "never"]);
    assert_eq!(issued["expires"], Value::Null);
    let (text, _) = texts(&site.run(&["keys", "issue", "--agent", "a", "--scope", "x", "--expires", "never"]));
    assert!(text.contains("expires  never") && text.contains("This is the only time the key is shown."), "{text}");
}

#[test]
fn a_rotated_key_has_the_same_rights() {
    let site = site("");
    let arguments = ["keys", "issue", "--agent", "a", "--scope", "x", "--on-behalf-of", "carol", "--expires", "7d"];
    let old = site.json(&arguments);
    let new = site.json(&["keys", "rotate", old["id"].as_str().unwrap(), "--grace", "1h"]);
    for field in ["agent", "scopes", "on_behalf_of"] {
        assert_eq!(new[field], old[field]);
    }
    assert_eq!(new["rotated_from"], old["id"]);
    assert_ne!(new["key"], old["key"]);
    let listed = site.json(&["keys", "list"]);
    assert_eq!((listed[0]["state"].as_str(), listed[1]["state"].as_str()), (Some("active"), Some("active")));
    assert!((3599..=3600).contains(&(time(&listed[0]["expires"]) - time(&new["created"]))), "{listed}");
    let again = site.run(&["keys", "rotate", old["id"].as_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(texts(&again).1.contains("was rotated already"), "{again:?}");
}

#[test]
fn revocations_are_listed_with_who_and_when() {
    let site = site("");
    let [a, _b, c] = ["a", "b", "c"].map(|agent| site.issue(agent, &["x"]));
    site.json(&["keys", "issue", "--agent", "d", "--scope", "x", "--on-behalf-of", "carol"]);
    let mut command = site.command(&["revoke", "key", &a.id, "--json"]);
    let done = mcp_tests::process::finish(command.env("USER", "olga").env_remove("SUDO_USER"));
    let done: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&done["kind"], &done["value"], &done["by"]), (&json!("key"), &json!(a.id), &json!("olga")));
    assert_eq!(done["keys"], 1);
    assert_eq!(site.json(&["revoke", "agent", "key:b"])["value"], "key:b");
    assert_eq!(site.json(&["revoke", "subject", "carol"])["keys"], 1);
    assert_eq!(site.json(&["revoke", "agent", "never-seen"])["keys"], 0, "recorded all the same");
    let listed = site.json(&["revoke", "--list"]);
    let kinds: Vec<_> = listed.as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["key", "agent", "subject", "agent"]);
    let states: Vec<_> =
        site.json(&["keys", "list"]).as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["revoked", "revoked", "active", "revoked"]);
    let (text, _) = texts(&site.run(&["revoke", "key", &c.id]));
    assert_eq!(text, format!("revoked key {}: one key is cut off\n", c.id));
    let (table, _) = texts(&site.run(&["revoke", "--list"]));
    assert_eq!(table.lines().count(), 6, "{table}");
    // Ids of tokens are random: one in 64 begins like an option.
    for words in [&["revoke", "token", "-osg91", "--json"][..], &["revoke", "--json", "token", "--osg91"]] {
        let output = site.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("osg91"), "{words:?}");
    }
    assert!(String::from_utf8_lossy(&site.run(&["revoke", "token", "--help"]).stdout).contains("Usage"));
}

#[test]
fn processes_that_start_together_lose_nothing() {
    let site = site("");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let site = &site;
            scope.spawn(move || site.issue(&format!("agent{n}"), &["x"]));
        }
    });
    let listed = site.json(&["keys", "list"]);
    let mut agents: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["agent"].as_str().unwrap()).collect();
    agents.sort_unstable();
    assert_eq!(agents, (0..8).map(|n| format!("agent{n}")).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_is_refused() {
    let site = site("");
    let key = site.issue("a", &["x"]);
    for (arguments, code, message) in [
        (&["keys", "issue", "--agent", "a"][..], 2, "--scope"),
        (&["keys", "issue", "--scope", "x"], 2, "--agent"),
        (&["keys", "issue", "--agent", "", "--scope", "x"], 1, "the name is empty"),
        (&["keys", "issue", "--agent", "a\nb", "--scope", "x"], 1, "U+000A"),
        (&["keys", "issue", "--agent", "a\u{202e}", "--scope", "x"], 1, "U+202E"),
        (&["keys", "issue", "--agent", "a", "--scope", "a b"], 1, "is no scope"),
        (&["keys", "issue", "--agent", "a", "--scope", "a.*b"], 1, "is no scope"),
        (&["keys", "issue", "--agent", "a", "--scope", "x", "--expires", "soon"], 2, "is no duration"),
        (&["keys", "issue", "--agent", "a", "--scope", "x", "--expires", "0d"], 2, "is no duration"),
        (&["keys", "issue", "--agent", "a", "--scope", "x", "--on-behalf-of", " carol"], 1, "white space"),
        (&["keys", "rotate", "unknown"], 1, "no key has the id \"unknown\""),
        (&["keys", "rotate"], 2, "<ID>"),
        (&["revoke", "key", "unknown"], 1, "no key has the id"),
        (&["revoke", "key", &key.key], 1, "give the id of the key alone"),
        (&["revoke", "agent", ""], 1, "the name is empty"),
        (&["revoke"], 1, "say what to cut off"),
        (&["revoke", "--list", "key", "x"], 1, "leave it out to cut something off"),
        (&["keys"], 2, "Usage"),
        (&["made-up"], 2, "unrecognized subcommand"),
        (&[], 2, "Usage"),
    ] {
        let output = site.run(arguments);
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(message), "{arguments:?}: {err}");
        assert_eq!(out, "", "{arguments:?}");
        assert!(!err.contains(&key.key[18..]), "a secret is not repeated: {err}");
    }
    assert_eq!(site.json(&["keys", "list"]).as_array().unwrap().len(), 1, "nothing was made");
}

#[test]
fn the_state_may_be_named_anywhere() {
    let site = site("");
    let key = site.issue("a", &["x"]);
    let state = site.path("state");
    let state = state.to_str().unwrap();
    let between = finish(&mut site.bare(&["revoke", "--state", state, "key", &key.id]));
    assert!(between.status.success(), "{:?}", texts(&between));
    let before = finish(&mut site.bare(&["--state", state, "keys", "list", "--json"]));
    assert!(texts(&before).0.contains("revoked"));
}
