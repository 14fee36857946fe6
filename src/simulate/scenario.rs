//! What a simulated host is made of, and what goes wrong on it.

use super::rng::Rng;
use crate::domain::target::{AllowList, Target, TargetKind};
use std::time::Duration;

/// Everything that happens by itself. What healers and people do about it follows from it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub services: Vec<Service>,
    pub faults: Vec<Fault>,
    pub alerts: Alerts,
    pub people: People,
    /// The naive healers that heald is compared with.
    pub watchdogs: Vec<Watchdog>,
}

/// A unit or container.
#[derive(Clone, Debug)]
pub struct Service {
    pub target: Target,
    /// From its start until it answers.
    pub start_up: Duration,
    /// Its manager shows that it is still starting, and that it does not answer (`Type=notify`, a Docker health check).
    pub tells: bool,
    /// By number; it does not answer while one of them does not.
    pub needs: Vec<usize>,
    /// Where it answers: the beginning of URLs, and `host:port`.
    pub url: Option<String>,
    pub address: Option<String>,
    /// What an `http` step does to it, by URL.
    pub calls: Vec<(String, CallEffect)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEffect {
    /// Answers well, and changes nothing.
    Nothing,
    /// Takes the cause away: it answers again.
    Mend,
    /// Answers with an error.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// After the beginning.
    pub at: Duration,
    pub service: usize,
    pub kind: FaultKind,
    /// What it means differs; see [`FaultKind`].
    pub lasts: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It dies. Starts fail as long as it `lasts` (default: the first start helps).
    Crash,
    /// It runs and does not answer. A restart helps, once it has `last`ed.
    Hang,
    /// It does not answer for as long as it `lasts` (default 20 s), and then does again, by itself.
    Blip,
    /// It dies, and its own manager has it back after `lasts` (default 20 s).
    SelfHeals,
    /// It dies, and the next start takes as long as it `lasts` (default 5 min).
    SlowStart,
    /// It dies every 45 s for as long as it `lasts` (default 5 min).
    Flap,
    /// It dies, and no start helps until a person has mended it.
    NeverHeals,
    /// Stopped cleanly; started again by the same person when it has `last`ed, if it does.
    StoppedByPerson,
    Masked,
    /// Its manager refuses to start it until a person resets it.
    StartLimit,
    /// Its manager does not answer for as long as it `lasts` (default 2 min).
    OutOfSight,
    /// It dies, and the start that heals it kills the other.
    Breaks(usize),
    /// Calls about it misbehave for as long as it `lasts` (default 1 h).
    Calls(Misbehaviour),
    /// heald is paused by a person, for as long as it `lasts` (default: until the end).
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Answered as failed; nothing was done.
    Fail,
    /// Never answered; nothing was done.
    Hang,
    /// Answered as done; nothing was done.
    Lie,
    /// Done, and never answered.
    Late,
}

/// Prometheus's rule and Alertmanager's route; the defaults are those of `alert-rules/` and `compose/`.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// How often the rule is evaluated.
    pub evaluate: Duration,
    pub for_: Duration,
    pub keep_firing_for: Duration,
    pub group_wait: Duration,
    pub group_interval: Duration,
    pub repeat_interval: Duration,
    /// In percent of the messages: sent twice, late by up to ten minutes, never sent, sent again up to 40 days later.
    pub duplicates: u32,
    pub delays: u32,
    pub losses: u32,
    pub replays: u32,
}

#[derive(Clone, Debug)]
pub struct People {
    /// From the call until they have mended it.
    pub response: Duration,
    /// An alert that has fired for that long is noticed, whatever heald says.
    pub notice: Duration,
}

#[derive(Clone, Debug)]
pub struct Watchdog {
    pub name: String,
    pub every: Duration,
    /// Its first check, after the beginning.
    pub first: Duration,
    /// Restarts after so many checks in a row without an answer, counted anew after every start that it sees.
    pub patience: u32,
}

// === impl defaults ===

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            evaluate: secs(15),
            for_: secs(30),
            keep_firing_for: secs(120),
            group_wait: secs(5),
            group_interval: secs(30),
            repeat_interval: secs(600),
            duplicates: 0,
            delays: 0,
            losses: 0,
            replays: 0,
        }
    }
}

impl Default for People {
    fn default() -> Self {
        Self { response: secs(30 * 60), notice: secs(4 * 3_600) }
    }
}

/// Group E of the failure modes.
pub fn two_watchdogs() -> Vec<Watchdog> {
    vec![
        Watchdog { name: "watchdog".to_owned(), every: secs(60), first: secs(60), patience: 6 },
        Watchdog { name: "health timer".to_owned(), every: secs(300), first: secs(300), patience: 1 },
    ]
}

// === impl Service ===

impl Service {
    pub fn new(target: Target) -> Self {
        let tells = target.kind() == TargetKind::Container;
        Self { target, start_up: secs(2), tells, needs: Vec::new(), url: None, address: None, calls: Vec::new() }
    }
}

// === impl FaultKind ===

impl FaultKind {
    /// Where a scenario does not say.
    pub fn lasts(self) -> Option<Duration> {
        match self {
            Self::Blip | Self::SelfHeals => Some(secs(20)),
            Self::SlowStart | Self::Flap => Some(secs(300)),
            Self::OutOfSight => Some(secs(120)),
            Self::Calls(_) => Some(secs(3_600)),
            _ => None,
        }
    }
}

// === impl Scenario ===

/// One fault on this host every so often, on average: about four a day.
const FAULT_EVERY: Duration = secs(6 * 3_600);

impl Scenario {
    /// Ordinary bad luck for these targets: a few failures a day, some of them nasty. The same for the same seed.
    pub fn from_seed(seed: u64, targets: Vec<Target>, length: Duration) -> Self {
        let mut rng = Rng::new(seed);
        let services: Vec<Service> = targets
            .into_iter()
            .map(|target| Service { start_up: rng.between(secs(1), secs(20)), ..Service::new(target) })
            .collect();
        let mut faults = Vec::new();
        let mut at = rng.between(secs(60), FAULT_EVERY);
        while at < length && !services.is_empty() {
            let service = index(rng.below(services.len() as u64));
            let (kind, lasts) = fault(&mut rng, service, services.len());
            faults.push(Fault { at, service, kind, lasts });
            at += rng.between(secs(60), FAULT_EVERY * 2);
        }
        Self {
            name: format!("seed {seed}"),
            services,
            faults,
            alerts: Alerts { duplicates: 5, delays: 2, losses: 1, replays: 1, ..Alerts::default() },
            people: People::default(),
            watchdogs: two_watchdogs(),
        }
    }

    /// Without a configuration: all that the scenario names.
    pub fn allow_list(&self) -> AllowList {
        let names = |kind| {
            let of_kind = self.services.iter().filter(|service| service.target.kind() == kind);
            of_kind.map(|service| service.target.name().to_owned()).collect()
        };
        AllowList {
            units: names(TargetKind::Unit),
            containers: names(TargetKind::Container),
            urls: self.services.iter().filter_map(|service| service.url.clone()).collect(),
            addresses: self.services.iter().filter_map(|service| service.address.clone()).collect(),
            ..AllowList::default()
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn fault(rng: &mut Rng, service: usize, services: usize) -> (FaultKind, Option<Duration>) {
    let other = (service + 1 + index(rng.below(services as u64 - 1))) % services;
    let long = rng.between(secs(30), secs(20 * 60));
    let misbehaviour = [Misbehaviour::Fail, Misbehaviour::Hang, Misbehaviour::Lie, Misbehaviour::Late];
    match rng.below(100) {
        0..40 => (FaultKind::Crash, None),
        40..50 => (FaultKind::Crash, Some(long)),
        50..60 => (FaultKind::Hang, None),
        60..68 => (FaultKind::SelfHeals, Some(rng.between(secs(5), secs(90)))),
        68..76 => (FaultKind::Blip, Some(rng.between(secs(5), secs(90)))),
        76..81 => (FaultKind::SlowStart, Some(rng.between(secs(60), secs(600)))),
        81..85 => (FaultKind::Flap, Some(rng.between(secs(90), secs(600)))),
        85..88 => (FaultKind::NeverHeals, None),
        88..92 => (FaultKind::StoppedByPerson, Some(rng.between(secs(300), secs(7_200)))),
        92..93 => (FaultKind::Masked, Some(rng.between(secs(300), secs(7_200)))),
        93..94 => (FaultKind::StartLimit, None),
        94..96 => (FaultKind::OutOfSight, Some(long)),
        96..97 if other != service => (FaultKind::Breaks(other), None),
        97..98 => (FaultKind::Pause, Some(long)),
        _ => (FaultKind::Calls(misbehaviour[index(rng.below(4))]), Some(rng.between(secs(600), secs(86_400)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_life() {
        let targets = || vec![Target::new(TargetKind::Unit, "web.service").unwrap()];
        let day = Duration::from_secs(30 * 86_400);
        let (a, b) = (Scenario::from_seed(7, targets(), day), Scenario::from_seed(7, targets(), day));
        assert_eq!(a.faults, b.faults);
        assert_ne!(a.faults, Scenario::from_seed(8, targets(), day).faults);
        assert!((60..250).contains(&a.faults.len()), "a few a day: {}", a.faults.len());
    }
}
