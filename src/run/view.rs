//! What is shown of an incident: the same bytes from `-o json` and the API. Fields are only ever added.

use crate::domain::id::{Fingerprint, IncidentId, PlaybookId, Seq};
use crate::domain::target::Target;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentView {
    pub id: IncidentId,
    pub playbook: PlaybookId,
    pub host: String,
    /// `None`: no target could be made of the alert.
    pub target: Option<Target>,
    /// assessing watching held observed acting verifying healed resolved_bad escalated closed
    pub state: String,
    /// How it ended, once it has.
    pub outcome: Option<String>,
    pub opened_at: Timestamp,
    pub healed_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub attempts: u32,
    pub alerts: Vec<AlertView>,
    /// When something happens next at the latest, and why it has not happened yet.
    pub next: Option<NextView>,
    /// Only where one incident is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertView {
    pub fingerprint: Fingerprint,
    pub starts_at: Timestamp,
    pub firing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextView {
    pub at: Option<Timestamp>,
    pub why: String,
}

/// One journal record in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    pub seq: Seq,
    /// `None`: it concerns all of heald (pause, holds).
    pub incident: Option<IncidentId>,
    pub at: Timestamp,
    /// `opened`, `attempt_started`, `step_ended` …
    pub kind: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub host: String,
    /// `ok`, or why heald can't do its work: `escalate-only: …`.
    pub state: String,
    pub paused: Option<String>,
    /// Target or playbook, and reason.
    pub holds: Vec<(String, String)>,
    /// Open incidents by state.
    pub open: std::collections::BTreeMap<String, usize>,
    pub playbooks: Vec<PlaybookView>,
    /// Journal records so far.
    pub records: Seq,
    /// The last alerts that no playbook matches: alertname and why.
    pub unmatched: Vec<String>,
    /// What heald stands on, as last seen: `systemd`: `up`.
    pub dependencies: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaybookView {
    pub id: PlaybookId,
    pub title: String,
    pub mode: String,
}
