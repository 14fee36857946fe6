//! How attempts and incidents end, and why heald stops trying: the words of metrics, messages and the journal.

use serde::{Deserialize, Serialize};

/// Why an attempt's verification may not be the whole truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    StepFailed,
    StepUnknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Healed,
    NotHealed,
    Worse,
    Unknown,
    /// Ended before its verification: nothing was sent, or somebody else is at it.
    Interrupted,
}

/// Why heald stopped trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// Attempts, rungs or time used up.
    NotHealed,
    BudgetRefused,
    /// A guard refused for good.
    Refused,
    /// An action can't succeed.
    Impossible,
    UnknownOutcome,
    RollbackFailed,
    /// Healed, and what was to be put in order then could not be.
    AfterwardsFailed,
    Worse,
    ResolvedButBad,
    /// No target could be made of the alert, or it is not allowed.
    NoTarget,
    /// The playbook holds no automatic repair.
    RunbookOnly,
    /// The kind of failure allows no (further) attempt.
    Policy,
    /// Repaired again and again.
    Chronic,
    /// Denied, or nobody consented in time, or the plan changed meanwhile.
    NotApproved,
    /// It was running at several crashes of heald in a row.
    Quarantined,
    /// The playbook was taken out of the configuration.
    Removed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Repaired and verified by heald.
    Healed,
    /// Good again without an effect of heald's.
    ResolvedByItself,
    /// Resolved after people were called.
    Escalated,
    /// A repeat of an alert whose incident is over; the probes pass.
    Stale,
    /// Healed, and no resolve came within 24 hours.
    ResolveNeverSeen,
    /// Resolved; no probe could say more.
    Unverified,
    ClosedByPerson,
}

// === impl labels ===

impl AttemptOutcome {
    pub const ALL: [Self; 5] = [Self::Healed, Self::NotHealed, Self::Worse, Self::Unknown, Self::Interrupted];

    pub fn label(self) -> &'static str {
        match self {
            Self::Healed => "healed",
            Self::NotHealed => "not_healed",
            Self::Worse => "worse",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Escalation {
    pub const ALL: [Self; 16] = [
        Self::NotHealed,
        Self::BudgetRefused,
        Self::Refused,
        Self::Impossible,
        Self::UnknownOutcome,
        Self::RollbackFailed,
        Self::AfterwardsFailed,
        Self::Worse,
        Self::ResolvedButBad,
        Self::NoTarget,
        Self::RunbookOnly,
        Self::Policy,
        Self::Chronic,
        Self::NotApproved,
        Self::Quarantined,
        Self::Removed,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::NotHealed => "not_healed",
            Self::BudgetRefused => "budget_refused",
            Self::Refused => "refused",
            Self::Impossible => "impossible",
            Self::UnknownOutcome => "unknown_outcome",
            Self::RollbackFailed => "rollback_failed",
            Self::AfterwardsFailed => "afterwards_failed",
            Self::Worse => "worse",
            Self::ResolvedButBad => "resolved_but_bad",
            Self::NoTarget => "no_target",
            Self::RunbookOnly => "runbook_only",
            Self::Policy => "policy",
            Self::Chronic => "chronic",
            Self::NotApproved => "not_approved",
            Self::Quarantined => "quarantined",
            Self::Removed => "removed",
        }
    }
}

impl Outcome {
    pub const ALL: [Self; 7] = [
        Self::Healed,
        Self::ResolvedByItself,
        Self::Escalated,
        Self::Stale,
        Self::ResolveNeverSeen,
        Self::Unverified,
        Self::ClosedByPerson,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Healed => "healed",
            Self::ResolvedByItself => "resolved_by_itself",
            Self::Escalated => "escalated",
            Self::Stale => "stale",
            Self::ResolveNeverSeen => "resolve_never_seen",
            Self::Unverified => "unverified",
            Self::ClosedByPerson => "closed_by_person",
        }
    }
}
