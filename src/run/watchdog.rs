//! Alertmanager's always-firing alert: while it comes, alerts reach heald. When it stays away, people are told by heald's
//! own channels, and no resolve is believed: whoever lost sight of the metrics resolves everything.

use super::world::World;
use super::{Driver, Round};
use crate::domain::alert::{Alert, AlertStatus};
use crate::domain::decide::Signal;
use crate::domain::house::HouseEvent;
use crate::domain::notice::NoticeKind;
use crate::domain::time::{Span, Time};
use std::time::Duration;

/// How many in a row may stay away.
const MISSED: u32 = 3;

impl<W: World> Driver<W> {
    /// Whether it is the sign of life, and no alert that asks for anything.
    pub(super) fn is_watchdog(&mut self, alert: &Alert, now: Time, round: &mut Round) -> bool {
        let Some(watchdog) = &self.config.in_force.policy.escalation.watchdog else { return false };
        if alert.label("alertname") != watchdog.alertname {
            return false;
        }
        if alert.status == AlertStatus::Firing {
            self.last_beat = now;
            if self.state.house.blind.is_some() {
                self.see_again(now, round);
            }
        }
        true
    }

    pub(super) fn watch_watchdog(&mut self, now: Time, round: &mut Round) {
        self.end_doubts(now, round);
        let age = now.since(self.last_beat);
        match &self.config.in_force.policy.escalation.watchdog {
            Some(watchdog) if self.state.house.blind.is_none() && age > watchdog.every * MISSED => {
                let span = Span(Duration::from_secs(age.as_secs()));
                let why = format!("Alertmanager's always-firing alert {} was last heard of {span} ago", watchdog.alertname);
                self.record_house(HouseEvent::WentBlind { why: why.clone() }, now, round);
                self.told_of_house.retain(|(kind, _), _| *kind != NoticeKind::DetectionBack);
                self.owe_house(NoticeKind::DetectionBlind, "", &why, now, round);
            }
            // It is no longer asked for.
            None if self.state.house.blind.is_some() => self.see_again(now, round),
            _ => {}
        }
    }

    fn see_again(&mut self, now: Time, round: &mut Round) {
        self.record_house(HouseEvent::SeesAgain, now, round);
        self.told_of_house.retain(|(kind, _), _| *kind != NoticeKind::DetectionBlind);
        self.owe_house(NoticeKind::DetectionBack, "", "alerts reach heald again", now, round);
        self.doubts_end = Some(now + self.config.in_force.group_interval);
    }

    /// What still fires has been said again by then, and is no longer doubted.
    fn end_doubts(&mut self, now: Time, round: &mut Round) {
        if self.state.house.blind.is_none() && self.doubts_end.is_some_and(|end| end <= now) {
            self.doubts_end = None;
            let doubted = self.state.incidents.values().filter(|incident| !incident.doubted.is_empty());
            for id in doubted.map(|incident| incident.id).collect::<Vec<_>>() {
                self.signal(id, Signal::DetectionBack, now, round);
            }
        }
    }
}
