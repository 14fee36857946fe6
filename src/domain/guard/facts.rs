//! What a guard may know besides the proposal: handed in, never asked for.

use super::Guard;
use crate::domain::house::House;
use crate::domain::id::{AttemptId, IncidentId, PlaybookId};
use crate::domain::incident::AttemptOutcome;
use crate::domain::playbook::{Budget, Mode, Playbook};
use crate::domain::policy::Policy;
use crate::domain::target::{AllowList, Target};
use crate::domain::time::Time;
use jiff::Timestamp;
use std::time::Duration;

/// What is known besides the incident. Borrowed from the loop for one decision.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The revision that the incident is pinned to.
    pub playbook: &'a Playbook,
    /// The mode in force: the pinned one, lowered by what the configuration says now.
    pub mode: Mode,
    /// The configuration no longer has the playbook.
    pub removed: bool,
    /// Of the playbook as the configuration has it now: a smaller one holds at once, also for pinned revisions.
    pub budget_in_force: &'a [Budget],
    pub allow: &'a AllowList,
    pub policy: &'a Policy,
    pub house: &'a House,
    pub ledger: &'a dyn Ledger,
    pub pace: &'a dyn Pace,
    /// Alertmanager's, as configured: how long a resolve may be under way.
    pub group_interval: Duration,
    /// Whether an Alertmanager is configured that can be asked.
    pub asks_alertmanager: bool,
    /// For calendars and the age of alerts only; it may jump.
    pub wall: Timestamp,
    pub host: &'a str,
    /// One guard left out, to prove that its absence is noticed; see docs/simulation.md.
    #[cfg(any(test, feature = "failpoints"))]
    pub without: Option<Guard>,
}

/// What happened before and what goes on now, as the loop rebuilds it from the journal. Asked by target, playbook or
/// group: no question walks through all incidents.
pub trait Ledger {
    /// Attempts on a target, oldest first, at least as far back as the longest window.
    fn past(&self, target: &Target) -> &[PastAttempt];

    /// When attempts were permitted, oldest first.
    fn spent(&self, on: Account<'_>) -> &[Time];

    /// When incidents of this playbook and target were opened in the last 30 days, oldest first.
    fn opened(&self, playbook: &PlaybookId, target: &Target) -> &[Time];

    /// Who is repairing it.
    fn lock_holder(&self, target: &Target) -> Option<IncidentId>;

    /// Who is repairing something that it contains.
    fn lock_inside(&self, target: &Target) -> Option<IncidentId>;

    /// The worst open trouble of a playbook.
    fn trouble_of(&self, playbook: &PlaybookId) -> Option<Neighbour>;

    /// The worst open trouble of a target.
    fn trouble_on(&self, target: &Target) -> Option<Neighbour>;

    /// Distinct targets that are down now and heald's matter: not those that people mend already, or that are only observed.
    fn down(&self) -> usize;

    /// The state of a group, by its key (see `blast::group_keys`).
    fn group(&self, key: &str) -> GroupCount;
}

/// Bursts across everything, smoothed. Asked once per attempt, after all other guards have said yes.
pub trait Pace {
    /// # Errors
    /// When to ask again.
    fn take(&self, now: Time) -> Result<(), Time>;
}

/// Whose attempts are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    Playbook(&'a PlaybookId),
    All,
}

/// An open incident, as its neighbours see it. Ordered from harmless to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    pub trouble: Trouble,
    pub incident: IncidentId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Verified good then.
    Healed(Time),
    /// Broken, and heald is at it or will be.
    AtWork,
    /// A person's turn.
    Escalated,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCount {
    /// Distinct targets that are down.
    pub down: usize,
    /// Of those, under repair.
    pub repairing: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAttempt {
    pub attempt: AttemptId,
    pub playbook: PlaybookId,
    /// When the permit was given: budgets count from here.
    pub at: Time,
    /// When and how it ended; `None` while it runs.
    pub ended: Option<(Time, AttemptOutcome)>,
}

// === impl Facts ===

impl Facts<'_> {
    #[cfg(any(test, feature = "failpoints"))]
    pub(super) fn leaves_out(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    #[cfg(not(any(test, feature = "failpoints")))]
    pub(super) fn leaves_out(&self, _: Guard) -> bool {
        false
    }
}

// === impl PastAttempt ===

impl PastAttempt {
    /// When and how it ended. An attempt of the incident that proposes the next one has ended just now, and in vain,
    /// although the ledger hears of it only with the commit.
    pub fn end(&self, proposing: IncidentId, now: Time) -> Option<(Time, AttemptOutcome)> {
        self.ended.or_else(|| (self.attempt.incident == proposing).then_some((now, AttemptOutcome::NotHealed)))
    }

    pub fn verified(&self) -> bool {
        matches!(self.ended, Some((_, AttemptOutcome::Healed)))
    }
}
