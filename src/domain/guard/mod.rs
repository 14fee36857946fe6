//! The guards: each may forbid an effect, with a reason. Only [`judge`] makes a [`Permit`].
//!
//! A guard is one file with one function `check(&Proposal, &Facts, now)`, one
//! line in [`Guard`] and one in [`ask`]. What each is for: `docs/guards.md`.

use super::id::AttemptId;
use super::incident::{Escalation, Incident};
use super::look::Observation;
use super::plan::Plan;
use super::target::Target;
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod approve;
mod blast;
mod breaker;
mod budget;
mod cooldown;
mod exclusive;
mod facts;
mod flapping;
mod freshness;
mod kill_switch;
mod mode;
mod order;
mod quarantine;
mod rate;
mod self_protection;
mod settling;
mod severity;
mod window;

pub use approve::asked;
pub use blast::{STORM, group_keys};
pub use breaker::{BreakerState, state as breaker_state};
pub use facts::{Account, Facts, GroupCount, Ledger, Neighbour, Pace, PastAttempt, Trouble};
pub use mode::only_reports;
pub use quarantine::set_aside;
pub use window::is_planned;

/// In the order in which they are asked; the first refusal decides, all are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    KillSwitch,
    Quarantine,
    SelfProtection,
    Freshness,
    Window,
    Settling,
    Exclusive,
    Order,
    Severity,
    Cooldown,
    Breaker,
    Budget,
    BlastRadius,
    Flapping,
    Mode,
    Approve,
    /// Last: its limiter can neither peek nor refund.
    Rate,
}

/// What is about to happen.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    pub ask: Ask,
    pub incident: &'a Incident,
    /// The attempt that it belongs to or begins.
    pub attempt: AttemptId,
    pub plan: &'a Plan,
    /// The look that led here.
    pub seen: &'a Observation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A new attempt: all guards; the budget is charged once.
    Attempt,
    /// A further step of a running attempt: what matters at that moment.
    Step,
    /// Undoing: kill switch and lock only, never budget, cooldown or breaker.
    Rollback,
}

/// A guard's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub guard: Guard,
    /// One sentence, shown alike in log, message, page and command line.
    pub reason: String,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Look again at that time at the latest.
    Wait(Time),
    /// As [`Then::Wait`], and only people can end it: they are told.
    WaitForPeople(Time),
    /// Look again at once, and ask Alertmanager too.
    Look,
    /// Alertmanager says so: the alerts are over.
    Resolved,
    /// Ask people for their consent.
    Ask,
    /// Report what would have been done.
    Report,
    Escalate(Escalation),
}

/// Every guard's verdict, in order.
#[derive(Debug)]
pub struct Judgement {
    pub verdicts: Vec<(Guard, Verdict)>,
    pub result: Result<Permit, Refusal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No(Refusal),
    /// It is asked only when nobody else says no.
    NotAsked,
}

/// The proof that all guards said yes, for one effect. Neither copied nor stored: after a crash it is asked for again.
#[derive(Debug)]
pub struct Permit {
    attempt: AttemptId,
    targets: Vec<Target>,
}

/// A hold is looked at again at least this often.
pub const RELOOK_MAX: Duration = Duration::from_secs(60);

/// Asks every guard that the proposal concerns.
pub fn judge(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Judgement {
    let mut first: Option<Refusal> = None;
    let mut verdicts = Vec::with_capacity(Guard::ALL.len());
    for guard in Guard::concerned(proposal.ask) {
        if facts.leaves_out(*guard) {
            continue;
        }
        let refusal = match guard {
            Guard::Rate if first.is_some() => {
                verdicts.push((*guard, Verdict::NotAsked));
                continue;
            }
            _ => ask(*guard, proposal, facts, now),
        };
        let verdict = refusal.clone().map_or(Verdict::Yes, Verdict::No);
        first = first.or(refusal);
        verdicts.push((*guard, verdict));
    }
    let result = match first {
        Some(refusal) => Err(refusal),
        None => Ok(Permit { attempt: proposal.attempt, targets: proposal.objects() }),
    };
    Judgement { verdicts, result }
}

fn ask(guard: Guard, proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    match guard {
        Guard::KillSwitch => kill_switch::check(proposal, facts, now),
        Guard::Quarantine => quarantine::check(proposal, facts, now),
        Guard::SelfProtection => self_protection::check(proposal, facts, now),
        Guard::Freshness => freshness::check(proposal, facts, now),
        Guard::Window => window::check(proposal, facts, now),
        Guard::Settling => settling::check(proposal, facts, now),
        Guard::Exclusive => exclusive::check(proposal, facts, now),
        Guard::Order => order::check(proposal, facts, now),
        Guard::Severity => severity::check(proposal, facts, now),
        Guard::Cooldown => cooldown::check(proposal, facts, now),
        Guard::Breaker => breaker::check(proposal, facts, now),
        Guard::Budget => budget::check(proposal, facts, now),
        Guard::BlastRadius => blast::check(proposal, facts, now),
        Guard::Flapping => flapping::check(proposal, facts, now),
        Guard::Mode => mode::check(proposal, facts, now),
        Guard::Approve => approve::check(proposal, facts, now),
        Guard::Rate => rate::check(proposal, facts, now),
    }
}

// === impl Guard ===

impl Guard {
    /// All of them, for an attempt.
    pub const ALL: [Guard; 17] = [
        Self::KillSwitch,
        Self::Quarantine,
        Self::SelfProtection,
        Self::Freshness,
        Self::Window,
        Self::Settling,
        Self::Exclusive,
        Self::Order,
        Self::Severity,
        Self::Cooldown,
        Self::Breaker,
        Self::Budget,
        Self::BlastRadius,
        Self::Flapping,
        Self::Mode,
        Self::Approve,
        Self::Rate,
    ];
    const STEP: [Guard; 4] = [Self::KillSwitch, Self::Freshness, Self::Settling, Self::Exclusive];
    const ROLLBACK: [Guard; 2] = [Self::KillSwitch, Self::Exclusive];

    fn concerned(ask: Ask) -> &'static [Guard] {
        match ask {
            Ask::Attempt => &Self::ALL,
            Ask::Step => &Self::STEP,
            Ask::Rollback => &Self::ROLLBACK,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::Quarantine => "quarantine",
            Self::SelfProtection => "self_protection",
            Self::Freshness => "freshness",
            Self::Window => "window",
            Self::Settling => "settling",
            Self::Exclusive => "exclusive",
            Self::Order => "order",
            Self::Severity => "severity",
            Self::Cooldown => "cooldown",
            Self::Breaker => "breaker",
            Self::Budget => "budget",
            Self::BlastRadius => "blast_radius",
            Self::Flapping => "flapping",
            Self::Mode => "mode",
            Self::Approve => "approve",
            Self::Rate => "rate",
        }
    }

    /// What it asks, in a few words.
    pub fn question(self) -> &'static str {
        match self {
            Self::KillSwitch => "is heald, the playbook or the target paused?",
            Self::Quarantine => "did this incident run when heald crashed, again and again?",
            Self::SelfProtection => "is it heald itself, or what heald stands on?",
            Self::Freshness => "does the alert still fire?",
            Self::Window => "is it a maintenance window, or silenced?",
            Self::Settling => "is it on its way already, or down by a person's wish?",
            Self::Exclusive => "is anybody else repairing it?",
            Self::Order => "is something down that it depends on?",
            Self::Severity => "may this kind of failure be tried once more?",
            Self::Cooldown => "was the last attempt long enough ago?",
            Self::Breaker => "did it fail too often in a row?",
            Self::Budget => "is there an attempt left in every window?",
            Self::BlastRadius => "is so much down that the cause is elsewhere?",
            Self::Flapping => "was it repaired again and again?",
            Self::Mode => "may heald act by itself?",
            Self::Approve => "did a person consent, where one must?",
            Self::Rate => "would this be one too many at once?",
        }
    }
}

// === impl Proposal ===

impl Proposal<'_> {
    /// Whom it touches, under all names that are known, sorted: what is locked, charged and cooled down.
    pub fn objects(&self) -> Vec<Target> {
        let mut objects = self.plan.objects();
        if self.incident.target().is_some_and(|own| objects.contains(own)) {
            objects.extend(self.seen.around.also.iter().cloned());
            objects.sort();
            objects.dedup();
        }
        objects
    }
}

// === impl Permit ===

impl Permit {
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Whom it allows to touch, sorted.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }
}

impl Refusal {
    fn escalate(guard: Guard, escalation: Escalation, reason: impl Into<String>) -> Option<Self> {
        Some(Self { guard, reason: reason.into(), then: Then::Escalate(escalation) })
    }

    fn wait(guard: Guard, until: Time, reason: impl Into<String>) -> Option<Self> {
        Some(Self { guard, reason: reason.into(), then: Then::Wait(until) })
    }
}
