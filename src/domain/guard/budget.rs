//! Hard caps: at most so many attempts on a target in *any* window of that length.
//!
//! Counted at intent from the journal, so no restart of heald enlarges them.

use super::{Facts, Guard, Proposal, Refusal, Then};
use crate::domain::incident::Escalation;
use crate::domain::time::{Span, Time};

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    for target in proposal.plan.objects() {
        let past = facts.ledger.past(&target);
        for budget in facts.playbook.limits.budget.iter().chain(facts.budget_in_force) {
            let spent = past.iter().filter(|attempt| now.since(attempt.at) < budget.window).count();
            if spent >= budget.count as usize {
                return Some(Refusal {
                    guard: Guard::Budget,
                    reason: format!("the budget of {target} is spent: {spent} of {} in {}", budget.count, Span(budget.window)),
                    then: Then::Escalate(Escalation::BudgetRefused),
                });
            }
        }
    }
    None
}
