//! Is heald, the playbook or the target paused by a person? Lifted by people only; survives restarts.
//!
//! Taking the playbook out of the configuration is the same wish for good: the running step ends, and the probes decide.

use super::{Ask, Facts, Guard, Proposal, RELOOK_MAX, Refusal, Then};
use crate::domain::house::Hold;
use crate::domain::incident::Escalation;
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let wait = |hold: &Hold, what: &str| {
        let next_look = now + RELOOK_MAX;
        let reason = format!("{what} {}", hold.text());
        // What fails meanwhile is a person's matter; they must hear of it.
        let then = match hold.until {
            Some(until) => Then::Wait(until.min(next_look)),
            None => Then::WaitForPeople(next_look),
        };
        Some(Refusal { guard: Guard::KillSwitch, reason, then })
    };
    // What is half done may still be undone.
    if facts.removed && proposal.ask != Ask::Rollback {
        let reason = "the playbook was removed from the configuration".to_owned();
        return Some(Refusal { guard: Guard::KillSwitch, reason, then: Then::Escalate(Escalation::Refused) });
    }
    if let Some(hold) = facts.house.paused(now) {
        return wait(hold, "all repairs are paused");
    }
    if let Some(hold) = facts.house.book_held(&facts.playbook.id, now) {
        return wait(hold, &format!("playbook {} is on hold", facts.playbook.id));
    }
    let mut objects = proposal.objects();
    objects.extend(proposal.incident.target().cloned());
    let (target, hold) = objects.iter().find_map(|target| facts.house.held(target, now).map(|hold| (target, hold)))?;
    wait(hold, &format!("{target} is on hold"))
}
