//! What is shown of an incident: the same bytes from `-o json` and the API. Fields are only ever added.

use crate::domain::alert::Labels;
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
    /// Where a playbook with `mode: earn` stands: `observe (4 good, 1 bad), 3 of 5 good outcomes towards approve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// Consent that is asked for, or given and not used yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    pub attempt: u32,
    /// What would be done; `None`: no longer what people were asked about.
    pub text: Option<String>,
    pub expires: Timestamp,
    /// Who may consent; empty: everybody who may give orders.
    pub may: Vec<String>,
    /// Who consented; `None` while it is asked for.
    pub by: Option<String>,
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
    /// Those that are not closed.
    #[serde(default)]
    pub breakers: Vec<BreakerView>,
    /// From what heald stands back, or has just done so.
    #[serde(default)]
    pub standing_back: Vec<ApartView>,
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
    /// observe approve auto earn
    pub mode: String,
    /// Of `mode: earn`: where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
}

/// A breaker of a playbook for a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerView {
    pub playbook: PlaybookId,
    pub target: Target,
    /// open half_open
    pub state: String,
    /// Open until then; `None`: until a person closes it, or it is half open.
    pub until: Option<Timestamp>,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApartView {
    /// `storm`, or `group NAME` with its part.
    pub from: String,
    /// Over; repairs go on then. `None`: too much of it is down now.
    pub until: Option<Timestamp>,
}

/// What heald would do about an alert, and why, or why not. Nothing of it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub host: String,
    pub labels: Labels,
    /// Those that match, and the nearest of the others.
    pub playbooks: Vec<ConsideredView>,
    /// The one that applies.
    pub playbook: Option<PlaybookId>,
    pub mode: Option<String>,
    pub trust: Option<String>,
    pub target: Option<Target>,
    /// The open one that the alert belongs to; `None`: a new one would be opened.
    pub incident: Option<IncidentId>,
    pub state: Option<String>,
    /// What was taken for granted.
    pub notes: Vec<String>,
    /// What the look just made has seen.
    pub seen: Option<SeenView>,
    /// Which attempt it would be.
    pub attempt: Option<String>,
    pub plan: Vec<String>,
    /// All that the playbook may do: its rungs in their order, the rollback, and what it does afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListView>,
    /// The probes that prove it, filled in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// In their order; the first no decides.
    pub guards: Vec<GuardView>,
    pub then: Vec<String>,
}

/// A list of steps with the labels filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListView {
    /// rung rollback afterwards
    pub section: String,
    /// Of a rung.
    pub title: Option<String>,
    /// How often a rung is run before the next one.
    pub times: Option<u32>,
    pub steps: Vec<StepView>,
    /// Why it can't be filled in: nothing of the playbook would run.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    pub kind: String,
    /// In words, as the timeline has it.
    pub text: String,
    pub object: Option<Target>,
    /// The parameters, filled in; a header's value is left out, for it may be a secret.
    pub args: serde_json::Value,
    /// What stands beside the kind, in words.
    pub options: Vec<String>,
    /// Why it would be left out now.
    pub skipped: Option<String>,
    /// Why it does not fit, or is not allowed.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsideredView {
    pub playbook: PlaybookId,
    pub applies: bool,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenView {
    /// All probes pass.
    pub passed: bool,
    pub probes: String,
    pub state: String,
    /// What Alertmanager says of the alert.
    pub alert: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardView {
    pub guard: String,
    pub question: String,
    /// yes no not_asked
    pub verdict: String,
    /// Why not.
    pub reason: Option<String>,
}
