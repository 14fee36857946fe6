//! Is it a maintenance window, or did somebody silence the alert? Looked at again when it ends.

use super::{Facts, Guard, Proposal, RELOOK_MAX, Refusal};
use crate::domain::look::AlertSight;
use crate::domain::time::Time;
use std::time::Duration;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if let AlertSight::Suppressed { by } = &proposal.seen.alert {
        return Refusal::wait(Guard::Window, now + RELOOK_MAX, format!("suppressed in Alertmanager: {by}"));
    }
    let windows = &facts.playbook.windows;
    let muted = facts.policy.maintenance.iter().chain(&windows.mute);
    for name in muted {
        let Some(interval) = facts.policy.intervals.get(name).filter(|interval| interval.contains(facts.wall)) else { continue };
        let end = interval.end(facts.wall);
        let left = end.and_then(|end| Duration::try_from(end.duration_since(facts.wall)).ok()).unwrap_or(RELOOK_MAX);
        let until = end.map_or_else(String::new, |end| format!(", until {end:.0}"));
        return Refusal::wait(Guard::Window, now + left.min(RELOOK_MAX), format!("maintenance window {name:?}{until}"));
    }
    let open = |name: &String| facts.policy.intervals.get(name).is_some_and(|interval| interval.contains(facts.wall));
    if windows.active.is_empty() || windows.active.iter().any(open) {
        return None;
    }
    let names = windows.active.join(", ");
    Refusal::wait(Guard::Window, now + RELOOK_MAX, format!("repairs of this playbook wait for the window {names}"))
}
