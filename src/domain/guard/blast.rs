//! Is so much down that the cause is elsewhere, or so much under repair that the rest could fall too?
//!
//! A group (targets that stand for each other) keeps a number of good ones; a storm across everything makes heald
//! stand back. Both go on only after a cool-down.

use super::{Facts, Guard, Proposal, RELOOK_MAX, Refusal};
use crate::domain::alert::Labels;
use crate::domain::incident::Escalation;
use crate::domain::policy::Group;
use crate::domain::time::Time;
use std::time::Duration;

/// The storm's name among the groups.
pub const STORM: &str = "storm";
const RELOOK: Duration = Duration::from_secs(10);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    storm(proposal, facts, now).or_else(|| groups(proposal, facts, now))
}

/// Whoever has begun may go on, within the storm's own limits (see the guard `severity`).
fn storm(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if proposal.incident.tried() > 0 {
        return None;
    }
    let down = facts.ledger.down();
    let most = facts.policy.blast.storm.targets;
    if down > most as usize {
        let reason = format!("{down} targets are down at once, more than {most}: the cause is likely elsewhere");
        return Refusal::wait(Guard::BlastRadius, now + RELOOK, reason);
    }
    cooling(STORM, "the storm", facts, now)
}

fn groups(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let groups = &facts.policy.blast.groups;
    if groups.is_empty() {
        return None;
    }
    let (labels, _) = proposal.incident.context.read();
    groups.iter().find_map(|group| {
        let key = match group_key(group, &labels)? {
            Ok(key) => key,
            Err(why) => return Refusal::escalate(Guard::BlastRadius, Escalation::Refused, why),
        };
        let count = facts.ledger.group(&key);
        let healthy = (group.size as usize).saturating_sub(count.down);
        if healthy < group.min_healthy as usize {
            let reason =
                format!("{key}: {healthy} of {} are good, and {} must be before one is touched", group.size, group.min_healthy);
            return Refusal::wait(Guard::BlastRadius, now + RELOOK_MAX, reason);
        }
        if let Some(refusal) = cooling(&key, &key, facts, now) {
            return Some(refusal);
        }
        if count.repairing >= group.max as usize {
            let reason = format!("{key}: {} of at most {} are under repair", count.repairing, group.max);
            return Refusal::wait(Guard::BlastRadius, now + RELOOK, reason);
        }
        None
    })
}

fn cooling(key: &str, name: &str, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let until = facts.house.stood_back(key)?.map_or(now + RELOOK, |calm| calm);
    if until <= now {
        return None;
    }
    Refusal::wait(Guard::BlastRadius, until, format!("{name} is over only just: repairs go on at {until}"))
}

/// The groups that an alert belongs to: `web` or `web/eu-1`. What can't be told belongs to none.
pub fn group_keys(groups: &[Group], labels: &Labels) -> Vec<String> {
    groups.iter().filter_map(|group| group_key(group, labels)?.ok()).collect()
}

/// `None`: not of this group. An alert of the group that lacks the dividing label is of an unknown part: refused.
fn group_key(group: &Group, labels: &Labels) -> Option<Result<String, String>> {
    if !group.selector.matches(labels) {
        return None;
    }
    let Some(by) = &group.by else { return Some(Ok(format!("group {}", group.name))) };
    Some(match labels.get(by).filter(|value| !value.is_empty()) {
        Some(value) => Ok(format!("group {}/{}", group.name, crate::domain::target::cut(value))),
        None => Err(format!("the alert lacks the label {by:?}, so its part of group {} is unknown", group.name)),
    })
}
