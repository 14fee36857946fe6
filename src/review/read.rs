//! From the records of one incident to its [`Review`].

use super::measure::Moments;
use super::words::{ending, millis, moment, span};
use super::{
    Attempt, BudgetUse, Fact, Gathered, Known, Look, Message, Moment, ObjectiveView, Review, SeenProbe, Ticked, Verdict,
};
use crate::domain::event::IncidentEvent as E;
use crate::domain::guard::Guard;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Escalation, Incident, Phase};
use crate::domain::look::{Observation, ProbeVerdict};
use crate::domain::plan::Section;
use crate::domain::policy::objective_of;
use crate::domain::target::{Target, cut};
use crate::domain::time::{Span, Time};

impl Review {
    /// `facts`: all records of the incident, in order. `None` where the first is not its opening: the journal no longer
    /// holds it.
    pub fn of(id: IncidentId, facts: &[Fact], known: &Known) -> Option<Self> {
        let first = facts.first()?;
        let mut incident = Incident::open(id, &first.event, first.at)?;
        let E::Opened { starts_at, revision, .. } = &first.event else { return None };
        facts[1..].iter().for_each(|fact| incident.apply(&fact.event, fact.at));
        let moments = Moments::of(facts, *starts_at, known.now)?;
        let (labels, annotations) = incident.context.read();
        let alertname = labels.get("alertname").map_or_else(|| "an alert without a name".to_owned(), |name| cut(name));
        let objective =
            objective_of(&known.objectives, incident.target(), labels.get("service")).map(|(name, one)| (name.to_owned(), *one));
        let closed = facts.iter().rfind(|fact| matches!(fact.event, E::Closed { .. }));
        let note = closed.and_then(|fact| match &fact.event {
            E::Closed { note, .. } => Some(note.as_str()),
            _ => None,
        });
        let book = known.book.as_ref();
        let goal = book.and_then(|book| book.recovery_time);
        Some(Self {
            incident: id,
            host: known.host.clone(),
            playbook: incident.playbook.clone(),
            revision: revision.clone(),
            title: book.map(|book| book.title.clone()),
            mode: book.map(|book| book.mode),
            owner: book.and_then(|book| book.owner.clone()).or_else(|| labels.get("owner").or(labels.get("team")).cloned()),
            summary: annotations.get("summary").or(annotations.get("description")).cloned(),
            runbook_url: annotations.get("runbook_url").cloned(),
            severity: book.and_then(|book| book.severity).map(str::to_owned).or_else(|| labels.get("severity").cloned()),
            target: incident.target().map_or_else(|| alertname.clone(), Target::to_string),
            service: labels.get("service").cloned(),
            alertname,
            state: incident.phase.label(),
            outcome: match &incident.phase {
                Phase::Closed { outcome } => Some(outcome.label()),
                _ => None,
            },
            ending: ending(&incident.phase, note, incident.attempts, rolled_back(facts)),
            detected_at: *starts_at,
            received_at: first.wall,
            closed_at: closed.map(|fact| fact.wall),
            impact: moments.impact(),
            timeline: timeline(*starts_at, facts),
            verdicts: verdicts(facts, moments.end),
            attempts: attempts(facts),
            looks: looks(facts),
            gathered: gathered(facts),
            messages: messages(facts),
            checklist: checklist(facts, book.map(|book| book.checklist.as_slice()).unwrap_or_default()),
            called: facts.iter().any(|fact| matches!(fact.event, E::NoticeDue { notice, .. } if notice.calls())),
            budget: budget(facts, known),
            measures: moments.measures(goal, objective.as_ref().and_then(|(_, objective)| objective.rto)),
            objective: objective.map(|(name, objective)| {
                let (rto_ms, rpo_ms) = (objective.rto.map(millis), objective.rpo.map(millis));
                (name, ObjectiveView { rto_ms, rpo_ms })
            }),
            earlier: known.earlier.clone(),
        })
    }
}

fn checklist(facts: &[Fact], steps: &[String]) -> Vec<Ticked> {
    let done = |number: u32| {
        facts.iter().find_map(|fact| match &fact.event {
            E::StepTicked { item, by, note, .. } if *item == number => Some((fact.wall, by.clone(), note.clone())),
            _ => None,
        })
    };
    steps.iter().zip(1..).map(|(text, number)| Ticked { text: text.clone(), done: done(number) }).collect()
}

fn rolled_back(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| matches!(fact.event, E::RollbackEnded { ok: true, .. }))
}

fn timeline(detected: jiff::Timestamp, facts: &[Fact]) -> Vec<Moment> {
    let begin = Moment {
        at: detected,
        who: "Prometheus".to_owned(),
        kind: "detected",
        text: "the alert fires (its startsAt)".to_owned(),
    };
    // Where the clocks differ, the alert can seem younger than its webhook; it still comes first.
    std::iter::once(begin).chain(facts.iter().filter_map(moment)).collect()
}

/// Holds with how long they lasted, and refusals.
fn verdicts(facts: &[Fact], end: Time) -> Vec<Verdict> {
    let mut found: Vec<Verdict> = Vec::new();
    let mut held: Option<(Guard, Time, usize)> = None;
    for fact in facts {
        let over = match &fact.event {
            E::Held { guard, .. } => held.is_some_and(|(same, ..)| same != *guard),
            event => ends_hold(event),
        };
        if over && let Some((_, since, index)) = held.take() {
            found[index].until = Some(fact.wall);
            found[index].ms = Some(millis(fact.at.since(since)));
        }
        let verdict = |guard: &str, verdict, reason: &str| Verdict {
            guard: guard.to_owned(),
            verdict,
            reason: reason.to_owned(),
            from: fact.wall,
            until: None,
            ms: None,
        };
        match &fact.event {
            E::Held { guard, reason, .. } if held.is_none() => {
                held = Some((*guard, fact.at, found.len()));
                found.push(verdict(guard.label(), "held", reason));
            }
            E::Escalated { reason, text } => {
                found.extend(refuser(*reason).map(|guard| verdict(guard, "refused", text)));
            }
            E::WouldAct { text, .. } => found.push(verdict(Guard::Mode.label(), "reported", text)),
            _ => {}
        }
    }
    if let Some((_, since, index)) = held {
        found[index].ms = Some(millis(end.since(since)));
    }
    found
}

fn ends_hold(event: &E) -> bool {
    matches!(
        event,
        E::AttemptStarted { .. }
            | E::RollbackStarted { .. }
            | E::Watched { .. }
            | E::WouldAct { .. }
            | E::Healed { .. }
            | E::FoundBadAfterResolve { .. }
            | E::Retried { .. }
            | E::Escalated { .. }
            | E::Closed { .. }
    )
}

/// Which guard stands behind an escalation. The policy's word has several sources; its sentence says which.
fn refuser(reason: Escalation) -> Option<&'static str> {
    match reason {
        Escalation::BudgetRefused => Some(Guard::Budget.label()),
        Escalation::Chronic => Some(Guard::Flapping.label()),
        Escalation::NotApproved => Some(Guard::Approve.label()),
        Escalation::Quarantined => Some(Guard::Quarantine.label()),
        Escalation::Policy => Some(Guard::Severity.label()),
        Escalation::Refused => Some("guards"),
        _ => None,
    }
}

fn attempts(facts: &[Fact]) -> Vec<Attempt> {
    let mut found: Vec<(Time, Attempt)> = Vec::new();
    let mut approved = None;
    for fact in facts {
        let new = |number, title: &str, charged, approved_by, is_rollback| Attempt {
            number,
            title: title.to_owned(),
            started_at: fact.wall,
            ended_at: None,
            outcome: None,
            verification: String::new(),
            steps: Vec::new(),
            charged,
            approved_by,
            ms: None,
            is_rollback,
        };
        match &fact.event {
            E::Approved { by, .. } => approved = Some(by.clone()),
            E::Denied { .. } | E::Retried { .. } => approved = None,
            E::AttemptStarted { attempt, title, charged, .. } => {
                found.push((fact.at, new(*attempt, title, *charged, approved.take(), false)));
            }
            E::RollbackStarted { attempt, text, .. } => found.push((fact.at, new(*attempt, text, false, None, true))),
            E::StepStarted { section, .. } | E::StepEnded { section, .. } | E::StepSettled { section, .. } => {
                let of_rollback = *section == Section::Rollback;
                let Some((_, last)) = found.iter_mut().rfind(|(_, last)| last.is_rollback == of_rollback) else { continue };
                match (&fact.event, last.steps.last_mut()) {
                    (E::StepEnded { acted, took_ms, .. }, Some(begun)) => {
                        begun.push_str(&format!(" – {}: {} ({})", acted.outcome.label(), acted.detail, span(*took_ms)));
                    }
                    (E::StepSettled { why, .. }, Some(begun)) => begun.push_str(&format!(" – after a restart of heald: {why}")),
                    _ => last.steps.push(fact.event.text()),
                }
            }
            E::AttemptEnded { attempt, outcome, text } => {
                let same = found.iter_mut().rfind(|(_, last)| last.number == *attempt && !last.is_rollback);
                if let Some((since, last)) = same {
                    (last.ended_at, last.ms) = (Some(fact.wall), Some(millis(fact.at.since(*since))));
                    (last.outcome, last.verification) = (Some(outcome.label()), text.clone());
                }
            }
            E::RollbackEnded { ok, text } => {
                if let Some((since, last)) = found.iter_mut().rfind(|(_, last)| last.is_rollback) {
                    (last.ended_at, last.ms) = (Some(fact.wall), Some(millis(fact.at.since(*since))));
                    (last.outcome, last.verification) = (Some(if *ok { "rolled_back" } else { "failed" }), text.clone());
                }
            }
            _ => {}
        }
    }
    found.into_iter().map(|(_, attempt)| attempt).collect()
}

/// Those that decided something, each kind of moment named.
fn looks(facts: &[Fact]) -> Vec<Look> {
    let mut tried = 0;
    let named = facts.iter().filter_map(|fact| {
        let (seen, when) = match &fact.event {
            E::AttemptStarted { attempt, seen, .. } => {
                tried = *attempt;
                (seen, format!("before attempt {attempt}"))
            }
            E::Looked { seen, passed } => {
                let what = if *passed { "good" } else { "bad" };
                let when = if tried == 0 { "before anything was done".to_owned() } else { format!("after attempt {tried}") };
                (seen, format!("{when}: {what}"))
            }
            E::CareFailed { seen } => (seen, "in after-care: bad again".to_owned()),
            E::SymptomShown { seen } => (seen, "while it was watched: bad".to_owned()),
            _ => return None,
        };
        Some(look(fact, seen, when))
    });
    let mut all: Vec<Look> = named.collect();
    // A hold that ends is followed by the same picture: shown once.
    all.dedup_by(|later, earlier| later.state == earlier.state && later.probes == earlier.probes && later.when == earlier.when);
    all
}

fn look(fact: &Fact, seen: &Observation, when: String) -> Look {
    Look {
        at: fact.wall,
        when,
        state: seen.state.text(),
        alert: seen.alert.text(),
        probes: seen
            .probes
            .iter()
            .map(|result| SeenProbe {
                probe: result.probe.clone(),
                verdict: match result.verdict {
                    ProbeVerdict::Pass => "pass",
                    ProbeVerdict::Fail => "fail",
                    ProbeVerdict::Unknown => "unknown",
                },
                detail: result.detail.clone(),
            })
            .collect(),
        needs_down: seen.around.needs_down.iter().map(Target::to_string).collect(),
    }
}

fn gathered(facts: &[Fact]) -> Vec<Gathered> {
    let each = facts.iter().filter_map(|fact| match &fact.event {
        E::Gathered { logs, what } => Some(Gathered { at: fact.wall, what: what.clone(), logs: logs.clone() }),
        _ => None,
    });
    each.collect()
}

fn messages(facts: &[Fact]) -> Vec<Message> {
    let each = facts.iter().filter_map(|fact| match &fact.event {
        E::Told { notice, deliveries, number, .. } => Some((fact.wall, *number, notice, deliveries)),
        _ => None,
    });
    each.flat_map(|(at, number, notice, deliveries)| {
        deliveries.iter().map(move |delivery| Message {
            at,
            number,
            notice: notice.label(),
            channel: delivery.channel.clone(),
            error: delivery.error.clone(),
        })
    })
    .collect()
}

fn budget(facts: &[Fact], known: &Known) -> BudgetUse {
    let count = |wanted: bool| {
        let started = facts.iter().filter(|fact| matches!(fact.event, E::AttemptStarted { charged, .. } if charged == wanted));
        u32::try_from(started.count()).unwrap_or(u32::MAX)
    };
    let book = known.book.as_ref();
    BudgetUse {
        charged: count(true),
        free: count(false),
        retries: u32::try_from(facts.iter().filter(|fact| matches!(fact.event, E::Retried { .. })).count()).unwrap_or(u32::MAX),
        attempts_max: book.map(|book| book.attempts),
        per_target: book.map_or_else(Vec::new, |book| {
            book.budget.iter().map(|budget| format!("{} per {}", budget.count, Span(budget.window))).collect()
        }),
    }
}
