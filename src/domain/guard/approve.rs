//! Did a person consent, where one must? Bound to the attempt and to the very plan; single use; it expires.

use super::{Facts, Guard, Proposal, Refusal, Then};
use crate::domain::incident::Escalation;
use crate::domain::playbook::Mode;
use crate::domain::time::Time;

/// Why it is held meanwhile.
pub fn asked(until: Time) -> String {
    format!("a person's consent is asked for, until {until}")
}

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if super::mode::effective(facts.mode, proposal.incident.remediate()) != Mode::Approve || !proposal.plan.has_effects() {
        return None;
    }
    let refuse = |then: Then, reason: String| Some(Refusal { guard: Guard::Approve, reason, then });
    let deny = |reason: &str| refuse(Then::Escalate(Escalation::NotApproved), reason.to_owned());
    let Some(approval) = proposal.incident.approval.as_ref().filter(|approval| approval.attempt == proposal.attempt.number)
    else {
        return refuse(Then::Ask, "it needs a person's consent".to_owned());
    };
    if *approval.plan != *proposal.plan.fingerprint() {
        return deny("what would be done is no longer what people were asked about");
    }
    match &approval.by {
        None if now >= approval.expires => deny("nobody consented in time"),
        Some(_) if now >= approval.expires => deny("the consent expired before the repair could begin"),
        Some(_) => None,
        None => refuse(Then::Wait(approval.expires), asked(approval.expires)),
    }
}
