//! When a drill is due: its interval after its last run. Pure.

use super::file::Every;
use super::history::Entry;
use jiff::Timestamp;
use std::time::Duration;

/// A drill that is to be run by the clock here: it has a schedule, and all that it touches is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub name: String,
    pub every: Every,
    /// When its file was written: a drill that is new is not late.
    pub since: Timestamp,
}

/// How a planned drill stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due<'p> {
    pub drill: &'p Planned,
    /// The start and the verdict of its last run.
    pub last: Option<(Timestamp, bool)>,
    pub recovery: Option<Duration>,
    /// When it must have been run again at the latest.
    pub by: Timestamp,
}

/// Each planned drill with its last run.
pub fn due<'p>(planned: &'p [Planned], history: &[Entry]) -> Vec<Due<'p>> {
    let of = |drill: &'p Planned| {
        let last = history.iter().filter(|entry| entry.drill == drill.name).max_by_key(|entry| entry.at);
        let from = last.map_or(drill.since, |entry| entry.at);
        Due {
            drill,
            last: last.map(|entry| (entry.at, entry.passed)),
            recovery: last.and_then(|entry| entry.recovery_ms).map(Duration::from_millis),
            by: from.checked_add(drill.every.interval()).unwrap_or(Timestamp::MAX),
        }
    };
    planned.iter().map(of).collect()
}

impl Due<'_> {
    /// It may be run now: never run yet, or its interval is over.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.last.is_none() || self.by <= now
    }
}
