//! Back-off after the last attempt on a target.
//!
//! Counts failed attempts; from the third attempt within 10 minutes also verified
//! ones, so that the first recurrence is repaired at once and a flapping target is not.

use super::{Facts, Guard, PastAttempt, Proposal, Refusal};
use crate::domain::time::Time;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(600);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    let objects = proposal.objects();
    let (target, until) = objects
        .iter()
        .filter_map(|target| {
            let until = cool_until(facts.ledger.past(target), proposal, facts, now)?;
            (now < until).then_some((target, until))
        })
        .max_by_key(|(_, until)| *until)?;
    Refusal::wait(Guard::Cooldown, until, format!("{target} cools down until {until} after the last attempt"))
}

fn cool_until(past: &[PastAttempt], proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Time> {
    let recent: Vec<&PastAttempt> = past.iter().filter(|attempt| now.since(attempt.at) < WINDOW).collect();
    let third = recent.len() >= 2;
    let counted: Vec<Time> = recent
        .iter()
        .filter(|past| third || !past.verified())
        .map(|past| past.end(proposal.incident.id, now).map_or(past.at, |(ended, _)| ended))
        .collect();
    let last = counted.iter().max()?;
    let wait = facts.playbook.limits.cooldown.wait(u32::try_from(counted.len()).unwrap_or(u32::MAX), proposal.incident.id.0);
    Some(*last + wait)
}
