//! Everything but heald: host, alerts, people and, in one column, the naive healers. Without a clock of its own.

use super::alerting::{Alerting, Rule};
use super::host::Host;
use super::people::People;
use super::scenario::Scenario;
use super::watchdog::Watchdog;
use crate::domain::alert::Alert;
use crate::domain::time::Time;

pub struct Scene {
    pub host: Host,
    pub alerting: Alerting,
    pub people: People,
    watchdogs: Vec<Watchdog>,
    healer: Healer,
    /// By service: the alert's start that people know of.
    noticed: Vec<Option<Time>>,
    /// To be delivered to heald.
    pub due: Vec<Alert>,
}

/// Who is there besides the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healer {
    Nobody,
    Watchdogs,
    Heald,
}

impl Scene {
    pub fn new(scenario: &Scenario, rules: Vec<Rule>, healer: Healer, start: Time, seed: u64) -> Self {
        let services = scenario.services.len();
        let settings = if healer == Healer::Watchdogs { &scenario.watchdogs[..] } else { &[] };
        Self {
            host: Host::new(scenario, start),
            alerting: Alerting::new(scenario.alerts.clone(), rules, services, seed),
            people: People::new(scenario.people.clone()),
            watchdogs: settings.iter().map(|one| Watchdog::new(one.clone(), services, start)).collect(),
            healer,
            noticed: vec![None; services],
            due: Vec::new(),
        }
    }

    /// When something happens next by itself.
    pub fn next(&self) -> Option<Time> {
        let notices = (0..self.noticed.len()).filter_map(|service| self.notice_at(service));
        [self.host.next(), self.alerting.next(), self.people.next()]
            .into_iter()
            .flatten()
            .chain(self.watchdogs.iter().map(Watchdog::next))
            .chain(notices)
            .min()
    }

    /// What is due happens; times must not go back.
    pub fn step(&mut self, now: Time) {
        self.host.advance(now);
        for watchdog in &mut self.watchdogs {
            watchdog.step(now, &mut self.host);
        }
        self.people.step(now, &mut self.host);
        let due = self.alerting.step(now, &self.host);
        self.due.extend(due);
        for service in 0..self.noticed.len() {
            if self.notice_at(service).is_some_and(|at| at <= now) {
                self.noticed[service] = self.alerting.firing_since(service);
                self.people.messages += 1;
                if !self.host.is_stopped(service) {
                    self.people.call(now, service);
                }
            }
        }
    }

    /// Runs by itself: the columns without heald.
    pub fn run(&mut self, until: Time) {
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.step(at);
            self.due.clear();
        }
        self.host.advance(until);
    }

    /// Without heald the alert itself calls people; with it, only when it has fired for long.
    fn notice_at(&self, service: usize) -> Option<Time> {
        let since = self.alerting.firing_since(service)?;
        let known = self.noticed[service] == Some(since) || self.people.is_coming(service);
        let patience = if self.healer == Healer::Heald { self.people.notice() } else { std::time::Duration::ZERO };
        (!known).then(|| since + patience)
    }
}
