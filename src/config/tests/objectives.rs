//! What was promised of a service.

use super::{check, reading};
use crate::domain::policy::Objective;
use std::time::Duration;

#[test]
fn objectives_are_read_by_name() {
    let text = "playbooks: [p]\nrecovery_objectives:\n  web.service: { rto: 15m, rpo: 0s }\n  shop: { rto: 1h }\n";
    let objectives = reading(text).unwrap().guards.objectives;
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    assert_eq!(objectives["web.service"], Objective { rto: minutes(15), rpo: Some(Duration::ZERO) });
    assert_eq!(objectives["shop"], Objective { rto: minutes(60), rpo: None });
    assert!(reading("playbooks: [p]\n").unwrap().guards.objectives.is_empty());
}

#[test]
fn a_promise_of_nothing_is_none() {
    check("recovery_objectives: { shop: {} }", "heald.yaml:1:30: an objective without a promise");
    check("recovery_objectives: { shop: { rto: 0s } }", "heald.yaml:1:37: 0s is out of range: from 1s to 366d");
    check("recovery_objectives: { shop: { rot: 5m, rpo: 5m } }", "heald.yaml:1:32: unknown key `rot`; did you mean `rto`?");
}

#[test]
fn the_inventory_brings_objectives_and_its_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    put("heald.yaml", "playbooks: [p]\nhost: a\ninventory: i.yaml\nrecovery_objectives: { shop: { rpo: 5m } }\n");
    put("i.yaml", "hosts: { a: }\nservices:\n  shop: { hosts: a, rto: 15m, rpo: 1h }\n  wiki: { hosts: a, rto: 1h }\n");
    let file = dir.path().join("heald.yaml");
    let objectives = crate::config::load(&file).unwrap().guards.objectives;
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    // What the configuration says goes before, as a whole.
    assert_eq!(objectives["shop"], Objective { rto: None, rpo: minutes(5) });
    assert_eq!(objectives["wiki"], Objective { rto: minutes(60), rpo: None });

    put("i.yaml", "hosts: { a: }\nservices:\n  wiki: { hosts: b, rto: soon }\n");
    put("heald.yaml", "playbooks: [p]\nhost: a\ninventory: i.yaml\nstat: x\n");
    let problems = crate::config::load(&file).unwrap_err();
    let places: Vec<String> = problems.iter().map(|problem| problem.place()).collect();
    let at = |place: &str| dir.path().join(place).display().to_string();
    assert_eq!(places, [at("heald.yaml:4:1"), at("i.yaml:3:18"), at("i.yaml:3:26")], "{problems:?}");
}
