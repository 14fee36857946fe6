//! Is something down that it depends on? That comes first; its repair often is this one's too.
//!
//! Dependencies are the playbook's `after:`, the configuration's `guards.order.after`, and what systemd
//! (`Requires=` with `After=`) and Compose (`depends_on`) say. While much is down, the services of a continuity mode come
//! before all others.

use super::{Facts, Guard, Neighbour, Proposal, Refusal, Then, Trouble};
use crate::domain::incident::Phase;
use crate::domain::policy::{AfterEscalated, ContinuityMode};
use crate::domain::target::Target;
use crate::domain::time::Time;
use std::time::Duration;

const RELOOK: Duration = Duration::from_secs(10);
/// What is down and has no alert yet: how long to wait for one.
const UNREPORTED_MAX: Duration = Duration::from_secs(120);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let me = proposal.incident;
    // A mode waits for the smaller one, never for itself or a larger one.
    let before = facts.policy.order.modes.iter().take_while(|mode| mode.playbook != me.playbook);
    if let Some(refusal) = before.filter_map(|mode| outside(mode, proposal, facts, now)).next() {
        return Some(refusal);
    }
    let books = facts.playbook.after.iter().map(|book| (format!("playbook {book}"), facts.ledger.trouble_of(book)));
    let configured = me.target().map(|own| needed(own, facts)).unwrap_or_default();
    let targets = configured.iter().chain(&proposal.seen.around.needs_down);
    let targets = targets.map(|target| (target.to_string(), facts.ledger.trouble_on(target)));
    let neighbours = books.chain(targets).filter_map(|(name, found)| found.map(|neighbour| (name, neighbour)));
    let refusals = neighbours.filter(|(_, neighbour)| neighbour.incident != me.id);
    if let Some(refusal) = refusals.filter_map(|(name, neighbour)| waits(&name, neighbour, facts, now)).next() {
        return Some(refusal);
    }
    let unreported = proposal.seen.around.needs_down.iter().find(|target| facts.ledger.trouble_on(target).is_none())?;
    if waited(&me.phase, now) >= UNREPORTED_MAX {
        return None;
    }
    Refusal::wait(Guard::Order, now + RELOOK, format!("{unreported}, which it needs, is down"))
}

/// The mode is on while its incident is not healed; what is no member waits, though not for ever.
fn outside(mode: &ContinuityMode, proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let me = proposal.incident;
    let on = facts.ledger.trouble_of(&mode.playbook)?;
    let is_member = me.target().is_some_and(|own| mode.members.contains(own));
    if is_member || matches!(on.trouble, Trouble::Healed(_)) || waited(&me.phase, now) >= mode.within {
        return None;
    }
    let reason = format!("{} mode since incident {}: its services come first", mode.name, on.incident);
    Refusal::wait(Guard::Order, now + RELOOK, reason)
}

fn waited(phase: &Phase, now: Time) -> Duration {
    match phase {
        Phase::Held { guard: Guard::Order, since, .. } => now.since(*since),
        _ => Duration::ZERO,
    }
}

fn waits(name: &str, neighbour: Neighbour, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let incident = neighbour.incident;
    match neighbour.trouble {
        Trouble::AtWork => Refusal::wait(Guard::Order, now + RELOOK, format!("{name} comes first: incident {incident}")),
        // Give those that only lost their connection a moment to find it again.
        Trouble::Healed(at) => {
            let until = at + facts.playbook.limits.settle;
            let reason = format!("{name} was repaired just now, and may have been all that was missing");
            if now < until { Refusal::wait(Guard::Order, until, reason) } else { None }
        }
        Trouble::Escalated if facts.policy.order.escalated == AfterEscalated::Release => None,
        Trouble::Escalated => Some(Refusal {
            guard: Guard::Order,
            reason: format!("{name} comes first, and people have to mend it: incident {incident}"),
            then: Then::WaitForPeople(now + super::RELOOK_MAX),
        }),
    }
}

/// All that it needs, directly or not. The configuration is free of cycles; a repeat is skipped all the same.
fn needed(own: &Target, facts: &Facts<'_>) -> Vec<Target> {
    let graph = &facts.policy.order.after;
    let mut found: Vec<Target> = graph.get(own).cloned().unwrap_or_default();
    let mut next = 0;
    while let Some(target) = found.get(next) {
        let more: Vec<Target> = graph.get(target).into_iter().flatten().filter(|one| !found.contains(one)).cloned().collect();
        found.extend(more);
        next += 1;
    }
    found
}
