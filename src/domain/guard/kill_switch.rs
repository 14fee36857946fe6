//! Is heald, or the target, paused by a person? Lifted by people only; survives restarts.

use super::{Facts, Guard, Proposal, RELOOK_MAX, Refusal};
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let next_look = now + RELOOK_MAX;
    if let Some(hold) = facts.house.paused(now) {
        let wake = hold.until.map_or(next_look, |until| until.min(next_look));
        return Refusal::wait(Guard::KillSwitch, wake, format!("all repairs are paused {}", hold.text()));
    }
    let mut objects = proposal.plan.objects();
    objects.extend(proposal.incident.target().cloned());
    let (target, hold) = objects.iter().find_map(|target| facts.house.held(target, now).map(|hold| (target, hold)))?;
    let wake = hold.until.map_or(next_look, |until| until.min(next_look));
    Refusal::wait(Guard::KillSwitch, wake, format!("{target} is on hold {}", hold.text()))
}
