//! Did this playbook fail on this target too often in a row? Open: none for a while; then one trial; if that fails,
//! open again. What a person opened, only a person closes, or the time that the person named.

use super::{Facts, Guard, Ledger, PastAttempt, Proposal, Refusal, Then};
use crate::domain::house::{Hold, House};
use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::incident::AttemptOutcome as O;
use crate::domain::policy::BreakerPolicy;
use crate::domain::target::Target;
use crate::domain::time::Time;
use std::time::Duration;

/// What failed longer ago was another failure. The ledger looks back so far at least, at any time and after any restart.
pub const MEMORY: Duration = Duration::from_secs(86_400);

/// As shown in `heald status` and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakerState {
    Closed {
        failures: u32,
    },
    /// By failures; one trial is allowed from then on.
    Open {
        failures: u32,
        until: Time,
    },
    /// One trial is allowed.
    HalfOpen {
        failures: u32,
    },
    /// By a person.
    Opened(Hold),
}

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    let book = &facts.playbook.id;
    let policy = facts.policy.breaker;
    proposal.objects().iter().find_map(|target| {
        match state(book, target, facts.ledger, facts.house, policy, now, Some(proposal.incident.id)) {
            BreakerState::Closed { .. } | BreakerState::HalfOpen { .. } => None,
            BreakerState::Open { failures, until } => {
                let reason = format!("the breaker for {target} is open until {until}: {failures} attempts in a row did not help");
                Refusal::wait(Guard::Breaker, until, reason)
            }
            BreakerState::Opened(hold) => {
                let next_look = now + super::RELOOK_MAX;
                let wake = hold.until.map_or(next_look, |until| until.min(next_look));
                // Without an end of its own only a person ends it.
                let then = if hold.until.is_none() { Then::WaitForPeople(wake) } else { Then::Wait(wake) };
                let reason = format!("the breaker for {target} was opened {}", hold.text());
                Some(Refusal { guard: Guard::Breaker, reason, then })
            }
        }
    })
}

/// Derived from the attempts alone: no restart forgets it. `proposing`: whose last attempt has just ended, if one's has.
pub fn state(
    book: &PlaybookId,
    target: &Target,
    ledger: &dyn Ledger,
    house: &House,
    policy: BreakerPolicy,
    now: Time,
    proposing: Option<IncidentId>,
) -> BreakerState {
    let (failures, last) = streak(ledger.past(target), book, house.breaker_reset(book, target), now, proposing);
    if let Some(hold) = house.breaker(book, target, now) {
        return BreakerState::Opened(hold.clone());
    }
    match last.map(|last| last + policy.open) {
        _ if failures < policy.failures => BreakerState::Closed { failures },
        Some(until) if now < until => BreakerState::Open { failures, until },
        _ => BreakerState::HalfOpen { failures },
    }
}

// === impl BreakerState ===

impl BreakerState {
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    pub fn label(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } | Self::Opened(_) => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// Open until then; `None`: until a person closes it, or not at all.
    pub fn until(&self) -> Option<Time> {
        match self {
            Self::Open { until, .. } => Some(*until),
            Self::Opened(hold) => hold.until,
            Self::Closed { .. } | Self::HalfOpen { .. } => None,
        }
    }

    /// Why, in a few words.
    pub fn text(&self) -> String {
        match self {
            Self::Opened(hold) => format!("opened {}", hold.text()),
            Self::Closed { failures } | Self::Open { failures, .. } | Self::HalfOpen { failures } => {
                format!("{failures} attempts in a row did not help")
            }
        }
    }
}

/// Failures since the last success or reset, and when the last of them ended.
fn streak(
    past: &[PastAttempt],
    book: &PlaybookId,
    reset: Option<Time>,
    now: Time,
    proposing: Option<IncidentId>,
) -> (u32, Option<Time>) {
    let end = |past: &PastAttempt| match proposing {
        Some(id) => past.end(id, now),
        None => past.ended,
    };
    let mut failures = 0;
    let mut last = None;
    let recent = past.iter().rev().take_while(|past| now.since(past.at) < MEMORY);
    for (at, outcome) in recent.filter(|past| past.playbook == *book).filter_map(end) {
        match outcome {
            _ if reset.is_some_and(|reset| at <= reset) => break,
            O::Healed => break,
            O::NotHealed | O::Worse | O::Unknown => {
                failures += 1;
                last = last.max(Some(at));
            }
            // Nothing was sent, or somebody else was at it: it says nothing about the repair.
            O::Interrupted => {}
        }
    }
    (failures, last)
}
