//! What people may order, and how an order came.

use crate::domain::alert::Labels;
use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::target::Target;
use crate::domain::time::{Span, Time};
use serde::{Deserialize, Serialize};

/// What a person asks for. Answered with a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum PersonOrder {
    Retry {
        incident: IncidentId,
    },
    Close {
        incident: IncidentId,
        note: String,
    },
    /// `for_`: `None` until lifted.
    Hold {
        target: Target,
        #[serde(rename = "for", default)]
        for_: Option<Span>,
        why: String,
    },
    Release {
        target: Target,
    },
    HoldPlaybook {
        playbook: PlaybookId,
        #[serde(rename = "for", default)]
        for_: Option<Span>,
        why: String,
    },
    ReleasePlaybook {
        playbook: PlaybookId,
    },
    Pause {
        #[serde(rename = "for", default)]
        for_: Option<Span>,
        #[serde(default)]
        why: String,
    },
    Resume,
    /// To what is asked for now.
    Approve {
        incident: IncidentId,
    },
    Deny {
        incident: IncidentId,
        #[serde(default)]
        why: String,
    },
    /// Somebody is at it: the climb to the next level stops until `for_` is over (the configuration's where None).
    Ack {
        incident: IncidentId,
        #[serde(rename = "for", default)]
        for_: Option<Span>,
    },
    /// A step of the playbook's checklist is done; counted from 1.
    Tick {
        incident: IncidentId,
        item: u32,
        #[serde(default)]
        note: String,
    },
    /// The playbook of an incident, as [`PersonOrder::HoldPlaybook`].
    PausePlaybookOf {
        incident: IncidentId,
        #[serde(rename = "for", default)]
        for_: Option<Span>,
    },
    /// In Alertmanager, by the labels of the incident's alert.
    Silence {
        incident: IncidentId,
        #[serde(rename = "for")]
        for_: Span,
    },
    /// A playbook by hand, through the same guards, as if an alert with these labels fired.
    Run {
        playbook: PlaybookId,
        labels: Labels,
    },
    /// `for_`: `None` until closed by a person.
    OpenBreaker {
        playbook: PlaybookId,
        target: Target,
        #[serde(rename = "for", default)]
        for_: Option<Span>,
        why: String,
    },
    /// Whoever opened it. Failures so far don't count any more.
    CloseBreaker {
        playbook: PlaybookId,
        target: Target,
    },
}

/// How an order came from a chat: so that none is carried out twice, and none that was meant for something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// The channel's name in the configuration.
    pub channel: String,
    /// The chat's own number of the message. Those up to the last one on disk are not carried out again.
    pub offset: Option<i64>,
    pub button: Option<PressedButton>,
}

/// What a button was made for. It works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PressedButton {
    pub tag: String,
    /// Of the question that it answers; 0 where it answers none.
    pub attempt: u32,
    /// The digest of the plan that was asked about ([`crate::domain::notice::Question::digest`]).
    pub plan: [u8; 8],
    pub expires: Time,
}
