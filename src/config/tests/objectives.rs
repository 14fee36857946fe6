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
