//! The post-incident review: what the journal knows of one incident, and of a week of them, for people to file.
//!
//! `read.rs` turns the typed records of one incident into a [`Review`], `page.rs` that into Markdown; `digest.rs` and
//! `digest_page.rs` do the same for a span of time. Pure: whoever calls hands in the records and what is [`Known`] beside
//! them. What only a person can say is left as an empty heading, never guessed.

mod digest;
mod digest_page;
mod escape;
mod measure;
mod page;
mod read;
mod words;

pub use digest::{Brief, ByPlaybook, Chronic, Digest};

use crate::domain::id::{IncidentId, PlaybookId, Revision};
use crate::domain::incident::IncidentEvent;
use crate::domain::playbook::{Budget, Playbook};
use crate::domain::policy::Objective;
use crate::domain::time::Time;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// One journal record of the incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// On heald's own clock: what durations are taken from.
    pub at: Time,
    /// For people.
    pub wall: Timestamp,
    pub event: IncidentEvent,
}

/// What the incident's records do not say.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub host: String,
    /// How long an open incident has lasted so far.
    pub now: Time,
    /// The revision that it was opened with, or the one in force; `None`: neither is known any more.
    pub book: Option<Book>,
    /// Of the same playbook and target within [`REPEATS_WITHIN`] before it, oldest first.
    pub earlier: Vec<Earlier>,
    /// The recovery objectives of the configuration, by name.
    pub objectives: std::collections::BTreeMap<String, Objective>,
}

/// Of a playbook, what a review compares with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    pub title: String,
    pub severity: Option<&'static str>,
    /// The goal for the time from the webhook to a passed verification.
    pub recovery_time: Option<Duration>,
    pub mode: &'static str,
    pub attempts: u32,
    /// Per target.
    pub budget: Vec<Budget>,
    pub owner: Option<String>,
    /// Steps for people, as the playbook has them.
    pub checklist: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Earlier {
    pub id: IncidentId,
    pub opened_at: Timestamp,
    /// `None`: it is still open.
    pub outcome: Option<&'static str>,
}

/// Incidents of the same playbook and target are counted so far back.
pub const REPEATS_WITHIN: Duration = Duration::from_secs(30 * 86_400);

/// One incident, as it will be remembered. Durations are in milliseconds; fields are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    pub incident: IncidentId,
    pub host: String,
    pub playbook: PlaybookId,
    pub revision: Revision,
    pub title: Option<String>,
    pub mode: Option<&'static str>,
    pub owner: Option<String>,
    pub alertname: String,
    /// The alert's own words.
    pub summary: Option<String>,
    pub runbook_url: Option<String>,
    /// The playbook's, or the alert's label.
    pub severity: Option<String>,
    /// `unit web.service`; what the alert named where no target could be made of it.
    pub target: String,
    /// The alert's label `service`.
    pub service: Option<String>,
    /// assessing watching held observed acting verifying healed resolved_bad escalated closed
    pub state: &'static str,
    pub outcome: Option<&'static str>,
    /// How it ended, or where it stands, in one sentence.
    pub ending: String,
    /// The alert's `startsAt`.
    pub detected_at: Timestamp,
    pub received_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub impact: Impact,
    pub timeline: Vec<Moment>,
    pub verdicts: Vec<Verdict>,
    pub attempts: Vec<Attempt>,
    pub looks: Vec<Look>,
    pub gathered: Vec<Gathered>,
    pub messages: Vec<Message>,
    /// The playbook's steps for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<Ticked>,
    /// People were told to act, or asked to consent.
    pub called: bool,
    pub budget: BudgetUse,
    pub measures: Vec<Measure>,
    /// What applies of the configuration's `recovery_objectives`, and its name there.
    pub objective: Option<(String, ObjectiveView)>,
    pub earlier: Vec<Earlier>,
}

/// A step of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ticked {
    pub text: String,
    /// When, by whom, and what they said; `None`: nobody did it.
    pub done: Option<(Timestamp, String, String)>,
}

/// How long the symptom lasted, from the alert's start to a passed verification, or to the end of the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// `None`: it lasts.
    pub until: Option<Timestamp>,
    pub ms: u64,
    /// One of heald's own looks saw it, not only the alert.
    pub seen: bool,
    /// So often it came back after a passed verification.
    pub relapses: u32,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    pub at: Timestamp,
    /// A person's name, `heald`, `Alertmanager`, `Prometheus`.
    pub who: String,
    /// As in the journal: `attempt_started`, …; `detected` for the alert's own start.
    pub kind: &'static str,
    pub text: String,
}

/// A guard's no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub guard: String,
    /// `held`, `refused`, or `reported` by a playbook that only observes.
    pub verdict: &'static str,
    pub reason: String,
    pub from: Timestamp,
    /// `None`: for good, or it still holds.
    pub until: Option<Timestamp>,
    /// How long it held; of one that still holds, so far.
    pub ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub number: u32,
    pub title: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// healed not_healed worse unknown interrupted
    pub outcome: Option<&'static str>,
    /// What the verification said.
    pub verification: String,
    pub steps: Vec<String>,
    pub charged: bool,
    pub approved_by: Option<String>,
    pub ms: Option<u64>,
    /// What undid what ran.
    pub is_rollback: bool,
}

/// What was seen at a moment that decided something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    pub at: Timestamp,
    /// `before attempt 1`
    pub when: String,
    pub state: String,
    pub alert: String,
    pub probes: Vec<SeenProbe>,
    /// What it needs and was down.
    pub needs_down: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenProbe {
    pub probe: String,
    /// pass fail unknown
    pub verdict: &'static str,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gathered {
    pub at: Timestamp,
    pub what: String,
    pub logs: String,
}

/// One try on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    pub at: Timestamp,
    /// The incident's notices are counted from 1; tries of the same one share it. 0 in an older journal.
    pub number: u32,
    pub notice: &'static str,
    pub channel: String,
    /// Why the channel did not take it.
    pub error: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BudgetUse {
    /// Attempts that were charged to the budgets of what they changed.
    pub charged: u32,
    /// Those that only read or waited.
    pub free: u32,
    /// So often a person had the count begin anew.
    pub retries: u32,
    pub attempts_max: Option<u32>,
    /// `5 per 10m`
    pub per_target: Vec<String>,
}

/// A time that was taken, beside what was promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// detect act verify restore
    pub name: &'static str,
    /// `None`: it never came to that.
    pub ms: Option<u64>,
    pub target_ms: Option<u64>,
    /// `None`: there is no target, or it is too early to say.
    pub met: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectiveView {
    pub rto_ms: Option<u64>,
    pub rpo_ms: Option<u64>,
}

// === impl Book ===

impl From<&Playbook> for Book {
    fn from(book: &Playbook) -> Self {
        Self {
            title: book.title.clone(),
            severity: book.severity.map(|severity| severity.label()),
            recovery_time: book.recovery_time,
            mode: book.mode_label(),
            attempts: book.limits.attempts,
            budget: book.limits.budget.clone(),
            owner: book.owner.clone(),
            checklist: book.checklist.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
