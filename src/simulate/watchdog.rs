//! The naive healers of group E: each looks every so often and restarts what does not answer, start-up or not.

use super::history::{Verb, Who};
use super::host::Host;
use super::scenario;
use crate::domain::time::Time;

pub struct Watchdog {
    settings: scenario::Watchdog,
    next: Time,
    /// By service: checks in a row without an answer, and the start that they were about.
    missed: Vec<(u32, u64)>,
}

impl Watchdog {
    pub fn new(settings: scenario::Watchdog, services: usize, start: Time) -> Self {
        let next = start + settings.first;
        Self { settings, next, missed: vec![(0, 0); services] }
    }

    pub fn next(&self) -> Time {
        self.next
    }

    pub fn step(&mut self, now: Time, host: &mut Host) {
        if now < self.next {
            return;
        }
        self.next = now + self.settings.every;
        for service in 0..self.missed.len() {
            let start = host.machines[service].starts;
            let (missed, of) = &mut self.missed[service];
            if *of != start || host.answers(service) {
                (*missed, *of) = (0, start);
            }
            if host.answers(service) {
                continue;
            }
            *missed += 1;
            if *missed >= self.settings.patience {
                host.call(now, Who::Watchdog, service, Verb::Restart, true);
            }
        }
    }
}
