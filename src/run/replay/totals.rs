//! What a replay has counted.

use crate::domain::id::IncidentId;
use crate::domain::target::Target;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Decisions that were asked for anew.
    pub points: usize,
    pub same: usize,
    /// By what became of them: `permitted -> held by cooldown`.
    pub different: BTreeMap<String, usize>,
    /// Decisions that the journal keeps without the look behind them: not asked.
    pub unseen: usize,
    /// Decisions about incidents that opened before the journal begins: not asked.
    pub headless: usize,
    /// Decisions other than attempts about incidents that would not be opened now: not asked.
    pub elsewhere: usize,
    recorded: BTreeMap<(Target, Timestamp), usize>,
    now: BTreeMap<(Target, Timestamp), usize>,
    /// An attempt that may begin at a hold already is not counted once more when it begins.
    counted: BTreeSet<(IncidentId, u32)>,
}

/// Attempts with an effect that began on a target within an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempts {
    pub target: Target,
    /// Its beginning, in UTC.
    pub hour: Timestamp,
    pub recorded: usize,
    pub now: usize,
}

// === impl Totals ===

impl Totals {
    pub fn differences(&self) -> usize {
        self.different.values().sum()
    }

    /// By target, then hour; hours without an attempt are left out.
    pub fn attempts(&self) -> Vec<Attempts> {
        let keys: BTreeSet<&(Target, Timestamp)> = self.recorded.keys().chain(self.now.keys()).collect();
        let count = |of: &BTreeMap<(Target, Timestamp), usize>, key| of.get(key).copied().unwrap_or_default();
        keys.into_iter()
            .map(|key| Attempts {
                target: key.0.clone(),
                hour: key.1,
                recorded: count(&self.recorded, key),
                now: count(&self.now, key),
            })
            .collect()
    }

    pub(super) fn recorded(&mut self, target: &Target, hour: Timestamp) {
        *self.recorded.entry((target.clone(), hour)).or_default() += 1;
    }

    pub(super) fn now(&mut self, incident: IncidentId, number: u32, target: &Target, hour: Timestamp) {
        if self.counted.insert((incident, number)) {
            *self.now.entry((target.clone(), hour)).or_default() += 1;
        }
    }
}

/// The beginning of its hour, in UTC.
pub(super) fn hour(wall: Timestamp) -> Timestamp {
    let second = wall.as_second();
    Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(wall)
}
