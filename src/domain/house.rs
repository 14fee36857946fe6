//! What holds for the whole house: the kill switch and the holds that people placed. Durable, and lifted only by people.

use super::target::Target;
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct House {
    pub paused: Option<Hold>,
    /// By target: a deployment, a debugging session.
    pub holds: BTreeMap<Target, Hold>,
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
    Paused { hold: Hold },
    Resumed { by: String },
    HoldPlaced { target: Target, hold: Hold },
    HoldLifted { target: Target, by: String },
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
        }
    }

    pub fn paused(&self, now: Time) -> Option<&Hold> {
        self.paused.as_ref().filter(|hold| hold.holds(now))
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
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Paused { hold } => format!("all repairs paused {}", hold.text()),
            Self::Resumed { by } => format!("repairs resumed by {by}"),
            Self::HoldPlaced { target, hold } => format!("{target} put on hold {}", hold.text()),
            Self::HoldLifted { target, by } => format!("hold on {target} lifted by {by}"),
        }
    }
}
