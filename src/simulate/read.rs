//! A scenario file: YAML, with every mistake at its place.

use super::scenario::{Alerts, CallEffect, Fault, FaultKind, Misbehaviour, People, Scenario, Service, Watchdog, two_watchdogs};
use crate::domain::target::{Target, TargetKind};
use crate::yaml::{Chunk, Fields, File, Kind, Node, Problem, nearest, parse, quote, text};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

const RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(366 * 86_400);
/// Nothing that happens may happen all the time.
const PERIOD: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

const FAULTS: [(&str, FaultKind); 17] = [
    ("crash", FaultKind::Crash),
    ("hang", FaultKind::Hang),
    ("blip", FaultKind::Blip),
    ("self_heals", FaultKind::SelfHeals),
    ("slow_start", FaultKind::SlowStart),
    ("flap", FaultKind::Flap),
    ("never_heals", FaultKind::NeverHeals),
    ("stopped_by_person", FaultKind::StoppedByPerson),
    ("masked", FaultKind::Masked),
    ("start_limit", FaultKind::StartLimit),
    ("out_of_sight", FaultKind::OutOfSight),
    // The other is filled in.
    ("breaks", FaultKind::Breaks(0)),
    ("calls_fail", FaultKind::Calls(Misbehaviour::Fail)),
    ("calls_hang", FaultKind::Calls(Misbehaviour::Hang)),
    ("calls_lie", FaultKind::Calls(Misbehaviour::Lie)),
    ("calls_are_late", FaultKind::Calls(Misbehaviour::Late)),
    ("pause", FaultKind::Pause),
];

/// # Errors
/// Every mistake of the file.
pub fn read(path: &Path, text: &str) -> Result<Scenario, Vec<Problem>> {
    let file = File::new(path, text);
    let scenario = scenario(&file);
    let problems = file.into_problems();
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ if problems.is_empty() => Err(vec![Problem::of_file(path, "it can't be read")]),
        _ => Err(problems),
    }
}

fn scenario(file: &File<'_>) -> Option<Scenario> {
    let root = parse(file, &[Chunk { at: 0, text: file.text().to_owned() }])?;
    let mut fields = Fields::of(file, &root)?;
    let name = fields.text("scenario").unwrap_or_else(|| "a scenario".to_owned());
    if !fields.has("targets") {
        fields.missing("targets", "name at least one: `targets: [{ unit: web.service }]`");
    }
    let entries = list(&mut fields, "targets");
    let mut services: Vec<Service> = Vec::new();
    let mut needs: Vec<Vec<(usize, String)>> = Vec::new();
    for mut fields in entries {
        let Some(service) = service(&mut fields) else {
            fields.end();
            continue;
        };
        if services.iter().any(|other| other.target.name() == service.target.name()) {
            file.refuse(fields.at(), format!("{} is named twice", quote(service.target.name())));
        }
        needs.push(fields.texts("needs").unwrap_or_default());
        fields.end();
        services.push(service);
    }
    let known: Vec<String> = services.iter().map(|service| service.target.name().to_owned()).collect();
    for (number, names) in needs.into_iter().enumerate() {
        let found = names.into_iter().filter_map(|(at, name)| find(file, at, &name, &known));
        services[number].needs = found.collect();
    }
    if let Some(number) = (0..services.len()).find(|number| in_circle(&services, *number)) {
        file.refuse(0, format!("{} needs itself, by way of others", quote(&known[number])));
    }
    let faults = list(&mut fields, "faults").into_iter().filter_map(|fields| fault(fields, &known)).collect();
    let alerts = fields.fields("alerts").map_or_else(Alerts::default, alerts);
    let people = fields.fields("people").map_or_else(People::default, people);
    let watchdogs = match fields.has("watchdogs") {
        true => list(&mut fields, "watchdogs").into_iter().map(watchdog).collect(),
        false => two_watchdogs(),
    };
    fields.end();
    Some(Scenario { name, services, faults, alerts, people, watchdogs })
}

fn list<'a>(fields: &mut Fields<'a>, key: &'static str) -> Vec<Fields<'a>> {
    let file = fields.file();
    let Some(node) = fields.node(key) else { return Vec::new() };
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| Fields::of(file, item)).collect(),
        _ => {
            file.refuse(node.at, format!("{} where a list is expected", node.noun()));
            Vec::new()
        }
    }
}

fn service(fields: &mut Fields<'_>) -> Option<Service> {
    let file = fields.file();
    let (unit, container) = (fields.node("unit"), fields.node("container"));
    let (kind, node) = match (unit, container) {
        (Some(node), None) => (TargetKind::Unit, node),
        (None, Some(node)) => (TargetKind::Container, node),
        _ => {
            fields.missing("unit", "write one of `unit: web.service` and `container: cache`");
            return None;
        }
    };
    let name = text(file, node)?;
    let target = Target::new(kind, &name).map_err(|why| file.refuse(node.at, why)).ok()?;
    let mut service = Service::new(target);
    if let Some(start_up) = fields.span("start_up", RANGE) {
        service.start_up = start_up;
    }
    if let Some(tells) = fields.get("tells") {
        service.tells = tells;
    }
    service.url = fields.text("url");
    service.address = fields.text("address");
    let words = [("nothing", CallEffect::Nothing), ("mend", CallEffect::Mend), ("fail", CallEffect::Fail)];
    if let Some(calls) = fields.fields("calls") {
        for (key, node) in calls.entries() {
            if let Some(effect) = word(file, node, &words) {
                service.calls.push((key.name.clone(), effect));
            }
        }
    }
    Some(service)
}

fn fault(mut fields: Fields<'_>, known: &[String]) -> Option<Fault> {
    let file = fields.file();
    for key in ["at", "fault"] {
        if !fields.has(key) {
            fields.missing(key, "write `{ at: 10m, target: web.service, fault: crash }`");
        }
    }
    let at = fields.span("at", RANGE);
    let kind = fields.word("fault", &FAULTS);
    let lasts = fields.span("for", RANGE);
    let target = fields.node("target").and_then(|node| find(file, node.at, &text(file, node)?, known));
    let other = fields.node("other").and_then(|node| find(file, node.at, &text(file, node)?, known));
    if kind != Some(FaultKind::Pause) && !fields.has("target") {
        fields.missing("target", "whom does it happen to?");
    }
    if matches!(kind, Some(FaultKind::Breaks(_))) && !fields.has("other") {
        fields.missing("other", "which one does its start break?");
    }
    fields.end();
    let kind = match (kind?, other) {
        (FaultKind::Breaks(_), Some(other)) => FaultKind::Breaks(other),
        (FaultKind::Breaks(_), None) => return None,
        (kind, _) => kind,
    };
    let service = if kind == FaultKind::Pause { target.unwrap_or(0) } else { target? };
    Some(Fault { at: at?, service, kind, lasts })
}

fn alerts(mut fields: Fields<'_>) -> Alerts {
    let mut alerts = Alerts::default();
    for (key, range, span) in [
        ("evaluate", PERIOD, &mut alerts.evaluate),
        ("for", RANGE, &mut alerts.for_),
        ("keep_firing_for", RANGE, &mut alerts.keep_firing_for),
        ("group_wait", RANGE, &mut alerts.group_wait),
        ("group_interval", RANGE, &mut alerts.group_interval),
        ("repeat_interval", PERIOD, &mut alerts.repeat_interval),
    ] {
        *span = fields.span(key, range).unwrap_or(*span);
    }
    for (key, percent) in [
        ("duplicates", &mut alerts.duplicates),
        ("delays", &mut alerts.delays),
        ("losses", &mut alerts.losses),
        ("replays", &mut alerts.replays),
    ] {
        *percent = fields.number(key, 0..=100).unwrap_or(*percent);
    }
    fields.end();
    alerts
}

fn people(mut fields: Fields<'_>) -> People {
    let default = People::default();
    let people = People {
        response: fields.span("response", RANGE).unwrap_or(default.response),
        notice: fields.span("notice", RANGE).unwrap_or(default.notice),
    };
    fields.end();
    people
}

fn watchdog(mut fields: Fields<'_>) -> Watchdog {
    let every = fields.span("every", PERIOD).unwrap_or(Duration::from_secs(60));
    let watchdog = Watchdog {
        name: fields.text("name").unwrap_or_else(|| "watchdog".to_owned()),
        every,
        first: fields.span("first", PERIOD).unwrap_or(every),
        patience: fields.number("patience", 1..=1_000).unwrap_or(1),
    };
    fields.end();
    watchdog
}

fn word<T: Copy>(file: &File<'_>, node: &Node, words: &[(&str, T)]) -> Option<T> {
    let found = text(file, node)?;
    let value = words.iter().find(|(word, _)| *word == found).map(|(_, value)| *value);
    if value.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        file.refuse(node.at, format!("{} is none of {}", quote(&found), known.join(", ")));
    }
    value
}

fn find(file: &File<'_>, at: usize, name: &str, known: &[String]) -> Option<usize> {
    let found = known.iter().position(|other| other == name);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = nearest(name, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        file.refuse(at, format!("`targets:` does not name {}{hint}", quote(name)));
    }
    found
}

fn in_circle(services: &[Service], start: usize) -> bool {
    let mut seen = vec![false; services.len()];
    let mut open = services[start].needs.clone();
    while let Some(number) = open.pop() {
        if number == start {
            return true;
        }
        if !std::mem::replace(&mut seen[number], true) {
            open.extend(&services[number].needs);
        }
    }
    false
}
