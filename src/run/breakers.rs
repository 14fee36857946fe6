//! Breakers as they stand, and the gauges that change with time alone.

use super::Driver;
use super::world::World;
use crate::domain::guard::{BreakerState, Guard, STORM, breaker_state};
use crate::domain::id::PlaybookId;
use crate::domain::playbook::Playbook;
use crate::domain::target::Target;
use crate::domain::time::Time;
use crate::telemetry::Budget;
use std::collections::{BTreeMap, BTreeSet};

/// What the gauges show of the breakers, so that it is computed anew only after it may have changed.
#[derive(Debug, Default)]
pub struct Shown {
    fresh: bool,
    open: BTreeSet<(PlaybookId, Target)>,
    /// What `standing_back` has a series for; a group may leave the configuration.
    apart: BTreeSet<String>,
    /// When the first of those that people opened for a time ends.
    again: Option<Time>,
    /// What the slow gauges show of budgets, and when they are computed anew.
    pub(super) budgets: Vec<Budget>,
    pub(super) next: Time,
}

impl Shown {
    /// An attempt ended, a person opened or closed one, or the journal was read anew.
    pub fn changed(&mut self) {
        self.fresh = false;
    }
}

impl<W: World> Driver<W> {
    pub(super) fn breaker(&self, playbook: &PlaybookId, target: &Target, now: Time) -> BreakerState {
        breaker_state(playbook, target, &self.state.ledger, &self.state.house, self.config.in_force.policy.breaker, now, None)
    }

    /// Those that are not closed.
    pub(super) fn open_breakers(&self, now: Time) -> Vec<(PlaybookId, Target, BreakerState)> {
        let failures = self.config.in_force.policy.breaker.failures as usize;
        let by_people = self.state.house.breakers.keys().cloned();
        let pairs: BTreeSet<(PlaybookId, Target)> = self.state.ledger.tried(failures).chain(by_people).collect();
        let states = pairs.into_iter().map(|(playbook, target)| {
            let state = self.breaker(&playbook, &target, now);
            (playbook, target, state)
        });
        states.filter(|(_, _, state)| !state.is_closed()).collect()
    }

    /// From what heald stands back, or did so just now: `None` as long as it does.
    pub(super) fn apart(&self, now: Time) -> impl Iterator<Item = (&String, Option<Time>)> {
        let groups = &self.config.in_force.policy.blast.groups;
        // A group that left the configuration holds nobody any more.
        let known = move |from: &str| from == STORM || groups.iter().any(|group| super::weather::of(group, from));
        let apart = self.state.house.apart.iter().filter(move |(from, _)| known(from));
        apart.map(|(from, until)| (from, *until)).filter(move |(_, until)| until.is_none_or(|until| now < until))
    }

    /// Of a playbook with `mode: earn`.
    pub(super) fn trust_of(&self, playbook: &Playbook) -> Option<String> {
        playbook.earns.then(|| self.state.house.trust(playbook).text(&self.config.in_force.policy.trust))
    }

    /// Once a round: what ends by its time must not wait for a commit.
    pub(super) fn gauges(&mut self, now: Time) {
        self.telemetry.approvals_pending(self.state.held_count(Guard::Approve));
        let groups = self.config.in_force.policy.blast.groups.iter();
        let mut back: BTreeMap<String, usize> = groups.map(|group| (format!("group {}", group.name), 0)).collect();
        back.insert(STORM.to_owned(), 0);
        back.extend(std::mem::take(&mut self.shown.apart).into_iter().map(|from| (from, 0)));
        for (from, _) in self.apart(now) {
            // The part is an alert's own word, and none of those becomes a metric label.
            let name = back
                .keys()
                .find(|name| from.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
            if let Some(count) = name.cloned().and_then(|name| back.get_mut(&name)) {
                *count += 1;
            }
        }
        for (from, parts) in &back {
            self.telemetry.standing_back(from, *parts);
        }
        self.shown.apart = back.into_keys().collect();
        if self.shown.fresh && self.shown.again.is_none_or(|again| now < again) {
            return;
        }
        let open = self.open_breakers(now);
        let again = open
            .iter()
            .filter(|(_, _, state)| matches!(state, BreakerState::Opened(_)))
            .filter_map(|(_, _, state)| state.until());
        let again = again.min();
        let allow = &self.config.in_force.allow;
        let listed: BTreeSet<(PlaybookId, Target)> = open
            .into_iter()
            .filter(|(_, target, _)| allow.allows(target))
            .map(|(playbook, target, _)| (playbook, target))
            .collect();
        for (playbook, target) in listed.union(&self.shown.open) {
            let is_open = listed.contains(&(playbook.clone(), target.clone()));
            self.telemetry.breaker(&playbook.0, &target.to_string(), is_open);
        }
        self.shown = Shown { fresh: true, open: listed, again, ..std::mem::take(&mut self.shown) };
    }
}
