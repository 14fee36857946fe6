//! `guards:` — one key per guard that can be adjusted. What is not written keeps its default.

mod blast;
mod severity;

use super::intervals::{self, hint};
use crate::book::{parse_budget, read_budgets};
use crate::domain::calendar::Intervals;
use crate::domain::graph;
use crate::domain::policy::{
    AfterEscalated, ApprovalPolicy, BreakerPolicy, Budgets, FlappingPolicy, OrderPolicy, Policy, RatePolicy, TrustPolicy,
    Unreadable,
};
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::yaml::{Fields, File, Kind, Node, quote, span, text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const YEAR: Duration = Duration::from_secs(366 * 86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
const ATTEMPTS_MAX: u32 = 100;
pub(super) const COUNT_MAX: u32 = 10_000;

/// `intervals` are those of `time_intervals:`, `allow` is `targets:`.
pub fn read(fields: Option<Fields<'_>>, intervals: BTreeMap<String, Intervals>, allow: &AllowList) -> Policy {
    let mut policy = Policy { intervals, ..Policy::default() };
    let Some(mut fields) = fields else { return policy };
    if let Some(mut fields) = fields.fields("freshness") {
        let words = [("hold", Unreadable::Hold), ("act", Unreadable::Act)];
        policy.freshness = fields.word("unreadable", &words).unwrap_or_default();
        fields.end();
    }
    if let Some(mut fields) = fields.fields("window") {
        policy.maintenance = intervals::names(&mut fields, "maintenance", &policy.intervals);
        fields.end();
    }
    if let Some(mut fields) = fields.fields("settling") {
        policy.grace = fields.fields("grace").map(|fields| grace(&fields, allow)).unwrap_or_default();
        fields.end();
    }
    policy.order = fields.fields("order").map(|fields| order(fields, allow)).unwrap_or_default();
    policy.severity = fields.fields("severity").map(severity::read).unwrap_or_default();
    policy.breaker = fields.fields("breaker").map(breaker).unwrap_or_default();
    policy.budgets = fields.fields("budget").map(budgets).unwrap_or_default();
    policy.blast = fields.fields("blast_radius").map(blast::read).unwrap_or_default();
    policy.flapping = fields.fields("flapping").map(flapping).unwrap_or_default();
    policy.approval = fields.fields("approve").map(approval).unwrap_or_default();
    policy.trust = fields.fields("trust").map(trust).unwrap_or_default();
    policy.rate = fields.fields("rate").map(rate).unwrap_or_default();
    policy.protected = fields.fields("self_protection").map(protected).unwrap_or_default();
    if let Some(mut fields) = fields.fields("quarantine") {
        policy.quarantine_after = fields.number("crashes", 1..=ATTEMPTS_MAX).unwrap_or(policy.quarantine_after);
        fields.end();
    }
    fields.end();
    policy
}

/// A name alone is enough: units end in what no container is called by. One that is both can't be told apart.
fn target(file: &File<'_>, at: usize, name: &str, allow: &AllowList) -> Option<Target> {
    let kind = match (allow.units.contains(name), allow.containers.contains(name)) {
        (true, false) => TargetKind::Unit,
        (false, true) => TargetKind::Container,
        (true, true) => {
            file.refuse(at, format!("{} is both a unit and a container in `targets:`", quote(name)));
            return None;
        }
        (false, false) => {
            let hint = hint(name, allow.units.iter().chain(&allow.containers));
            file.refuse(at, format!("{} is no unit or container in `targets:`{hint}", quote(name)));
            return None;
        }
    };
    Target::new(kind, name).map_err(|why| file.refuse(at, why)).ok()
}

fn grace(fields: &Fields<'_>, allow: &AllowList) -> BTreeMap<Target, Duration> {
    let file = fields.file();
    let read = fields.entries().iter().filter_map(|(key, node)| {
        let (target, span) = (target(file, key.at, &key.name, allow), span(file, node, Duration::ZERO..=DAY));
        Some((target?, span?))
    });
    read.collect()
}

fn order(mut fields: Fields<'_>, allow: &AllowList) -> OrderPolicy {
    let file = fields.file();
    let mut after: BTreeMap<Target, Vec<Target>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (key, node) in fields.fields("after").map_or(&[][..], |fields| fields.entries()) {
        let waiting = target(file, key.at, &key.name, allow);
        let names = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let read = |node: &Node| target(file, node.at, &text(file, node)?, allow);
        let first: Vec<Target> = names.iter().filter_map(read).collect();
        if let Some(waiting) = waiting {
            places.insert(waiting.clone(), key.at);
            after.insert(waiting, first);
        }
    }
    if let Some(circle) = graph::circle(&after) {
        let names: Vec<&str> = circle.iter().map(Target::name).collect();
        let at = circle.first().and_then(|target| places.get(target)).copied().unwrap_or(fields.at());
        file.refuse(at, format!("`after:` goes in a circle, so none of them would ever be repaired: {}", names.join(" → ")));
    }
    let words = [("hold", AfterEscalated::Hold), ("release", AfterEscalated::Release)];
    let escalated = fields.word("escalated", &words).unwrap_or_default();
    fields.end();
    OrderPolicy { after, escalated, modes: Vec::new() }
}

fn breaker(mut fields: Fields<'_>) -> BreakerPolicy {
    let default = BreakerPolicy::default();
    let failures = fields.number("failures", 1..=ATTEMPTS_MAX).unwrap_or(default.failures);
    let open = fields.span("open", SECOND..=DAY).unwrap_or(default.open);
    fields.end();
    BreakerPolicy { failures, open }
}

fn budgets(mut fields: Fields<'_>) -> Budgets {
    let file = fields.file();
    let mut of = |key| fields.node(key).map(|node| read_budgets(file, node, "none")).unwrap_or_default();
    let read = Budgets { target: of("target"), playbook: of("playbook"), host: of("host"), all: of("all") };
    fields.end();
    read
}

fn flapping(mut fields: Fields<'_>) -> FlappingPolicy {
    let default = FlappingPolicy::default();
    let times = fields.number("times", 1..=COUNT_MAX).unwrap_or(default.times);
    let within = fields.span("within", SECOND..=YEAR).unwrap_or(default.within);
    fields.end();
    FlappingPolicy { times, within }
}

fn approval(mut fields: Fields<'_>) -> ApprovalPolicy {
    let default = ApprovalPolicy::default();
    let file = fields.file();
    let expires = fields.span("expires", SECOND..=WEEK).unwrap_or(default.expires);
    let mut by = BTreeSet::new();
    if let Some(at) = fields.node("by").map(|node| node.at) {
        let names = fields.texts("by").unwrap_or_default();
        if names.is_empty() {
            file.refuse_with_help(at, "nobody may approve", "leave `by` out to let everybody who reaches the control socket");
        }
        for (at, name) in names {
            if by.contains(&name) {
                file.refuse(at, format!("{} is named twice", quote(&name)));
            }
            by.insert(name);
        }
    }
    fields.end();
    ApprovalPolicy { expires, by }
}

fn trust(mut fields: Fields<'_>) -> TrustPolicy {
    let default = TrustPolicy::default();
    let observed = fields.number("observed", 1..=COUNT_MAX).unwrap_or(default.observed);
    let approved = fields.number("approved", 1..=COUNT_MAX).unwrap_or(default.approved);
    fields.end();
    TrustPolicy { observed, approved }
}

fn rate(mut fields: Fields<'_>) -> RatePolicy {
    let default = RatePolicy::default();
    let file = fields.file();
    let limit = fields.node("limit").and_then(|node| {
        let found = text(file, node)?;
        match parse_budget(&found) {
            Ok(limit) if limit.count > 0 && limit.window <= DAY => return Some(limit),
            Ok(_) => {
                let help = "at least 1, in a window of up to 1d; `heald pause` stops all repairs";
                file.refuse_with_help(node.at, format!("{} is out of range", quote(&found)), help);
            }
            Err(why) => file.refuse(node.at, format!("{} is no rate: {why}", quote(&found))),
        }
        None
    });
    let burst = fields.number("burst", 1..=COUNT_MAX).unwrap_or(default.burst);
    fields.end();
    let (count, window) = limit.map_or((default.count, default.window), |limit| (limit.count, limit.window));
    RatePolicy { count, window, burst }
}

/// They need not be on the allow-list: what heald may not touch at all is safe anyway.
fn protected(mut fields: Fields<'_>) -> BTreeSet<Target> {
    let file = fields.file();
    let form = "write `also: [{ unit: prometheus.service }, { container: grafana }]`";
    let one = |node: &Node| {
        let fields = Fields::of(file, node)?;
        let [(key, node)] = fields.entries() else {
            file.refuse_with_help(fields.at(), "one kind and one name are expected", form);
            return None;
        };
        let Some(kind) = [TargetKind::Unit, TargetKind::Container].into_iter().find(|kind| kind.label() == key.name) else {
            file.refuse_with_help(key.at, format!("{} is none of unit, container", quote(&key.name)), form);
            return None;
        };
        let name = text(file, node)?;
        Target::new(kind, &name).map_err(|why| file.refuse(node.at, why)).ok()
    };
    let read = match fields.node("also") {
        Some(Node { kind: Kind::List(items), .. }) => items.iter().filter_map(one).collect(),
        Some(node) => one(node).into_iter().collect(),
        None => BTreeSet::new(),
    };
    fields.end();
    read
}
