//! What people are told: facts, not prose. `notify/card.rs` makes the text, once for all channels.

use super::id::{IncidentId, PlaybookId};
use super::playbook::{FailureClass, Severity};
use super::time::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// 0: heald itself.
    pub incident: IncidentId,
    /// Counts the incident's notices from 1. With host and incident it is the notice's identity: repetitions keep it.
    pub number: u32,
    pub kind: NoticeKind,
    /// How the incident stands at this moment; a message that is edited as the incident proceeds shows this.
    pub standing: Standing,
    pub playbook: PlaybookId,
    pub title: String,
    pub severity: Option<Severity>,
    /// `unit web.service`, or what the alert named where no target could be made of it.
    pub target: String,
    pub host: String,
    pub alertname: String,
    /// The alert's own words.
    pub summary: String,
    pub opened: Time,
    pub at: Time,
    /// Why now, in one sentence.
    pub reason: String,
    pub class: FailureClass,
    pub attempts: u32,
    /// Of the escalation chain: 1 is heald itself, 2 the operator, 3 the owner.
    pub level: u8,
    /// What the last verification said.
    pub verified: Option<String>,
    /// `3 of 5 per 10m`.
    pub budget_left: Option<String>,
    /// What comes next and when, in one sentence.
    pub next: Option<String>,
    /// By whom and until when.
    pub acknowledged: Option<String>,
    /// By when somebody is expected to respond, by the severity.
    pub respond_by: Option<Time>,
    /// The consent that is asked for now.
    pub question: Option<Question>,
    /// Incidents of the same playbook and target in the last 30 days, this one included.
    pub times: u32,
    pub manual_fix: Option<String>,
    /// What people are to do, in this order.
    pub checklist: Vec<ChecklistItem>,
    pub debug_prompt: Option<String>,
    pub runbook_url: Option<String>,
    /// Whose the playbook is, as it says itself.
    pub owner: Option<String>,
    pub dashboard_url: Option<String>,
    /// Alertmanager's page for a new silence.
    pub silence_url: Option<String>,
    /// Where Prometheus shows the rule's expression.
    pub generator_url: Option<String>,
}

/// One step for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChecklistItem {
    pub text: String,
    /// By whom it was done; `None`: still to do.
    pub ticked: Option<String>,
}

/// How an incident stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// heald looks, waits or repairs.
    Working,
    /// It waits for a person's consent.
    Asking,
    /// It stopped trying.
    NeedsPerson,
    /// Good again, and watched.
    Healed,
    Over,
}

/// What an answer must name, so that it is not taken for the answer to another question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub attempt: u32,
    /// The fingerprint of the plan that is asked about.
    pub plan: String,
    pub expires: Time,
}

/// One notice for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub channel: String,
    pub notice: Notice,
    /// What the channel called this incident's first message there; `None`: there is none yet.
    pub thread: Option<String>,
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
    /// Urgent: told at once, while heald is at it.
    Fires,
    /// Nobody acknowledged it in time: the next level is told.
    Unacknowledged,
    /// How it proceeds, for channels that were told of the incident and can change what they said.
    Progress,
    /// What less urgent incidents had to say in the last minutes, together.
    Digest,
    /// So many incidents at once that they are told together.
    Storm,
    /// A channel can't be used until a person mends it.
    ChannelBroken,
    /// Alertmanager's always-firing alert stays away: what breaks now may not reach heald.
    DetectionBlind,
    /// It is back.
    DetectionBack,
    /// `heald notify test`
    Test,
}

/// How a channel took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub channel: String,
    /// The channel's reason when it did not take it.
    pub error: Option<String>,
    /// Only with an error.
    #[serde(default, skip_serializing_if = "Again::is_soon")]
    pub again: Again,
    /// What the channel calls the incident's message from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

/// Whether another try may do better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// By heald's own schedule.
    #[default]
    Soon,
    /// The channel said when: not before that.
    After(Duration),
    /// Credentials, rights or the address are wrong: it will fail the same way until a person mends them.
    Never,
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
            alertname: String::new(),
            summary: summary.to_owned(),
            opened: at,
            at,
            number: 0,
            standing: if kind == NoticeKind::EscalateOnly { Standing::NeedsPerson } else { Standing::Working },
            reason: reason.to_owned(),
            class: FailureClass::default(),
            attempts: 0,
            level: 1,
            verified: None,
            budget_left: None,
            next: None,
            acknowledged: None,
            respond_by: None,
            question: None,
            times: 0,
            manual_fix: None,
            checklist: Vec::new(),
            debug_prompt: None,
            runbook_url: None,
            owner: None,
            dashboard_url: None,
            silence_url: None,
            generator_url: None,
        }
    }
}

// === impl Question ===

impl Question {
    /// The part of the plan's digest that fits into a button.
    pub fn digest(&self) -> [u8; 8] {
        let full = Sha256::digest(&self.plan);
        std::array::from_fn(|at| full[at])
    }
}

// === impl Standing ===

impl Standing {
    pub fn label(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Asking => "asking",
            Self::NeedsPerson => "needs_person",
            Self::Healed => "healed",
            Self::Over => "over",
        }
    }
}

// === impl Delivery ===

impl Delivery {
    pub fn taken(channel: impl Into<String>) -> Self {
        Self { channel: channel.into(), error: None, again: Again::Soon, thread: None }
    }

    pub fn failed(channel: impl Into<String>, why: impl Into<String>, again: Again) -> Self {
        Self { channel: channel.into(), error: Some(why.into()), again, thread: None }
    }
}

// === impl Again ===

impl Again {
    pub fn is_soon(&self) -> bool {
        *self == Self::Soon
    }
}

// === impl NoticeKind ===

impl NoticeKind {
    /// Whether somebody has to do something about it.
    pub fn calls(self) -> bool {
        matches!(
            self,
            Self::Escalated
                | Self::ApprovalNeeded
                | Self::LeftAlone
                | Self::FiresAnew
                | Self::StillFiring
                | Self::OutOfSight
                | Self::Unacknowledged
        )
    }

    pub const ALL: [Self; 22] = [
        Self::Escalated,
        Self::Healed,
        Self::WouldAct,
        Self::AlertWithoutSymptom,
        Self::OutOfSight,
        Self::LeftAlone,
        Self::ApprovalNeeded,
        Self::StandsBack,
        Self::FiresAnew,
        Self::StillFiring,
        Self::Over,
        Self::EscalateOnly,
        Self::AlertsLost,
        Self::Fires,
        Self::Unacknowledged,
        Self::Progress,
        Self::Digest,
        Self::Storm,
        Self::ChannelBroken,
        Self::DetectionBlind,
        Self::DetectionBack,
        Self::Test,
    ];

    /// It concerns heald itself, or many incidents together.
    pub fn is_of_house(self) -> bool {
        matches!(
            self,
            Self::EscalateOnly
                | Self::AlertsLost
                | Self::StandsBack
                | Self::Digest
                | Self::Storm
                | Self::ChannelBroken
                | Self::DetectionBlind
                | Self::DetectionBack
                | Self::Test
        )
    }

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
            Self::Fires => "fires",
            Self::Unacknowledged => "unacknowledged",
            Self::Progress => "progress",
            Self::Digest => "digest",
            Self::Storm => "storm",
            Self::ChannelBroken => "channel_broken",
            Self::DetectionBlind => "detection_blind",
            Self::DetectionBack => "detection_back",
            Self::Test => "test",
        }
    }
}
