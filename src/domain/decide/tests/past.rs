//! What was, who else is at it, and how a step ends, as a script has it.

use crate::domain::guard::{Account, GroupCount, Ledger, Neighbour, Pace, PastAttempt};
use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::outcome::{ActOutcome, Impossible};
use crate::domain::target::Target;
use crate::domain::time::Time;

/// What a script says of the past and of others.
#[derive(Default)]
pub(super) struct Attempts {
    pub past: Vec<PastAttempt>,
    pub spent: Vec<Time>,
    pub holder: Option<IncidentId>,
    pub inside: Option<IncidentId>,
    pub neighbour: Option<Neighbour>,
    pub down: usize,
    pub group: GroupCount,
    pub opened: Vec<Time>,
}

impl Ledger for Attempts {
    fn opened(&self, _playbook: &PlaybookId, _target: &Target) -> &[Time] {
        &self.opened
    }

    fn past(&self, _target: &Target) -> &[PastAttempt] {
        &self.past
    }

    fn spent(&self, _on: Account<'_>) -> &[Time] {
        &self.spent
    }

    fn lock_holder(&self, _target: &Target) -> Option<IncidentId> {
        self.holder
    }

    fn lock_inside(&self, _target: &Target) -> Option<IncidentId> {
        self.inside
    }

    fn trouble_of(&self, _playbook: &PlaybookId) -> Option<Neighbour> {
        self.neighbour
    }

    fn trouble_on(&self, _target: &Target) -> Option<Neighbour> {
        self.neighbour
    }

    fn down(&self) -> usize {
        self.down
    }

    fn group(&self, _key: &str) -> GroupCount {
        self.group
    }
}

/// Says no until then.
#[derive(Default)]
pub(super) struct Slow(pub std::cell::Cell<Option<Time>>);

impl Pace for Slow {
    fn take(&self, now: Time) -> Result<(), Time> {
        self.0.get().filter(|until| now < *until).map_or(Ok(()), Err)
    }
}

pub(super) fn outcome(word: &str) -> ActOutcome {
    match word {
        "done" => ActOutcome::Done,
        "failed" => ActOutcome::Failed,
        "conflict" => ActOutcome::Conflict,
        "not-sent" => ActOutcome::NotSent,
        "unknown" => ActOutcome::Unknown,
        "not-found" => ActOutcome::Impossible(Impossible::NotFound),
        "masked" => ActOutcome::Impossible(Impossible::Masked),
        "start-limit" => ActOutcome::Impossible(Impossible::StartLimitHit),
        "denied" => ActOutcome::Impossible(Impossible::AccessDenied),
        other => panic!("{other:?} is no outcome"),
    }
}
