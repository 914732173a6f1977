//! What we depend on: the rules of `deny.toml` that need no network, and two of our own.
//!
//! `deny.toml` is written for cargo-deny, which knows advisories too; it takes minutes to build,
//! so CI checks licences, sources and bans from what cargo itself tells.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::Value;

use crate::{Result, child, root};

/// The whole of what attributes are made of.
const MACROS: [&str; 3] = ["proc-macro2", "quote", "syn"];
/// syn 3 is ours, syn 2 is what others still bring; a third would be one to build for nothing.
const SYN: [&str; 2] = ["2", "3"];
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// `cargo metadata` of the workspace with every feature on.
pub(crate) fn metadata() -> Result<Value> {
    let arguments = ["metadata", "--format-version", "1", "--all-features", "--locked"];
    let printed = child::output(child::cargo().args(arguments), Duration::from_mins(10))?;
    serde_json::from_str(&printed).map_err(|error| format!("cargo metadata: {error}"))
}

/// The features of a package, sorted.
pub(crate) fn features(metadata: &Value, package: &str) -> Result<Vec<String>> {
    let features = find(metadata, package)?["features"].as_object();
    Ok(features.into_iter().flat_map(|features| features.keys().cloned()).collect())
}

/// All rules; an error lists every breach.
pub(crate) fn check(metadata: &Value) -> Result {
    let path = root().join("deny.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("deny.toml: {error}"))?;
    let rules: toml::Table = text.parse().map_err(|error| format!("deny.toml: {error}"))?;
    let allowed = strings(&rules, "licenses", "allow")?;
    let banned = strings(&rules, "bans", "deny")?;

    let mut breaches = Vec::new();
    for package in packages(metadata) {
        let name = format!("{} {}", text_of(package, "name"), text_of(package, "version"));
        if banned.contains(text_of(package, "name")) {
            breaches.push(format!("{name} is banned"));
        }
        match package["source"].as_str() {
            None | Some(REGISTRY) => {}
            Some(other) => breaches.push(format!("{name} comes from {other}")),
        }
        match package["license"].as_str() {
            None => breaches.push(format!("{name} states no licence")),
            Some(licence) => match Licence::parse(licence) {
                Some(parsed) if parsed.is_met(&allowed) => {}
                _ => breaches.push(format!("{name} has the licence {licence}")),
            },
        }
    }
    breaches.extend(macros(metadata)?);
    breaches.extend(syn(metadata));

    if breaches.is_empty() {
        println!("{} crates keep the rules", packages(metadata).len());
        Ok(())
    } else {
        Err(format!("{} breaches of the rules:\n{}", breaches.len(), breaches.join("\n")))
    }
}

fn macros(metadata: &Value) -> Result<Option<String>> {
    let dependencies = find(metadata, "mcp-macros")?["dependencies"].as_array();
    // A dependency without a kind is a normal one; tests may use more.
    let normal = dependencies.into_iter().flatten().filter(|dependency| dependency["kind"].is_null());
    let names: BTreeSet<_> = normal.clone().map(|dependency| text_of(dependency, "name")).collect();
    let syn = normal.clone().find(|dependency| dependency["name"] == "syn");
    let right = names.iter().eq(&MACROS) && syn.is_some_and(|syn| text_of(syn, "req").starts_with("^3"));
    Ok((!right).then(|| format!("mcp-macros depends on {names:?}, not on syn 3 and {MACROS:?} alone")))
}

fn syn(metadata: &Value) -> Option<String> {
    let packages = packages(metadata).iter().filter(|package| package["name"] == "syn");
    let mut versions: Vec<_> = packages.map(|package| text_of(package, "version")).collect();
    versions.sort_unstable();
    let mut majors: Vec<_> = versions.iter().map(|version| version.split('.').next().unwrap_or("")).collect();
    let known = majors.iter().all(|major| SYN.contains(major));
    majors.dedup();
    (!known || majors.len() != versions.len()).then(|| format!("syn comes in as {}", versions.join(", ")))
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().map_or(&[], Vec::as_slice)
}

fn find<'a>(metadata: &'a Value, name: &str) -> Result<&'a Value> {
    let mut found = packages(metadata).iter().filter(|package| package["name"] == name);
    found.next().ok_or_else(|| format!("the workspace has no package {name}"))
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

/// A list of names, each a string or a table with a `crate`.
fn strings(rules: &toml::Table, section: &str, key: &str) -> Result<BTreeSet<String>> {
    let list = rules.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
    let list = list.ok_or_else(|| format!("deny.toml has no list {section}.{key}"))?;
    list.iter()
        .map(|entry| entry.as_str().or_else(|| entry.get("crate")?.as_str()).map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("deny.toml: {section}.{key} holds something that has no name"))
}

/// An SPDX expression (annex D of the specification), with cargo's old `/` for `OR`.
#[derive(Debug, PartialEq)]
enum Licence {
    Named(String),
    Both(Box<Licence>, Box<Licence>),
    Either(Box<Licence>, Box<Licence>),
}

impl Licence {
    fn parse(text: &str) -> Option<Self> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<_> = spaced.split_whitespace().collect();
        let (licence, rest) = Self::either(&words)?;
        rest.is_empty().then_some(licence)
    }

    fn either<'a>(words: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        let (mut left, mut rest) = Self::both(words)?;
        while let ["OR", after @ ..] = rest {
            let (right, after) = Self::both(after)?;
            left = Self::Either(left.into(), right.into());
            rest = after;
        }
        Some((left, rest))
    }

    fn both<'a>(words: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        let (mut left, mut rest) = Self::one(words)?;
        while let ["AND", after @ ..] = rest {
            let (right, after) = Self::one(after)?;
            left = Self::Both(left.into(), right.into());
            rest = after;
        }
        Some((left, rest))
    }

    fn one<'a>(words: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        match words {
            ["(", rest @ ..] => match Self::either(rest)? {
                (licence, [")", rest @ ..]) => Some((licence, rest)),
                _ => None,
            },
            [")" | "AND" | "OR" | "WITH", ..] | [] => None,
            [name, "WITH", exception, rest @ ..] => Some((Self::Named(format!("{name} WITH {exception}")), rest)),
            [name, rest @ ..] => Some((Self::Named((*name).to_owned()), rest)),
        }
    }

    fn is_met(&self, allowed: &BTreeSet<String>) -> bool {
        match self {
            Self::Named(name) => allowed.contains(name),
            Self::Both(left, right) => left.is_met(allowed) && right.is_met(allowed),
            Self::Either(left, right) => left.is_met(allowed) || right.is_met(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn met(licence: &str) -> bool {
        let allowed = ["MIT", "Unicode-3.0"].map(str::to_owned).into();
        Licence::parse(licence).is_some_and(|licence| licence.is_met(&allowed))
    }

    #[test]
    fn licences_are_read_as_cargo_writes_them() {
        assert!(met("MIT") && met("MIT OR GPL-3.0-only") && met("Apache-2.0/MIT"));
        assert!(met("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(met("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT"));
        assert!(!met("Apache-2.0") && !met("MIT AND GPL-3.0-only"));
        // AND binds tighter than OR.
        assert!(met("MIT OR Apache-2.0 AND GPL-3.0-only"));
        assert!(!met("GPL-3.0-only OR Apache-2.0 AND MIT"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "AND MIT"].into_iter().all(|licence| !met(licence)));
    }

    #[test]
    fn syn_may_come_twice_and_no_oftener() {
        let with = |versions: &[&str]| {
            let packages: Vec<_> = versions.iter().map(|version| json!({"name": "syn", "version": version})).collect();
            syn(&json!({ "packages": packages }))
        };
        assert_eq!(with(&["3.0.9", "2.0.119"]), None);
        assert!(with(&["3.0.9", "2.0.119", "1.0.1"]).is_some());
        assert!(with(&["2.0.119", "2.0.118"]).is_some());
    }

    #[test]
    fn macros_depend_on_three_crates() {
        let with =
            |dependencies: Value| macros(&json!({"packages": [{"name": "mcp-macros", "dependencies": dependencies}]}));
        let three = |syn: &str| {
            json!([
                {"name": "syn", "req": syn, "kind": null},
                {"name": "quote", "req": "^1", "kind": null},
                {"name": "proc-macro2", "req": "^1", "kind": null},
                {"name": "trybuild", "req": "^1", "kind": "dev"},
            ])
        };
        assert_eq!(with(three("^3.0.9")), Ok(None));
        assert!(with(three("^2")).is_ok_and(|breach| breach.is_some()));
        assert!(with(json!([])).is_ok_and(|breach| breach.is_some()));
    }

    #[test]
    fn both_forms_of_an_entry_name_a_crate() {
        let rules: toml::Table = "[bans]\ndeny = ['a', { crate = 'b', reason = '' }]".parse().expect("it is TOML");
        assert_eq!(strings(&rules, "bans", "deny"), Ok(["a", "b"].map(str::to_owned).into()));
        assert!(strings(&rules, "licenses", "allow").is_err());
    }
}
