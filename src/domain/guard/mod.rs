//! The guards: each may forbid an effect, with a reason. Only [`judge`] makes a [`Permit`].
//!
//! A guard is one file with one function `check(&Proposal, &Facts, now)`, one
//! line in [`Guard`] and one in [`ask`].

use super::house::House;
use super::id::{AttemptId, IncidentId};
use super::incident::{Escalation, Incident};
use super::look::Observation;
use super::plan::Plan;
use super::playbook::{Budget, Mode, Playbook};
use super::target::{AllowList, Target};
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod budget;
mod cooldown;
mod exclusive;
mod kill_switch;
mod mode;
mod settling;

pub use mode::only_reports;

/// In the order in which they are asked; the first refusal decides, all are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    KillSwitch,
    Settling,
    Exclusive,
    Cooldown,
    Budget,
    Mode,
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

/// What is known besides the incident. Borrowed from the loop for one decision.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The revision that the incident is pinned to.
    pub playbook: &'a Playbook,
    /// The mode in force: the pinned one, lowered by what the configuration says now.
    pub mode: Mode,
    /// The configuration no longer has the playbook.
    pub removed: bool,
    /// Of the playbook as the configuration has it now: a smaller one holds at once, also for pinned revisions.
    pub budget_in_force: &'a [Budget],
    pub allow: &'a AllowList,
    pub house: &'a House,
    pub ledger: &'a dyn Ledger,
    /// Alertmanager's, as configured: how long a resolve may be under way.
    pub group_interval: Duration,
    pub host: &'a str,
}

/// Past attempts and present locks, rebuilt from the journal.
pub trait Ledger {
    /// Attempts on a target, oldest first, at least as far back as the longest budget window.
    fn past(&self, target: &Target) -> &[PastAttempt];

    /// Who is repairing it now.
    fn lock_holder(&self, target: &Target) -> Option<IncidentId>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastAttempt {
    pub attempt: AttemptId,
    /// When the permit was given: budgets count from here.
    pub at: Time,
    pub ended: Option<Time>,
    /// Its verification passed.
    pub verified: bool,
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
    /// Report what would have been done.
    Report,
    Escalate(Escalation),
}

/// Every guard's verdict, in order. `None` is a yes.
#[derive(Debug)]
pub struct Judgement {
    pub verdicts: Vec<(Guard, Option<Refusal>)>,
    pub result: Result<Permit, Refusal>,
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
    let verdicts: Vec<(Guard, Option<Refusal>)> =
        Guard::concerned(proposal.ask).iter().map(|guard| (*guard, ask(*guard, proposal, facts, now))).collect();
    let result = match verdicts.iter().find_map(|(_, refusal)| refusal.clone()) {
        Some(refusal) => Err(refusal),
        None => Ok(Permit { attempt: proposal.attempt, targets: proposal.plan.objects() }),
    };
    Judgement { verdicts, result }
}

fn ask(guard: Guard, proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    match guard {
        Guard::KillSwitch => kill_switch::check(proposal, facts, now),
        Guard::Settling => settling::check(proposal, facts, now),
        Guard::Exclusive => exclusive::check(proposal, facts, now),
        Guard::Cooldown => cooldown::check(proposal, facts, now),
        Guard::Budget => budget::check(proposal, facts, now),
        Guard::Mode => mode::check(proposal, facts, now),
    }
}

// === impl Guard ===

impl Guard {
    /// All of them, for an attempt.
    pub const ALL: [Guard; 6] = [Self::KillSwitch, Self::Settling, Self::Exclusive, Self::Cooldown, Self::Budget, Self::Mode];
    const STEP: [Guard; 2] = [Self::KillSwitch, Self::Exclusive];

    fn concerned(ask: Ask) -> &'static [Guard] {
        match ask {
            Ask::Attempt => &Self::ALL,
            Ask::Step | Ask::Rollback => &Self::STEP,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::Settling => "settling",
            Self::Exclusive => "exclusive",
            Self::Cooldown => "cooldown",
            Self::Budget => "budget",
            Self::Mode => "mode",
        }
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
    fn wait(guard: Guard, until: Time, reason: impl Into<String>) -> Option<Self> {
        Some(Self { guard, reason: reason.into(), then: Then::Wait(until) })
    }
}
