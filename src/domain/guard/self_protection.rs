//! Is it heald itself, or what heald stands on: the bus, polkit, the Docker engine, Prometheus, Alertmanager?
//!
//! A recovery tool that restarts its own ground may be gone in the middle of it (Facebook 2021, Roblox 2021). Only a
//! playbook that names it outright may, and then once.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::incident::Escalation;
use crate::domain::template::is_template;
use crate::domain::time::Time;
use std::time::Duration;

/// "Once" is per hour: longer than any incident is worked on.
const ONCE_PER: Duration = Duration::from_secs(3_600);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let objects = proposal.objects();
    let target = objects.iter().find(|target| facts.policy.protected.contains(target))?;
    let refuse = |reason: String| Refusal::escalate(Guard::SelfProtection, Escalation::Refused, reason);
    let named = &facts.playbook.target;
    if is_template(&named.name) || named.kind != target.kind() || named.name != target.name() {
        return refuse(format!("heald stands on {target}, and the playbook does not name it outright"));
    }
    let tried = facts.ledger.past(target).iter().any(|past| now.since(past.at) < ONCE_PER);
    if tried { refuse(format!("heald stands on {target} and has tried it once already")) } else { None }
}
