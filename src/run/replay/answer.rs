//! What was decided, then and now, in a form that can be compared: what is done counts, not how it is worded.

use crate::domain::decide::{Decision, Effect};
use crate::domain::guard::Guard;
use crate::domain::id::PlaybookId;
use crate::domain::incident::{Escalation, Incident, IncidentEvent as E, Phase, Subject};
use crate::domain::target::Target;
use crate::domain::time::Time;
use serde::Serialize;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Opened { playbook: PlaybookId, target: Option<Target>, people_only: bool, problem: Option<String> },
    NotOpened(String),
    Permitted { attempt: u32, rung: usize, title: String, locks: Vec<Target>, charged: bool, step: Option<String> },
    Held { guard: Guard, until: Time, reason: String },
    Reported { permitted: bool, text: String },
    Asked { plan: String, may: Vec<String>, expires: Time, text: String },
    GaveUp { reason: Escalation, rolls_back: bool, by: Option<Guard>, text: String },
    Watched { until: Time, text: String },
    Other(String),
}

/// A decision as people and scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// `permitted`, `held by cooldown`, `escalated: budget_refused`, …
    pub decision: String,
    pub text: String,
}

/// Calendars go by the wall clock, which was read a moment earlier than the record says.
const NEAR: Duration = Duration::from_secs(1);

// === impl Answer ===

impl Answer {
    /// `None`: the event holds no decision that could be compared.
    pub fn of(event: &E) -> Option<Self> {
        Some(match event {
            E::Opened { playbook, subject, rungs, .. } => Self::Opened {
                playbook: playbook.clone(),
                target: match subject {
                    Subject::Target(target) => Some(target.clone()),
                    Subject::Alert(_) => None,
                },
                people_only: *rungs == 0,
                problem: None,
            },
            E::AttemptStarted { attempt, rung, title, locks, charged, .. } => Self::Permitted {
                attempt: *attempt,
                rung: *rung,
                title: title.clone(),
                locks: locks.clone(),
                charged: *charged,
                step: None,
            },
            E::Held { guard, reason, wake } => Self::Held { guard: *guard, until: *wake, reason: reason.clone() },
            E::WouldAct { text, permitted } => Self::Reported { permitted: *permitted, text: text.clone() },
            E::ApprovalAsked { plan, text, expires, may, .. } => {
                Self::Asked { plan: plan.clone(), may: may.clone(), expires: *expires, text: text.clone() }
            }
            E::Escalated { reason, text } => Self::GaveUp { reason: *reason, rolls_back: false, by: None, text: text.clone() },
            E::RollbackStarted { reason, text, .. } => {
                Self::GaveUp { reason: *reason, rolls_back: true, by: None, text: text.clone() }
            }
            E::Watched { until, said: false } => Self::Watched { until: *until, text: event.text() },
            E::Healed { .. } | E::Closed { .. } => Self::Other(event.text()),
            _ => return None,
        })
    }

    pub fn of_decision(decision: Decision, draft: &Incident) -> Self {
        let step = decision.events.iter().find_map(|event| match event {
            E::StepStarted { text, .. } => Some(text.clone()),
            _ => None,
        });
        match decision.events.iter().find_map(Self::of) {
            Some(Self::GaveUp { reason, rolls_back, text, .. }) => {
                Self::GaveUp { reason, rolls_back, text, by: decision.refusal }
            }
            Some(answer) => answer.with_step(step),
            None => match (&draft.phase, decision.wake) {
                // The hold stays the same.
                (Phase::Held { guard, reason, .. }, Some(until)) => Self::Held { guard: *guard, until, reason: reason.clone() },
                _ if decision.effects.iter().any(|effect| matches!(effect, Effect::Look(_))) => {
                    Self::Other("it would look again".to_owned())
                }
                _ => Self::Other("nothing would be decided".to_owned()),
            },
        }
    }

    /// The first step of the attempt that was permitted.
    pub fn with_step(mut self, first: Option<String>) -> Self {
        if let Self::Permitted { step, .. } = &mut self {
            *step = first;
        }
        self
    }

    /// The number of the attempt that it lets begin, if that one has an effect.
    pub fn repairs(&self) -> Option<u32> {
        match self {
            Self::Permitted { attempt, charged: true, .. } => Some(*attempt),
            _ => None,
        }
    }

    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Opened { playbook: a, target: x, people_only: p, .. },
                Self::Opened { playbook: b, target: y, people_only: q, .. },
            ) => a == b && x == y && p == q,
            (
                Self::Permitted { rung: a, title: x, locks: l, charged: c, step: s, .. },
                Self::Permitted { rung: b, title: y, locks: m, charged: d, step: t, .. },
            ) => a == b && x == y && l == m && c == d && (s == t || s.is_none() || t.is_none()),
            (Self::Held { guard: a, until: x, .. }, Self::Held { guard: b, until: y, .. }) => a == b && near(*x, *y),
            (Self::Reported { permitted: a, text: x }, Self::Reported { permitted: b, text: y }) => a == b && gist(x) == gist(y),
            (Self::Asked { plan: a, may: x, expires: p, .. }, Self::Asked { plan: b, may: y, expires: q, .. }) => {
                a == b && x == y && near(*p, *q)
            }
            (Self::GaveUp { reason: a, rolls_back: x, .. }, Self::GaveUp { reason: b, rolls_back: y, .. }) => a == b && x == y,
            (Self::Watched { until: a, .. }, Self::Watched { until: b, .. }) => near(*a, *b),
            _ => false,
        }
    }

    pub fn said(self) -> Said {
        let (decision, text) = match self {
            Self::Opened { problem: Some(why), playbook, .. } => {
                ("no target".to_owned(), format!("playbook {playbook}, and people are called: {why}"))
            }
            Self::Opened { playbook, target: None, .. } => {
                ("no target".to_owned(), format!("playbook {playbook}, and people are called"))
            }
            Self::Opened { playbook, target: Some(target), people_only: true, .. } => {
                ("people only".to_owned(), format!("playbook {playbook} for {target}: a runbook for people"))
            }
            Self::Opened { playbook, target: Some(target), .. } => {
                ("opened".to_owned(), format!("playbook {playbook} for {target}"))
            }
            Self::NotOpened(why) => ("not opened".to_owned(), why),
            Self::Permitted { attempt, title, step, .. } => {
                let step = step.map_or_else(String::new, |step| format!(" ({step})"));
                ("permitted".to_owned(), format!("attempt {attempt} permitted: {title}{step}"))
            }
            Self::Held { guard, until, reason } => {
                let guard = guard.label();
                // Most reasons name the time themselves.
                let stamp = if reason.contains("until") { String::new() } else { format!(", looks again at {until}") };
                (format!("held by {guard}"), format!("held by {guard}: {reason}{stamp}"))
            }
            Self::Reported { permitted: true, text } => ("reported".to_owned(), text),
            Self::Reported { permitted: false, text } => ("reported as refused".to_owned(), text),
            Self::Asked { text, may, .. } => {
                let whom = if may.is_empty() { "anybody".to_owned() } else { may.join(" or ") };
                ("asked".to_owned(), format!("consent of {whom} is asked for: {text}"))
            }
            Self::GaveUp { reason, rolls_back, by, text } => {
                let how = if rolls_back { "rolled back, then escalated" } else { "escalated" };
                let text = by.map_or_else(|| format!("{how}: {text}"), |by| format!("refused by {}: {text}", by.label()));
                (format!("escalated: {}", reason.label()), text)
            }
            Self::Watched { text, .. } => ("watched".to_owned(), text),
            Self::Other(text) => ("something else".to_owned(), text),
        };
        Said { decision, text }
    }
}

fn near(a: Time, b: Time) -> bool {
    a.since(b).max(b.since(a)) < NEAR
}

/// `would do PLAN, attempt 1 of 3 (why)`: the plan, and who would refuse it; neither figures nor reasons.
fn gist(text: &str) -> (&str, Option<&str>) {
    let (plan, rest) = text.split_once(", attempt ").unwrap_or((text, ""));
    let by = rest.split_once(": refused by ").map(|(_, by)| by.split(' ').next().unwrap_or(by));
    (plan, by)
}
