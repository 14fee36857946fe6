//! When so much is down that heald stands back, and when it is over: noted in the journal, so that the cool-down
//! outlives a restart, and told once.

use super::state::State;
use super::world::World;
use super::{Driver, Round};
use crate::domain::guard::STORM;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::notice::NoticeKind;
use crate::domain::policy::{BlastPolicy, Group};
use crate::domain::time::Time;
use crate::store::Record;

impl<W: World> Driver<W> {
    /// After the number of those that are down has changed. `groups`: those of the incident before that.
    pub(super) fn weather(&mut self, groups: Vec<String>, id: IncidentId, now: Time, round: &mut Round) {
        for key in keys(groups, &self.state, id) {
            let Some(event) = turn(&key, &self.state, &self.config.in_force.policy.blast, now) else { continue };
            let told = match &event {
                HouseEvent::StoodBack { from, why } => {
                    Some((from.clone(), format!("heald repairs nothing new of it ({from}): {why}")))
                }
                _ => None,
            };
            self.record_house(event, now, round);
            // Each group that heald stands back from is a matter of its own.
            if let Some((from, why)) = told {
                self.owe_house(NoticeKind::StandsBack, &from, &why, now, round);
            }
        }
    }

    /// With the first thing that it writes heald says that it runs; what ends without a word later has crashed.
    pub(super) fn begin(&mut self, round: &mut Round) {
        let event = HouseEvent::Began { version: env!("CARGO_PKG_VERSION").to_owned() };
        self.state.apply_house(&event, self.clock.now());
        self.began = true;
        let now = self.clock.now();
        self.push(Record::House(event), now, round);
    }
}

/// Whatever may stand back or go on now: the storm, and the groups of the incident before and after its event.
pub(super) fn keys(before: Vec<String>, state: &State, id: IncidentId) -> Vec<String> {
    let mut keys = before;
    keys.extend(state.ledger.census.groups_of(id).iter().cloned());
    keys.sort();
    keys.dedup();
    keys.insert(0, STORM.to_owned());
    keys
}

/// Whether that changes whom heald stands back from.
pub(super) fn turn(key: &str, state: &State, blast: &BlastPolicy, now: Time) -> Option<HouseEvent> {
    let census = &state.ledger.census;
    let (back, why, cool_down) = if key == STORM {
        let (down, most) = (census.down(), blast.storm.targets);
        let why = format!("{down} targets are down at once, more than {most}");
        (down > most as usize, why, blast.storm.cool_down)
    } else {
        let group = blast.groups.iter().find(|group| of(group, key))?;
        let (size, min) = (group.size as usize, group.min_healthy);
        let healthy = size.saturating_sub(census.group(key).down);
        (healthy < min as usize, format!("{healthy} of {size} are good, and {min} must be"), group.cool_down)
    };
    let from = key.to_owned();
    match (back, state.house.stands_back(key)) {
        (true, false) => Some(HouseEvent::StoodBack { from, why }),
        (false, true) => Some(HouseEvent::CalmedDown { from, until: now + cool_down }),
        _ => None,
    }
}

/// Whether the key is that of the group, or of a part of it.
pub(super) fn of(group: &Group, key: &str) -> bool {
    let rest = key.strip_prefix("group ").and_then(|key| key.strip_prefix(group.name.as_str()));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
