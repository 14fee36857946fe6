//! `guards:` and `time_intervals:`.

use crate::domain::time::Span;
use crate::schema::words::{Any, Budget, OneOrMany, Word};
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// Limits that hold for all playbooks at once. Everything may be left out; what is written changes only itself.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Guards {
    freshness: Option<Freshness>,
    window: Option<Window>,
    settling: Option<Settling>,
    order: Option<Order>,
    severity: Option<SeverityCaps>,
    breaker: Option<Breaker>,
    budget: Option<Budgets>,
    blast_radius: Option<BlastRadius>,
    flapping: Option<Flapping>,
    approve: Option<Approve>,
    trust: Option<Trust>,
    rate: Option<Rate>,
    self_protection: Option<SelfProtection>,
    quarantine: Option<Quarantine>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Freshness {
    /// Alertmanager can't be asked: `hold` (default), or `act` by the webhook alone.
    unreadable: Option<Unreadable>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Unreadable {
    Hold,
    Act,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Window {
    /// Names of `time_intervals:` in which nothing is repaired.
    maintenance: Option<Any<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Settling {
    /// Start-up grace by target, over the playbooks' `limits.grace`.
    grace: Option<BTreeMap<String, Span>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Order {
    /// By target, those that come first: `{ web.service: [db.service] }`. A circle is an error.
    after: Option<BTreeMap<String, Any<String>>>,
    /// What comes first waits for a person: the others `hold` (default), or `release`.
    escalated: Option<AfterEscalated>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum AfterEscalated {
    Hold,
    Release,
}

/// How much may be tried; the smallest that applies counts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SeverityCaps {
    /// More than one target is down.
    several: Option<Cap>,
    /// Playbooks of that class.
    service: Option<Cap>,
    /// Playbooks of that class.
    corruption: Option<Cap>,
    /// Playbooks of that class.
    rate_limit: Option<Cap>,
    /// Playbooks of that class.
    device: Option<Cap>,
    #[schemars(rename = "P0")]
    p0: Option<Cap>,
    #[schemars(rename = "P1")]
    p1: Option<Cap>,
    #[schemars(rename = "P2")]
    p2: Option<Cap>,
    #[schemars(rename = "P3")]
    p3: Option<Cap>,
    /// By playbook; replaces all of the above.
    playbooks: Option<BTreeMap<String, Cap>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Cap {
    /// At most. 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    attempts: Option<u32>,
    /// At most so long. `1s` to 366 days.
    within: Option<Span>,
    /// How long after the opening people are called. `0s` to 1d.
    patience: Option<Span>,
}

/// So many failed attempts in a row: none for so long, then one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Breaker {
    /// 1 to 100, default 5.
    #[schemars(range(min = 1, max = 100))]
    failures: Option<u32>,
    /// `1s` to 1d, default 2m.
    open: Option<Span>,
}

/// Beside each playbook's own; all hold at once.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Budgets {
    /// Of each target.
    target: Option<OneOrMany<Budget>>,
    /// Of each playbook.
    playbook: Option<OneOrMany<Budget>>,
    /// Of this host.
    host: Option<OneOrMany<Budget>>,
    /// Of everything.
    all: Option<OneOrMany<Budget>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct BlastRadius {
    /// Targets of which only some may be repaired at a time.
    groups: Option<Vec<Group>>,
    storm: Option<Storm>,
}

/// At least one of `max` and `min_healthy`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Group {
    /// For messages.
    name: String,
    /// Which alerts are about it.
    #[schemars(rename = "match")]
    matchers: OneOrMany<String>,
    /// Splits it by a label's value.
    by: Option<String>,
    /// How many targets it has when all is well; of each part, with `by`. 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    size: u32,
    /// Repaired at a time: a number, or a share as `25%`.
    max: Option<Word>,
    /// How many must be good: a number, or a share.
    min_healthy: Option<Word>,
    /// How long it must have been above `min_healthy` again. `0s` to 1d, default 30s.
    cool_down: Option<Span>,
}

/// More targets than this are down at once: less is tried.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Storm {
    /// 1 to 10000, default 10.
    #[schemars(range(min = 1, max = 10_000))]
    targets: Option<u32>,
    /// 0 to 100, default 2.
    #[schemars(range(min = 0, max = 100))]
    attempts: Option<u32>,
    /// `1s` to 1d, default 3m.
    within: Option<Span>,
    /// `0s` to 1d, default 30s.
    cool_down: Option<Span>,
}

/// So often healed and broken again: a person.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Flapping {
    /// 1 to 10000, default 5.
    #[schemars(range(min = 1, max = 10_000))]
    times: Option<u32>,
    /// `1s` to 366 days, default 1h.
    within: Option<Span>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Approve {
    /// How long a question stands. `1s` to 7d, default 30m.
    expires: Option<Span>,
    /// Who may consent, by the names that the journal has. Left out: whoever may order heald about.
    by: Option<OneOrMany<String>>,
}

/// `mode: earn`: so many good outcomes in a row raise it by one step.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Trust {
    /// From `observe` to `approve`. 1 to 10000, default 5.
    #[schemars(range(min = 1, max = 10_000))]
    observed: Option<u32>,
    /// From `approve` to `auto`. 1 to 10000, default 5.
    #[schemars(range(min = 1, max = 10_000))]
    approved: Option<u32>,
}

/// Over everything.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Rate {
    /// Default: 30 per 1m.
    limit: Option<Budget>,
    /// 1 to 10000, default 10.
    #[schemars(range(min = 1, max = 10_000))]
    burst: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SelfProtection {
    /// What heald rests on and never touches, beside itself: `[{ unit: prometheus.service }]`.
    also: Option<Any<ProtectedTarget>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
pub struct ProtectedTarget {
    unit: Option<String>,
    container: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Quarantine {
    /// What was running at so many crashes of heald in a row is set aside. 1 to 100, default 3.
    #[schemars(range(min = 1, max = 100))]
    crashes: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NamedInterval {
    /// By this name playbooks and guards speak of it.
    name: String,
    /// One of them is enough.
    time_intervals: Any<Interval>,
}

/// All that it names must hold; of a list one item is enough. At least one condition.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Interval {
    times: Option<Any<TimeRange>>,
    /// `monday:friday`; the week begins on Sunday.
    weekdays: Option<Any<Word>>,
    /// `1:5`, `-1` for the last day.
    days_of_month: Option<Any<Word>>,
    /// `january:march`, `5`.
    months: Option<Any<Word>>,
    /// `2026:2027`.
    years: Option<Any<Word>>,
    /// `UTC`, or a name of the IANA database.
    location: String,
}

/// An end before its start means overnight.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TimeRange {
    /// `22:00`
    start_time: String,
    /// Not included; `24:00` is midnight.
    end_time: String,
}
