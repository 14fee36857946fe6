//! What holds for the whole house: the kill switch and the holds that people placed. Durable, and lifted only by people.

use super::id::PlaybookId;
use super::target::Target;
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct House {
    /// By order.
    pub paused: Option<Hold>,
    /// By a file, for as long as it exists.
    pub barred: Option<Hold>,
    /// By target: a deployment, a debugging session.
    pub holds: BTreeMap<Target, Hold>,
    /// By playbook: one that does harm.
    pub books: BTreeMap<PlaybookId, Hold>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// None: until somebody lifts it.
    pub until: Option<Time>,
    pub why: String,
    pub by: String,
}

/// Journaled like an incident's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HouseEvent {
    Paused {
        hold: Hold,
    },
    Resumed {
        by: String,
    },
    HoldPlaced {
        target: Target,
        hold: Hold,
    },
    HoldLifted {
        target: Target,
        by: String,
    },
    PlaybookHeld {
        playbook: PlaybookId,
        hold: Hold,
    },
    PlaybookReleased {
        playbook: PlaybookId,
        by: String,
    },
    /// The kill switch's file was found.
    Barred {
        hold: Hold,
    },
    /// It is gone.
    Unbarred {
        by: String,
    },
}

// === impl House ===

impl House {
    pub fn apply(&mut self, event: &HouseEvent) {
        match event {
            HouseEvent::Paused { hold } => self.paused = Some(hold.clone()),
            HouseEvent::Resumed { .. } => self.paused = None,
            HouseEvent::HoldPlaced { target, hold } => {
                self.holds.insert(target.clone(), hold.clone());
            }
            HouseEvent::HoldLifted { target, .. } => {
                self.holds.remove(target);
            }
            HouseEvent::PlaybookHeld { playbook, hold } => {
                self.books.insert(playbook.clone(), hold.clone());
            }
            HouseEvent::PlaybookReleased { playbook, .. } => {
                self.books.remove(playbook);
            }
            HouseEvent::Barred { hold } => self.barred = Some(hold.clone()),
            HouseEvent::Unbarred { .. } => self.barred = None,
        }
    }

    /// By the file or by order; the file's word comes first, for no order lifts it.
    pub fn paused(&self, now: Time) -> Option<&Hold> {
        self.barred.as_ref().or(self.paused.as_ref().filter(|hold| hold.holds(now)))
    }

    pub fn book_held(&self, playbook: &PlaybookId, now: Time) -> Option<&Hold> {
        self.books.get(playbook).filter(|hold| hold.holds(now))
    }

    pub fn held(&self, target: &Target, now: Time) -> Option<&Hold> {
        self.holds.get(target).filter(|hold| hold.holds(now))
    }
}

impl Hold {
    pub fn holds(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub fn text(&self) -> String {
        let until = self.until.map_or_else(|| "lifted".to_owned(), |until| until.to_string());
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        format!("by {} until {until}{why}", self.by)
    }
}

impl HouseEvent {
    pub fn label(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::HoldPlaced { .. } => "hold_placed",
            Self::HoldLifted { .. } => "hold_lifted",
            Self::PlaybookHeld { .. } => "playbook_held",
            Self::PlaybookReleased { .. } => "playbook_released",
            Self::Barred { .. } => "barred",
            Self::Unbarred { .. } => "unbarred",
        }
    }

    /// It may let something go on that waited.
    pub fn loosens(&self) -> bool {
        match self {
            Self::Resumed { .. } | Self::HoldLifted { .. } | Self::PlaybookReleased { .. } | Self::Unbarred { .. } => true,
            Self::Paused { .. } | Self::HoldPlaced { .. } | Self::PlaybookHeld { .. } | Self::Barred { .. } => false,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Paused { hold } => format!("all repairs paused {}", hold.text()),
            Self::Resumed { by } => format!("repairs resumed by {by}"),
            Self::HoldPlaced { target, hold } => format!("{target} put on hold {}", hold.text()),
            Self::HoldLifted { target, by } => format!("hold on {target} lifted by {by}"),
            Self::PlaybookHeld { playbook, hold } => format!("playbook {playbook} put on hold {}", hold.text()),
            Self::PlaybookReleased { playbook, by } => format!("hold on playbook {playbook} lifted by {by}"),
            Self::Barred { hold } => format!("all repairs paused {}", hold.text()),
            Self::Unbarred { by } => format!("no longer paused by {by}"),
        }
    }
}
