//! Is anything that the plan touches under repair by another incident?
//!
//! A lock is an incident in the middle of an attempt; there is nothing to free
//! when a later guard refuses, and nothing left over after a crash.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::time::Time;
use std::time::Duration;

/// The loop wakes whoever waits as soon as the lock is free; this is the fallback.
const RELOOK: Duration = Duration::from_secs(10);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let me = proposal.incident.id;
    let objects = proposal.plan.objects();
    let (target, holder) = objects
        .iter()
        .find_map(|target| facts.ledger.lock_holder(target).filter(|holder| *holder != me).map(|holder| (target, holder)))?;
    Refusal::wait(Guard::Exclusive, now + RELOOK, format!("{target} is under repair by incident {holder}"))
}
