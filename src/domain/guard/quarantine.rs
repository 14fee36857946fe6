//! Was this incident running at several crashes of heald in a row? Then it may be what kills heald: set aside, the
//! rest is served.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::incident::{Escalation, Incident};
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, _now: Time) -> Option<Refusal> {
    Refusal::escalate(Guard::Quarantine, Escalation::Quarantined, set_aside(proposal.incident, facts)?)
}

/// Asked at a start already: not even a look is made before a person has seen to it. `Some`: why.
pub fn set_aside(incident: &Incident, facts: &Facts<'_>) -> Option<String> {
    if incident.crashes < facts.policy.quarantine_after || facts.leaves_out(Guard::Quarantine) {
        return None;
    }
    Some(format!("it was running at {} crashes of heald in a row: set aside", incident.crashes))
}
