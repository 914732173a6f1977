//! Certificates that change while the server runs.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use mcp_tests::process::{Serving, eventually};
use serde_json::Value;

use crate::world::{Authority, Pair, World};

/// So late at the most a new pair is served, or a broken one reported; and some time for a busy machine.
const SOON: Duration = Duration::from_secs(4);

/// The errors in the log so far.
fn errors(serving: &Serving) -> Vec<String> {
    let log = serving.log();
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["level"] == "ERROR").map(|line| line.to_string()).collect()
}

/// Waits until new connections get this one.
#[track_caller]
fn comes(world: &World, serving: &Serving, pair: &Pair) {
    let began = Instant::now();
    eventually("the new certificate", || world.connect(serving.address).unwrap().certificate() == pair.der);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn a_new_pair_is_served_however_it_is_put_there() {
    let world = World::new("");
    let issue = || world.authority.issue(&["localhost", "127.0.0.1"]);
    let serving = world.serve(&[]);
    let mut open = world.connect(serving.address).unwrap();
    assert_eq!((open.certificate(), open.ping(&world.key)), (world.first.der.clone(), 200));

    // Written over.
    let second = issue();
    world.replace(&second);
    comes(&world, &serving, &second);

    // Renamed over.
    let third = issue();
    world.write("cert.new", &third.cert);
    world.write("key.new", &third.key);
    for name in ["cert", "key"] {
        std::fs::rename(world.site.path(&format!("{name}.new")), world.site.path(&format!("{name}.pem"))).unwrap();
    }
    comes(&world, &serving, &third);

    assert_eq!(open.certificate(), world.first.der);
    assert_eq!(open.ping(&world.key), 200, "who is connected stays");
    assert_eq!(errors(&serving), [""; 0]);
}

#[test]
fn a_link_that_is_switched_is_followed() {
    let world = World::new("");
    // As Kubernetes mounts secrets: the names are links through one folder, which is switched.
    let pairs = [(); 2].map(|()| world.authority.issue(&["localhost"]));
    for (index, pair) in pairs.iter().enumerate() {
        std::fs::create_dir(world.site.path(&format!("..{index}"))).unwrap();
        world.write(&format!("..{index}/cert.pem"), &pair.cert);
        world.write(&format!("..{index}/key.pem"), &pair.key);
    }
    let switch = |to: usize| {
        symlink(format!("..{to}"), world.site.path("..new")).unwrap();
        std::fs::rename(world.site.path("..new"), world.site.path("..data")).unwrap();
    };
    for name in ["cert.pem", "key.pem"] {
        std::fs::remove_file(world.site.path(name)).unwrap();
        symlink(format!("..data/{name}"), world.site.path(name)).unwrap();
    }
    switch(0);
    let serving = world.serve(&[]);
    comes(&world, &serving, &pairs[0]);
    switch(1);
    comes(&world, &serving, &pairs[1]);
    switch(0);
    comes(&world, &serving, &pairs[0]);
    assert_eq!(errors(&serving), [""; 0]);
}

#[test]
fn what_cannot_be_used_is_reported_once_and_the_one_before_served_on() {
    let world = World::new("");
    let serving = world.serve(&[]);
    let other = Authority::new().issue(&["localhost"]);
    for (cert, key, word) in [
        (Some("nothing"), None, "there is no certificate in"),
        (Some(world.first.cert.as_str()), Some(other.key.as_str()), "is not that of the certificate"),
        (Some(""), Some(""), "there is no certificate in"),
    ] {
        for (name, text) in [("cert.pem", cert), ("key.pem", key)] {
            if let Some(text) = text {
                world.write(name, text);
            }
        }
        let began = Instant::now();
        let mut said = Vec::new();
        eventually("the report", || {
            said.extend(errors(&serving));
            !said.is_empty()
        });
        assert!(began.elapsed() < SOON && said[0].contains(word), "{:?}: {said:?}", began.elapsed());
        std::thread::sleep(Duration::from_millis(1200));
        said.extend(errors(&serving));
        assert_eq!(said.len(), 1, "once: {said:?}");
        assert_eq!(world.connect(serving.address).unwrap().certificate(), world.first.der);
    }
    std::fs::remove_file(world.site.path("cert.pem")).unwrap();
    let mut said = Vec::new();
    eventually("the report", || {
        said.extend(errors(&serving));
        !said.is_empty()
    });
    assert!(said[0].contains("cannot read"), "{said:?}");

    // One after the other, with time between: nothing breaks, and the whole pair is taken.
    let good = world.authority.issue(&["localhost"]);
    world.write("key.pem", &good.key);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(world.connect(serving.address).unwrap().certificate(), world.first.der);
    world.write("cert.pem", &good.cert);
    comes(&world, &serving, &good);

    // And back to what was served before all that.
    world.replace(&world.first);
    comes(&world, &serving, &world.first);
}
