//! What stops the start, and what is only said.

use std::os::unix::fs::PermissionsExt;

use mcp_tests::process::{Site, finish, texts};
use serde_json::Value;

use crate::world::{Authority, World};

/// The command fails with these words.
fn refused(command: &mut std::process::Command, words: &[&str]) {
    let output = finish(command);
    let (_, error) = texts(&output);
    assert!(!output.status.success(), "{words:?}: it starts");
    for word in words {
        assert!(error.contains(word), "`{word}`: {error}");
    }
}

#[test]
fn files_that_cannot_be_used_are_told_in_words() {
    let world = World::new("");
    let other = Authority::new().issue(&["localhost"]);
    let encrypted = world.first.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (cert, key, words) in [
        (None, Some(world.first.key.as_str()), &["http.tls.cert: cannot read", "cert.pem", "No such file"][..]),
        (Some(world.first.cert.as_str()), None, &["http.tls.key: cannot read", "key.pem", "No such file"]),
        (Some(""), Some(&world.first.key), &["there is no certificate in", "cert.pem", "BEGIN CERTIFICATE"]),
        (Some(&world.first.key), Some(&world.first.cert), &["there is no certificate in"]),
        (Some("-----BEGIN CERTIFICATE-----\n??"), Some(&world.first.key), &["cert.pem is no PEM"]),
        (Some(broken), Some(&world.first.key), &["the certificate in", "cert.pem cannot be used"]),
        (Some(&world.first.cert), Some("hello"), &["there is no private key in", "key.pem", "PKCS #8"]),
        (Some(&world.first.cert), Some(&other.key), &["is not that of the certificate in", "cert.pem"]),
        (Some(&world.first.cert), Some(&encrypted), &["is encrypted", "openssl pkey -in"]),
        (Some(&world.first.cert), Some(old), &["is encrypted"]),
    ] {
        for (name, text) in [("cert.pem", cert), ("key.pem", key)] {
            match text {
                Some(text) => world.write(name, text),
                None => std::fs::remove_file(world.site.path(name)).unwrap(),
            }
        }
        let files = [world.site.path("cert.pem"), world.site.path("key.pem")];
        let [cert, key] = files.each_ref().map(|path| path.to_str().unwrap());
        let mut serve = world.site.command(&["serve", "--http", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key]);
        refused(&mut serve, words);
    }
}

#[test]
fn flags_that_have_no_effect_are_refused() {
    let world = World::new("");
    refused(&mut world.site.command(&["serve", "--tls-cert", "cert.pem"]), &["--tls-key"]);
    refused(&mut world.site.command(&["serve", "--tls-key", "key.pem"]), &["--tls-cert"]);
    let stdio = ["serve", "--stdio", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    refused(
        world.site.command(&stdio).env("MCP_API_KEY", &world.key.key),
        &["--tls-cert", "nothing listens", "--http"],
    );
}

#[test]
fn an_address_that_others_reach_needs_tls_here_or_in_front() {
    let site = Site::new(env!("CARGO_BIN_EXE_fixture"), "[http]\naddress = \"0.0.0.0:0\"");
    refused(&mut site.command(&["serve"]), &["http.tls = {", "--tls-cert", "http.behind_tls_proxy = true"]);

    // The configuration names the files, and the flags come before it.
    let config = "address = \"0.0.0.0:0\"\nallowed_hosts = [\"mcp.example.com\"]\n\
                  tls = { cert = \"nowhere.pem\", key = \"nowhere.pem\" }";
    for more in ["", "\nbehind_tls_proxy = true"] {
        let world = World::new(&format!("{config}{more}"));
        refused(&mut world.site.command(&["serve"]), &["nowhere.pem"]);
        let serving = world.serve_where_it_says();
        assert!(serving.url.starts_with("https://127.0.0.1:"), "{}", serving.url);
        assert_eq!(world.connect(serving.address).unwrap().ping(&world.key), 200);
    }
    let world = World::new("tls = { cert = \"cert.pem\", key = \"key.pem\" }");
    let serving = world.site.serve();
    assert_eq!(world.connect(serving.address).unwrap().ping(&world.key), 200, "by the configuration alone");
}

#[test]
fn a_key_that_everybody_can_read_is_served_and_said() {
    for (mode, said) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        let world = World::new("");
        std::fs::set_permissions(world.site.path("key.pem"), PermissionsExt::from_mode(mode)).unwrap();
        let serving = world.serve(&[]);
        assert_eq!(world.connect(serving.address).unwrap().ping(&world.key), 200);
        let warnings = [serving.said.clone(), serving.log()].concat();
        let warnings = warnings.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let warnings: Vec<_> =
            warnings.filter(|line| line["level"] == "WARN" && line["target"] == "mcp_runtime::http").collect();
        assert_eq!(warnings.len(), said, "{mode:o}: {warnings:?}");
        assert!(warnings.iter().all(|line| line.to_string().contains("key.pem")), "{warnings:?}");
    }
}
