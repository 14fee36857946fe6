//! `world:` — what comes of steps, what probes say, how targets are.

use super::read::{RANGE, entries, present};
use super::script::{Calls, ProbeScript, StateWord, StepScript, TargetScript, WorldScript, Wrong};
use crate::action;
use crate::domain::outcome::{ActOutcome, Impossible};
use crate::domain::target::{Target, TargetKind};
use crate::probe;
use crate::yaml::{Fields, File, Kind, Node, nearest, number, quote};
use std::time::Duration;

const STATES: [(&str, StateWord); 13] = [
    ("good", StateWord::Good),
    ("running", StateWord::Running),
    ("starting", StateWord::Starting),
    ("restarting", StateWord::Restarting),
    ("job_pending", StateWord::JobPending),
    ("failed", StateWord::Failed),
    ("stopped", StateWord::Stopped),
    ("stopped_unclear", StateWord::StoppedUnclear),
    ("masked", StateWord::Masked),
    ("start_limit", StateWord::StartLimit),
    ("missing", StateWord::Missing),
    ("unreachable", StateWord::Unreachable),
    ("host_busy", StateWord::HostBusy),
];

const OUTCOMES: [(&str, ActOutcome); 12] = [
    ("failed", ActOutcome::Failed),
    ("not_sent", ActOutcome::NotSent),
    ("unknown", ActOutcome::Unknown),
    ("conflict", ActOutcome::Conflict),
    ("not_found", ActOutcome::Impossible(Impossible::NotFound)),
    ("masked", ActOutcome::Impossible(Impossible::Masked)),
    ("start_limit_hit", ActOutcome::Impossible(Impossible::StartLimitHit)),
    ("access_denied", ActOutcome::Impossible(Impossible::AccessDenied)),
    ("replaced", ActOutcome::Impossible(Impossible::Replaced)),
    ("paused", ActOutcome::Impossible(Impossible::Paused)),
    ("bad_parameters", ActOutcome::Impossible(Impossible::BadParameters)),
    ("refused", ActOutcome::Impossible(Impossible::Refused)),
];

const CALLS_MAX: u32 = 10_000;

pub fn read(fields: &mut Fields<'_>) -> WorldScript {
    let file = fields.file();
    let mut world = WorldScript::default();
    for node in entries(fields, "world") {
        let Some(mut fields) = Fields::of(file, node) else { continue };
        match ["step", "probe", "target", "alertmanager"].map(|key| fields.has(key)) {
            [true, false, false, false] => world.steps.extend(step(&mut fields)),
            [false, true, false, false] => world.probes.extend(probe(&mut fields)),
            [false, false, true, false] => world.targets.extend(target(&mut fields)),
            [false, false, false, true] => world.alertmanager_down = alertmanager(&mut fields),
            _ => {
                let help = "write `{ step: docker.restart, fails: 2 }`, `{ probe: http, passes_after: 40s }` or \
                            `{ target: shop, state: running }`";
                file.refuse_with_help(node.at, "one of `step`, `probe`, `target` and `alertmanager` is needed", help);
                continue;
            }
        }
        fields.end();
    }
    world
}

fn step(fields: &mut Fields<'_>) -> Option<StepScript> {
    let step = named(fields, "step", action::KINDS)?;
    let mut script = StepScript::plain(step);
    let written: Vec<&str> = ["fails", "hangs", "outcome"].into_iter().filter(|key| present(fields, key)).collect();
    if written.len() > 1 && written != ["fails", "outcome"] {
        fields.file().refuse(fields.at(), format!("{} exclude each other", written.join(" and ")));
    }
    if fields.has("hangs") {
        script.wrong = calls(fields, "hangs", Calls::First).unwrap_or(Calls::All);
        script.how = Wrong::Hangs;
    }
    let outcome = fields.word("outcome", &OUTCOMES);
    if let Some(outcome) = outcome {
        (script.wrong, script.how) = (Calls::All, Wrong::Outcome(outcome));
    }
    if fields.has("fails") {
        script.wrong = calls(fields, "fails", Calls::First).unwrap_or(Calls::All);
    }
    if present(fields, "mends") {
        script.mends = calls(fields, "mends", Calls::From).unwrap_or(Calls::All);
    }
    script.breaks = flag(fields, "breaks");
    script.takes = fields.span("takes", RANGE).unwrap_or_default();
    script.answers = fields.values("answers").map(|facts| facts.into_iter().collect());
    script.says = fields.text("says");
    Some(script)
}

fn probe(fields: &mut Fields<'_>) -> Option<ProbeScript> {
    let name = named(fields, "probe", probe::KINDS)?;
    let always = match (present(fields, "passes"), present(fields, "fails")) {
        (true, false) => Some(flag(fields, "passes")),
        (false, true) => Some(!flag(fields, "fails")),
        (true, true) => {
            fields.file().refuse(fields.at(), "`passes` and `fails` exclude each other");
            None
        }
        _ => None,
    };
    let unknown_from = fields.span("unknown_from", RANGE);
    let unknown_until = fields.span("unknown_until", RANGE);
    let unknown = (unknown_from.is_some() || unknown_until.is_some())
        .then(|| (unknown_from.unwrap_or_default(), unknown_until.unwrap_or(*RANGE.end())));
    Some(ProbeScript {
        probe: name,
        always,
        passes_after: fields.span("passes_after", RANGE),
        fails_from: fields.span("fails_from", RANGE),
        unknown,
        lags: fields.span("lags", RANGE).unwrap_or_default(),
        stays: flag(fields, "stays"),
        says: fields.text("says"),
    })
}

fn target(fields: &mut Fields<'_>) -> Option<TargetScript> {
    let file = fields.file();
    let needs = match present(fields, "needs_down") {
        true => fields.texts("needs_down").unwrap_or_default(),
        false => Vec::new(),
    };
    let target = fields.text("target");
    let state = fields.word("state", &STATES);
    let script = TargetScript {
        target: target.clone().unwrap_or_default(),
        at: fields.span("at", RANGE).unwrap_or_default(),
        state,
        detail: fields.text("says"),
        starts_in: fields.span("starts_in", RANGE),
        stays: flag(fields, "stays"),
        needs_down: needs.into_iter().filter_map(|(at, name)| other(file, at, &name)).collect(),
    };
    target.map(|_| script)
}

/// `unit db.service`
fn other(file: &File<'_>, at: usize, name: &str) -> Option<Target> {
    let (kind, name) = name.split_once(' ').unwrap_or(("", name));
    let Some(kind) = TargetKind::ALL.into_iter().find(|known| known.label() == kind) else {
        file.refuse(at, format!("{} is no target: write `unit db.service`", quote(name)));
        return None;
    };
    Target::new(kind, name.trim()).map_err(|why| file.refuse(at, why)).ok()
}

fn alertmanager(fields: &mut Fields<'_>) -> Option<(Duration, Duration)> {
    fields.word("alertmanager", &[("down", ())]);
    Some((fields.span("from", RANGE).unwrap_or_default(), fields.span("until", RANGE).unwrap_or(*RANGE.end())))
}

/// A kind that there is, alone or followed by what it is about.
fn named(fields: &mut Fields<'_>, key: &'static str, kinds: &[&str]) -> Option<String> {
    let file = fields.file();
    let node = fields.node(key)?;
    let name = crate::yaml::text(file, node)?;
    let kind = name.split(' ').next().unwrap_or_default();
    if !kinds.contains(&kind) {
        let hint = nearest(kind, kinds).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        file.refuse(node.at, format!("{} is no kind of {key}{hint}", quote(kind)));
    }
    Some(name)
}

fn flag(fields: &mut Fields<'_>, key: &'static str) -> bool {
    fields.get(key).unwrap_or_default()
}

/// `always`, `never`, or a number.
fn calls(fields: &mut Fields<'_>, key: &'static str, of: impl Fn(u32) -> Calls) -> Option<Calls> {
    let file = fields.file();
    let node = fields.node(key)?;
    match &node.kind {
        Kind::Bool(true, _) => Some(Calls::All),
        Kind::Bool(false, _) => Some(Calls::None),
        Kind::Text(word) if word == "always" => Some(Calls::All),
        Kind::Text(word) if word == "never" => Some(Calls::None),
        Kind::Number(..) => number(file, node, 1..=CALLS_MAX).map(of),
        _ => wrong(file, node),
    }
}

fn wrong(file: &File<'_>, node: &Node) -> Option<Calls> {
    file.refuse(node.at, format!("{} where a number of calls, `always` or `never` is expected", node.noun()));
    None
}
