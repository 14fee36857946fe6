//! Was it repaired and verified again and again? Then the repair treats the symptom: a person must find the cause.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::incident::Escalation;
use crate::domain::time::{Span, Time};

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
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
