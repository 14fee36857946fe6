//! May heald act by itself? The alerts' label `remediate` lowers the playbook's mode, never raises it.
//!
//! Several alerts may share an incident: the strictest of them counts.

use super::{Facts, Guard, Proposal, Refusal, Then};
use crate::domain::alert::Remediate;
use crate::domain::incident::Escalation;
use crate::domain::playbook::Mode;
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, _now: Time) -> Option<Refusal> {
    let refuse = |reason: &str, then: Then| Some(Refusal { guard: Guard::Mode, reason: reason.to_owned(), then });
    let remediate = proposal.incident.remediate();
    if remediate == Remediate::Never {
        return refuse("the alert says `remediate: never`", Then::Escalate(Escalation::Refused));
    }
    match effective(facts.mode, remediate) {
        Mode::Auto => None,
        Mode::Observe => refuse("the playbook's mode is observe, or was when this incident opened", Then::Report),
        Mode::Approve => refuse("it needs approval, and this version can't ask for it", Then::Report),
    }
}

/// Refusals are reported, not escalated. `never` forbids the repair, not the call for a person.
pub fn only_reports(mode: Mode, remediate: Remediate) -> bool {
    match remediate {
        Remediate::Never => mode != Mode::Auto,
        _ => effective(mode, remediate) != Mode::Auto,
    }
}

/// The playbook's mode, lowered by the label (`ask`: at most approve; `never`: observe).
fn effective(mode: Mode, remediate: Remediate) -> Mode {
    match remediate {
        Remediate::Auto => mode,
        Remediate::Ask => mode.min(Mode::Approve),
        Remediate::Never => Mode::Observe,
    }
}
