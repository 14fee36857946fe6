//! When so much is down that heald stands back, and when it is over: noted in the journal, so that the cool-down
//! outlives a restart, and told once.

use super::world::World;
use super::{Driver, Round};
use crate::domain::guard::STORM;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::policy::Group;
use crate::domain::time::Time;
use crate::store::Record;
use std::sync::Arc;
use std::time::Duration;

/// What concerns heald itself is not repeated sooner.
const TELL_HOUSE_EVERY: Duration = Duration::from_secs(3_600);

impl<W: World> Driver<W> {
    /// After the number of those that are down has changed. `groups`: those of the incident before that.
    pub(super) fn weather(&mut self, groups: Vec<String>, id: IncidentId, now: Time, round: &mut Round) {
        let storm = self.config.in_force.policy.blast.storm;
        let down = self.state.ledger.census.down();
        let why = format!("{down} targets are down at once, more than {}", storm.targets);
        self.stand(STORM, down > storm.targets as usize, why, storm.cool_down, now, round);
        let mut keys = groups;
        keys.extend(self.state.ledger.census.groups_of(id).iter().cloned());
        keys.sort();
        keys.dedup();
        for key in keys {
            let Some(group) = self.config.in_force.policy.blast.groups.iter().find(|group| of(group, &key)) else { continue };
            let (size, min, cool_down) = (group.size as usize, group.min_healthy, group.cool_down);
            let healthy = size.saturating_sub(self.state.ledger.census.group(&key).down);
            let why = format!("{healthy} of {size} are good, and {min} must be");
            self.stand(&key, healthy < min as usize, why, cool_down, now, round);
        }
    }

    fn stand(&mut self, from: &str, back: bool, why: String, cool_down: Duration, now: Time, round: &mut Round) {
        let from = from.to_owned();
        match (back, self.state.house.stands_back(&from)) {
            (true, false) => {
                self.record_house(HouseEvent::StoodBack { from: from.clone(), why: why.clone() }, now, round);
                self.tell_house(NoticeKind::StandsBack, &format!("heald repairs nothing new of it ({from})"), &why);
            }
            (false, true) => self.record_house(HouseEvent::CalmedDown { from, until: now + cool_down }, now, round),
            _ => {}
        }
    }

    /// Tells people what concerns heald itself, each kind at most once an hour. Not journaled: it is told mostly when
    /// the journal is the trouble.
    pub(super) fn tell_house(&mut self, kind: NoticeKind, summary: &str, reason: &str) {
        let now = self.clock.now();
        if self.told_of_house.get(&kind).is_some_and(|told| now.since(*told) < TELL_HOUSE_EVERY) {
            return;
        }
        self.told_of_house.insert(kind, now);
        let notice = Notice::of_house(kind, &self.config.host, summary, reason, now);
        let world = Arc::clone(&self.world);
        tokio::spawn(async move { world.tell(notice).await });
    }

    /// With the first thing that it writes heald says that it runs; what ends without a word later has crashed.
    pub(super) fn begin(&mut self, round: &mut Round) {
        let event = HouseEvent::Began { version: env!("CARGO_PKG_VERSION").to_owned() };
        self.state.apply_house(&event);
        self.began = true;
        let now = self.clock.now();
        self.push(Record::House(event), now, round);
    }
}

/// Whether the key is that of the group, or of a part of it.
pub(super) fn of(group: &Group, key: &str) -> bool {
    let rest = key.strip_prefix("group ").and_then(|key| key.strip_prefix(group.name.as_str()));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
