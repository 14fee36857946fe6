//! Was this incident running at several crashes of heald in a row? Then it may be what kills heald: set aside, the
//! rest is served.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::incident::Escalation;
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, _now: Time) -> Option<Refusal> {
    let crashes = proposal.incident.crashes;
    if crashes < facts.policy.quarantine_after {
        return None;
    }
    let reason = format!("it was running at {crashes} crashes of heald in a row: set aside");
    Refusal::escalate(Guard::Quarantine, Escalation::Quarantined, reason)
}
