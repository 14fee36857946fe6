//! Is it a maintenance window, or did somebody silence the alert? Looked at again when it ends.

use super::{Facts, Guard, Proposal, RELOOK_MAX, Refusal};
use crate::domain::look::AlertSight;
use crate::domain::time::Time;
use jiff::Timestamp;
use std::time::Duration;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if let AlertSight::Suppressed { by } = &proposal.seen.alert {
        return Refusal::wait(Guard::Window, now + RELOOK_MAX, format!("suppressed in Alertmanager: {by}"));
    }
    let windows = &facts.playbook.windows;
    let muted = facts.policy.maintenance.iter().chain(&windows.mute);
    for name in muted {
        let Some(interval) = facts.policy.intervals.get(name).filter(|interval| interval.contains(facts.wall)) else { continue };
        return hold(format!("maintenance window {name:?}"), interval.end(facts.wall), facts, now);
    }
    let active = windows.active.iter().filter_map(|name| facts.policy.intervals.get(name));
    if windows.active.is_empty() || active.clone().any(|interval| interval.contains(facts.wall)) {
        return None;
    }
    let reason = format!("{WAITS} {}", windows.active.join(", "));
    hold(reason, active.filter_map(|interval| interval.begin(facts.wall)).min(), facts, now)
}

/// Whether people planned that nothing is done now. That repairs wait for their window is no plan for the trouble.
pub fn is_planned(reason: &str) -> bool {
    !reason.starts_with(WAITS)
}

const WAITS: &str = "repairs of this playbook wait for the window";

/// The wall clock may be set meanwhile: looked at again every minute at least.
fn hold(reason: String, until: Option<Timestamp>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let left = until.and_then(|until| Duration::try_from(until.duration_since(facts.wall)).ok()).unwrap_or(RELOOK_MAX);
    let until = until.map_or_else(String::new, |until| format!(", until {until:.0}"));
    Refusal::wait(Guard::Window, now + left.min(RELOOK_MAX), format!("{reason}{until}"))
}
