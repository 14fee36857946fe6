//! What people are told: facts, not prose. `notify/card.rs` makes the text, once for all channels.

use super::id::{IncidentId, PlaybookId};
use super::playbook::Severity;
use super::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub incident: IncidentId,
    pub kind: NoticeKind,
    pub playbook: PlaybookId,
    pub title: String,
    pub severity: Option<Severity>,
    /// `unit web.service`, or what the alert named where no target could be made of it.
    pub target: String,
    pub host: String,
    /// The alert's own words.
    pub summary: String,
    pub opened: Time,
    pub at: Time,
    /// Why now, in one sentence.
    pub reason: String,
    pub attempts: u32,
    pub manual_fix: Option<String>,
    pub debug_prompt: Option<String>,
    pub runbook_url: Option<String>,
}

/// Each is told at most once per incident and state, but for repeats that its name announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// heald stopped trying; a person is needed.
    Escalated,
    /// Verified good again after heald's repair.
    Healed,
    /// Observe mode: what would have been done.
    WouldAct,
    /// The alert fires and the probes pass.
    AlertWithoutSymptom,
    /// systemd, Docker or a probe can't be asked; heald waits.
    OutOfSight,
    /// Stopped or masked by a person: heald leaves it alone, and only a person ends that.
    LeftAlone,
    /// A person's consent is asked for.
    ApprovalNeeded,
    /// So much is down at once that heald stands back.
    StandsBack,
    /// An escalated incident's alert fires anew: heald still stays away.
    FiresAnew,
    /// Healed 15 minutes ago and the alert still fires.
    StillFiring,
    /// An escalated incident is over.
    Over,
    /// heald's own journal can't be trusted or written: it takes nothing on.
    EscalateOnly,
    /// A webhook body was refused for its size, or Alertmanager left alerts out of one.
    AlertsLost,
}

/// How a channel took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub channel: String,
    /// The channel's reason when it did not take it.
    pub error: Option<String>,
}

// === impl Notice ===

impl Notice {
    /// Something that concerns heald itself and no single incident: its number is 0.
    pub fn of_house(kind: NoticeKind, host: &str, summary: &str, reason: &str, at: Time) -> Self {
        Self {
            incident: IncidentId(0),
            kind,
            playbook: "heald".into(),
            title: "heald itself".to_owned(),
            severity: Some(if kind == NoticeKind::EscalateOnly { Severity::P0 } else { Severity::P1 }),
            target: "heald".to_owned(),
            host: host.to_owned(),
            summary: summary.to_owned(),
            opened: at,
            at,
            reason: reason.to_owned(),
            attempts: 0,
            manual_fix: None,
            debug_prompt: None,
            runbook_url: None,
        }
    }
}

// === impl NoticeKind ===

impl NoticeKind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Escalated => "escalated",
            Self::Healed => "healed",
            Self::WouldAct => "would_act",
            Self::AlertWithoutSymptom => "alert_without_symptom",
            Self::OutOfSight => "out_of_sight",
            Self::LeftAlone => "left_alone",
            Self::ApprovalNeeded => "approval_needed",
            Self::StandsBack => "stands_back",
            Self::FiresAnew => "fires_anew",
            Self::StillFiring => "still_firing",
            Self::Over => "over",
            Self::EscalateOnly => "escalate_only",
            Self::AlertsLost => "alerts_lost",
        }
    }
}
