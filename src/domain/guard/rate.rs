//! Would this be one too many at once? Bursts across everything are smoothed; hard caps are the budget's.

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::time::Time;

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    let until = facts.pace.take(now).err()?;
    Refusal::wait(Guard::Rate, until, format!("too many repairs at once: the next may begin at {until}"))
}
