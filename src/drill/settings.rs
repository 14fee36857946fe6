//! What a configuration says of drills.

use crate::domain::target::AllowList;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `drills:`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// This host is there to be broken: nobody is asked.
    pub lab: bool,
    /// What faults may touch. Nothing, unless it is named.
    pub allowed: AllowList,
    /// By drill; they go before those of its file.
    pub vars: BTreeMap<String, BTreeMap<String, Value>>,
    pub schedule: Schedule,
    /// Where reports and the history are; in the state folder where it is left out.
    pub reports: Option<PathBuf>,
}

/// `drills: schedule:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Names in `time_intervals:`; empty: at any time.
    pub window: Vec<String>,
    /// The daemon runs what is due by itself.
    pub unattended: bool,
}

/// Where what is under way is written down: below the daemon's state folder.
pub fn folder(state: &Path) -> PathBuf {
    state.join("drills")
}

// === impl Settings ===

impl Settings {
    /// The folder of the reports and the history.
    pub fn reports(&self, state: &Path) -> PathBuf {
        self.reports.clone().unwrap_or_else(|| folder(state))
    }

    /// The daemon runs what is due by itself.
    pub fn is_unattended(&self) -> bool {
        self.lab || self.schedule.unattended
    }
}
