//! Was it repaired and verified again and again? Then the repair treats the symptom: a person must find the cause.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::incident::Escalation;
use crate::domain::time::{Span, Time};

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    if let Some(refusal) = too_often(proposal, facts, now) {
        return Some(refusal);
    }
    let policy = facts.policy.flapping;
    proposal.objects().iter().find_map(|target| {
        let past = facts.ledger.past(target).iter().rev().take_while(|past| now.since(past.at) < policy.within);
        let healed = past.filter(|past| past.playbook == facts.playbook.id && past.verified()).count();
        if healed < policy.times as usize {
            return None;
        }
        let reason = format!("chronic: {target} was repaired {healed} times within {} and broke again", Span(policy.within));
        Refusal::escalate(Guard::Flapping, Escalation::Chronic, reason)
    })
}

/// `escalate_when:` of the playbook, however its incidents ended. An incident that was tried already goes on.
fn too_often(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let when = facts.playbook.escalate_when.filter(|_| proposal.incident.tried() == 0)?;
    let target = proposal.incident.target()?;
    let opened = facts.ledger.opened(&facts.playbook.id, target).iter().rev();
    let count = opened.take_while(|at| now.since(**at) < when.within).count();
    if count < when.incidents as usize {
        return None;
    }
    let reason = format!("chronic: incident {count} of {target} within {}, as `escalate_when` has it", Span(when.within));
    Refusal::escalate(Guard::Flapping, Escalation::Chronic, reason)
}
