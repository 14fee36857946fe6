//! Hard caps: at most so many attempts in *any* window of that length: on a target, by a playbook, by everything.
//!
//! Counted at intent from the journal, so no restart of heald enlarges them.

use super::{Account, Facts, Guard, Proposal, Refusal};
use crate::domain::incident::Escalation;
use crate::domain::playbook::Budget;
use crate::domain::time::{Span, Time};

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    let (own, wide) = (&facts.playbook.limits.budget, &facts.policy.budgets);
    for target in proposal.objects() {
        let times: Vec<Time> = facts.ledger.past(&target).iter().map(|past| past.at).collect();
        let budgets = own.iter().chain(facts.budget_in_force).chain(&wide.target);
        if let Some(refusal) = spent(budgets, &times, &target.to_string(), now) {
            return Some(refusal);
        }
    }
    let book = &facts.playbook.id;
    let of_book = facts.ledger.spent(Account::Playbook(book));
    let of_all = facts.ledger.spent(Account::All);
    spent(wide.playbook.iter(), of_book, &format!("playbook {book}"), now)
        .or_else(|| spent(wide.host.iter(), of_all, &format!("host {}", facts.host), now))
        .or_else(|| spent(wide.all.iter(), of_all, "everything", now))
}

fn spent<'a>(budgets: impl Iterator<Item = &'a Budget>, times: &[Time], whose: &str, now: Time) -> Option<Refusal> {
    for budget in budgets {
        let before = times.partition_point(|at| now.since(*at) >= budget.window);
        let spent = times.len() - before;
        if spent >= budget.count as usize {
            let reason = format!("the budget of {whose} is spent: {spent} of {} in {}", budget.count, Span(budget.window));
            return Refusal::escalate(Guard::Budget, Escalation::BudgetRefused, reason);
        }
    }
    None
}
