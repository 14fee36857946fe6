//! May heald act by itself? The alert's label `remediate` lowers the playbook's mode, never raises it.

use super::{Facts, Guard, Proposal, Refusal, Then};
use crate::domain::alert::Labels;
use crate::domain::incident::Escalation;
use crate::domain::playbook::Mode;
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, _now: Time) -> Option<Refusal> {
    let (labels, _) = proposal.incident.context.read();
    let refuse = |reason: &str, then: Then| Some(Refusal { guard: Guard::Mode, reason: reason.to_owned(), then });
    if labels.get("remediate").is_some_and(|value| value == "never") {
        return refuse("the alert says `remediate: never`", Then::Escalate(Escalation::Refused));
    }
    match effective(facts.mode, &labels) {
        Mode::Auto => None,
        Mode::Observe => refuse("the playbook's mode is observe", Then::Report),
        Mode::Approve => refuse("it needs approval, and this version can't ask for it", Then::Report),
    }
}

/// Refusals are reported, not escalated. `never` forbids the repair, not the call for a person.
pub fn only_reports(mode: Mode, labels: &Labels) -> bool {
    let never = labels.get("remediate").is_some_and(|value| value == "never");
    if never { mode != Mode::Auto } else { effective(mode, labels) != Mode::Auto }
}

/// The playbook's mode, lowered by the label `remediate` (`ask`: at most approve; `never`: observe).
fn effective(mode: Mode, labels: &Labels) -> Mode {
    match labels.get("remediate").map(String::as_str) {
        Some("ask") => mode.min(Mode::Approve),
        Some("never") => Mode::Observe,
        _ => mode,
    }
}
