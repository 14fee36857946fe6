//! The people on call: they come some time after they were called, and mend what is broken.

use super::host::Host;
use super::scenario;
use crate::domain::time::Time;
use std::collections::BTreeMap;

pub struct People {
    settings: scenario::People,
    /// Under way to a service, and when they are there.
    coming: BTreeMap<usize, Time>,
    /// Told so far, whatever for.
    pub messages: u64,
    /// Asked for help so far.
    pub calls: u64,
}

impl People {
    pub fn new(settings: scenario::People) -> Self {
        Self { settings, coming: BTreeMap::new(), messages: 0, calls: 0 }
    }

    pub fn next(&self) -> Option<Time> {
        self.coming.values().min().copied()
    }

    /// A call for help. Who is under way already comes only once.
    pub fn call(&mut self, now: Time, service: usize) {
        self.calls += 1;
        self.coming.entry(service).or_insert(now + self.settings.response);
    }

    /// How long an alert fires before it is noticed without a call.
    pub fn notice(&self) -> std::time::Duration {
        self.settings.notice
    }

    pub fn is_coming(&self, service: usize) -> bool {
        self.coming.contains_key(&service)
    }

    pub fn step(&mut self, now: Time, host: &mut Host) {
        let there: Vec<usize> = self.coming.iter().filter(|(_, at)| **at <= now).map(|(service, _)| *service).collect();
        for service in there {
            self.coming.remove(&service);
            host.mend(now, service);
        }
    }
}
