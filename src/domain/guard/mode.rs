//! May heald act by itself? The alerts' label `remediate` lowers the playbook's mode, never raises it.
//!
//! Several alerts may share an incident: the strictest of them counts. A playbook that earns its trust is observed
//! first, then approved, then trusted; `Facts::mode` is where it stands.

use super::{Facts, Guard, Proposal, Refusal, Then};
use crate::domain::alert::Remediate;
use crate::domain::incident::Escalation;
use crate::domain::playbook::Mode;
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, _now: Time) -> Option<Refusal> {
    let refuse = |reason: String, then: Then| Some(Refusal { guard: Guard::Mode, reason, then });
    let remediate = proposal.incident.remediate();
    if remediate == Remediate::Never {
        return refuse("the alert says `remediate: never`".to_owned(), Then::Escalate(Escalation::Refused));
    }
    if effective(facts.mode, remediate) != Mode::Observe {
        return None;
    }
    let reason = match facts.playbook.earns {
        true => format!("the playbook earns its trust: {}", facts.house.trust(facts.playbook).text(&facts.policy.trust)),
        false => "the playbook's mode is observe, or was when this incident opened".to_owned(),
    };
    refuse(reason, Then::Report)
}

/// Refusals are reported, not escalated. `never` forbids the repair, not the call for a person.
pub fn only_reports(mode: Mode, remediate: Remediate) -> bool {
    match remediate {
        Remediate::Never => mode == Mode::Observe,
        _ => effective(mode, remediate) == Mode::Observe,
    }
}

/// The playbook's mode, lowered by the label (`ask`: at most approve; `never`: observe).
pub(super) fn effective(mode: Mode, remediate: Remediate) -> Mode {
    match remediate {
        Remediate::Auto => mode,
        Remediate::Ask => mode.min(Mode::Approve),
        Remediate::Never => Mode::Observe,
    }
}
