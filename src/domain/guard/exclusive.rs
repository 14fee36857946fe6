//! Is anything that the plan touches, what contains it, or what it contains under repair by another incident?
//!
//! A lock is an incident in the middle of an attempt; there is nothing to free
//! when a later guard refuses, and nothing left over after a crash.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::id::IncidentId;
use crate::domain::time::Time;
use std::time::Duration;

/// The loop wakes whoever waits as soon as the lock is free; this is the fallback.
const RELOOK: Duration = Duration::from_secs(10);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let (me, ledger) = (proposal.incident.id, facts.ledger);
    let wait = |what: String, holder| {
        Refusal::wait(Guard::Exclusive, now + RELOOK, format!("{what} is under repair by incident {holder}"))
    };
    let others = |holder: Option<IncidentId>| holder.filter(|holder| *holder != me);
    for target in proposal.objects().iter().chain(&proposal.seen.around.within) {
        if let Some(holder) = others(ledger.lock_holder(target)) {
            return wait(target.to_string(), holder);
        }
    }
    for target in proposal.objects() {
        if let Some(holder) = others(ledger.lock_inside(&target)) {
            return wait(format!("something within {target}"), holder);
        }
    }
    None
}
