//! A drill file: what `drill/` reads by hand.

#![allow(dead_code, reason = "shapes only: nobody makes one")]

use super::words::{Any, Anything, OneOrMany, Word};
use crate::domain::time::Span;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// Drills: faults that are injected on purpose, and what heald must make of them. Durations: `500ms`, `30s`, `5m`, `1h30m`. Texts
/// may speak of `{{ vars.name }}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Drills {
    #[schemars(length(min = 1))]
    drills: Vec<Drill>,
}

/// One fault, or a few together, and what must come of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Drill {
    /// Its name: lower-case words joined by hyphens. Unique among all drills.
    #[schemars(length(max = 80), pattern("^[a-z0-9]+(-[a-z0-9]+)*$"))]
    drill: String,
    /// Whose incident must come of it.
    playbook: String,
    /// Rows of your catalogue of failures that it proves; for people.
    covers: Option<Any<Word>>,
    /// How often it is due. Left out: only by hand.
    schedule: Option<Every>,
    /// Values for `{{ vars.name }}`. `drills: vars:` of the configuration goes before them.
    vars: Option<BTreeMap<String, Anything>>,
    /// The incident's target name. Left out: any of that playbook.
    target: Option<String>,
    alert: Option<Posted>,
    /// In their order; undone in reverse, always.
    fault: OneOrMany<Fault>,
    /// Default: `healed`.
    expect: Option<Expect>,
    /// Exactly so many attempts.
    #[schemars(range(max = 100))]
    attempts: Option<u32>,
    /// Kinds of steps that must have been carried out, in this order.
    steps: Option<Any<String>>,
    /// The goal from the incident to the passed verification. Default: the playbook's `recovery_time`. `1ms` to 1d.
    within: Option<Span>,
    /// The goal from the fault to the incident. `1ms` to 1d, default 5m.
    detect_within: Option<Span>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Every {
    Weekly,
    Monthly,
    Quarterly,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Expect {
    /// By heald, and the verification has passed.
    Healed,
    /// A person was called.
    Escalated,
    /// An incident, and nothing was done.
    Refused,
}

/// An alert that the drill posts to Alertmanager itself and resolves at the end, for rules that need hours and exporters that
/// are not there. Left out: the drill waits for the rule.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Posted {
    /// With an `alertname`. The configuration's `host` is added where it is missing.
    labels: BTreeMap<String, Word>,
    annotations: Option<BTreeMap<String, Word>>,
}

/// One kind of fault and its parameters; its definition is made of the table of kinds.
#[derive(JsonSchema)]
pub struct Fault {}
