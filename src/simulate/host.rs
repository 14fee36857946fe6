//! The simulated host: units and containers that fail, flap, start slowly and are stopped by people.
//!
//! It has no clock and waits for nothing: its time is handed in, and [`Host::next`] says when it changes
//! by itself, so that a quiet year costs nothing. It keeps its own [`History`].

use super::history::{Before, Call, History, Needless, Outage, Verb, Who};
pub use super::machine::Is;
use super::machine::{Cause, Machine};
use super::scenario::{Fault, FaultKind, Misbehaviour, Scenario, Service};
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct Host {
    pub services: Vec<Service>,
    pub machines: Vec<Machine>,
    pub history: History,
    /// Grows with every change that can be seen.
    pub version: u64,
    /// Until then a person has paused heald.
    pub paused_until: Option<Time>,
    queue: BTreeMap<(Time, u64), Change>,
    order: u64,
    dependants: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Fault(usize, FaultKind, Option<Duration>),
    /// It is up, or its start failed, if it is still the same start.
    Ready(usize, u64),
    /// Comes back by itself, if nobody has started it meanwhile.
    Back(usize, u64),
    /// The person who stopped it starts it again.
    PersonStarts(usize),
    /// Something that was out of sight is back.
    Seen,
}

/// systemd's defaults.
pub const START_LIMIT: (usize, Duration) = (5, Duration::from_secs(10));
/// What fails at its start fails soon.
const FAILS_AFTER: Duration = Duration::from_secs(1);
const FLAP_EVERY: Duration = Duration::from_secs(45);

impl Host {
    pub fn new(scenario: &Scenario, start: Time) -> Self {
        let machine = Machine::up(start);
        let count = scenario.services.len();
        let mut dependants = vec![Vec::new(); count];
        for (number, service) in scenario.services.iter().enumerate() {
            for needed in &service.needs {
                if let Some(list) = dependants.get_mut(*needed) {
                    list.push(number);
                }
            }
        }
        let mut host = Self {
            services: scenario.services.clone(),
            machines: vec![machine; count],
            history: History::default(),
            version: 0,
            paused_until: None,
            queue: BTreeMap::new(),
            order: 0,
            dependants,
        };
        for Fault { at, service, kind, lasts } in &scenario.faults {
            host.plan(start + *at, Change::Fault(*service, *kind, lasts.or(kind.lasts())));
        }
        host
    }

    /// When it changes by itself next.
    pub fn next(&self) -> Option<Time> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn advance(&mut self, now: Time) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= now) {
            let at = entry.key().0;
            let change = entry.remove();
            self.change(at, change);
        }
    }

    pub fn find(&self, target: &Target) -> Option<usize> {
        self.services.iter().position(|service| service.target == *target)
    }

    /// Whose URL or address this is.
    pub fn behind(&self, place: &str) -> Option<usize> {
        let of = |service: &Service| {
            service.url.as_ref().is_some_and(|url| place.starts_with(url.as_str()))
                || service.address.as_deref() == Some(place)
                || service.calls.iter().any(|(url, _)| url == place)
        };
        self.services.iter().position(of)
    }

    /// It answers its users, and so does all that it needs.
    pub fn answers(&self, service: usize) -> bool {
        self.machines[service].is == Is::Up && self.services[service].needs.iter().all(|needed| self.answers(*needed))
    }

    /// People want it down: no fault.
    pub fn is_stopped(&self, service: usize) -> bool {
        matches!(self.machines[service].is, Is::Stopped | Is::Masked)
    }

    pub fn is_hidden(&self, service: usize, now: Time) -> bool {
        now < self.machines[service].hidden_until
    }

    pub fn misbehaviour(&self, service: usize, now: Time) -> Option<Misbehaviour> {
        self.machines[service].misbehaves.filter(|(_, until)| now < *until).map(|(how, _)| how)
    }

    pub fn before(&self, service: usize) -> Before {
        match self.machines[service].is {
            Is::Up if self.answers(service) => Before::Answering,
            Is::Up | Is::Hung => Before::Silent,
            Is::Starting | Is::Restarting => Before::Starting,
            Is::Failed => Before::Failed,
            Is::Stopped | Is::Masked => Before::StoppedByPerson,
            Is::StartLimit => Before::StartLimit,
        }
    }

    /// Somebody calls; the effect begins at once. Returns the number of the start it made.
    pub fn call(&mut self, now: Time, by: Who, service: usize, verb: Verb, lands: bool) -> Option<u64> {
        self.advance(now);
        let before = self.before(service);
        let starts = matches!(verb, Verb::Restart)
            || (verb == Verb::Start && !matches!(self.machines[service].is, Is::Up | Is::Hung | Is::Starting));
        let refused = starts && matches!(self.machines[service].is, Is::Masked | Is::StartLimit) && by != Who::Person;
        let landed = lands && !refused;
        let needless = if starts && landed { Needless::at_once(before) } else { None };
        self.history.calls.push(Call {
            at: now,
            by,
            service,
            verb,
            before,
            starts: self.machines[service].starts,
            landed,
            needless,
        });
        if !landed {
            return None;
        }
        match verb {
            Verb::Restart | Verb::Start if starts => {
                self.machines[service].call = Some(self.history.calls.len() - 1);
                self.start(now, service, Some(by));
                Some(self.machines[service].starts)
            }
            Verb::Stop => {
                self.become_(now, service, Is::Stopped);
                None
            }
            _ => None,
        }
    }

    /// A person takes the cause away, and starts it where it is down. What people stopped stays so.
    pub fn mend(&mut self, now: Time, service: usize) {
        self.advance(now);
        let machine = &mut self.machines[service];
        (machine.cause, machine.slow, machine.misbehaves) = (None, None, None);
        machine.recent.clear();
        for needed in self.services[service].needs.clone() {
            self.mend(now, needed);
        }
        if matches!(self.machines[service].is, Is::Hung | Is::Failed | Is::StartLimit | Is::Restarting) {
            self.call(now, Who::Person, service, Verb::Restart, true);
        }
    }

    /// A call took the cause away without a restart.
    pub fn recover(&mut self, now: Time, service: usize, by: Who) {
        self.machines[service].cause = None;
        if self.machines[service].is == Is::Hung {
            self.machines[service].started_by = Some(by);
            self.become_(now, service, Is::Up);
        }
    }

    /// Faults stop: nothing is broken for longer than until its next start.
    pub fn calm(&mut self, now: Time) {
        self.advance(now);
        self.queue.retain(|_, change| !matches!(change, Change::Fault(..)));
        for machine in &mut self.machines {
            (machine.cause, machine.slow, machine.misbehaves, machine.breaks) = (None, None, None, None);
            machine.hidden_until = now;
        }
        self.version += 1;
    }

    fn plan(&mut self, at: Time, change: Change) {
        self.order += 1;
        self.queue.insert((at, self.order), change);
    }

    fn change(&mut self, at: Time, change: Change) {
        match change {
            Change::Fault(service, kind, lasts) => self.fault(at, service, kind, lasts),
            Change::Ready(service, start) => self.ready(at, service, start),
            Change::Back(service, start) => {
                let machine = &self.machines[service];
                if machine.starts == start && matches!(machine.is, Is::Hung | Is::Restarting) {
                    if machine.is == Is::Restarting {
                        self.machines[service].starts += 1;
                    }
                    self.become_(at, service, Is::Up);
                }
            }
            Change::PersonStarts(service) => {
                if self.is_stopped(service) {
                    self.call(at, Who::Person, service, Verb::Start, true);
                }
            }
            Change::Seen => self.version += 1,
        }
    }

    fn fault(&mut self, at: Time, service: usize, kind: FaultKind, lasts: Option<Duration>) {
        let until = lasts.map_or(at, |lasts| at + lasts);
        let start = self.machines[service].starts;
        match kind {
            FaultKind::OutOfSight => {
                self.machines[service].hidden_until = until;
                self.version += 1;
                return self.plan(until, Change::Seen);
            }
            FaultKind::Calls(how) => return self.machines[service].misbehaves = Some((how, until)),
            FaultKind::Pause => return self.paused_until = Some(lasts.map_or(Time(i64::MAX), |lasts| at + lasts)),
            FaultKind::StoppedByPerson | FaultKind::Masked => {
                let is = if kind == FaultKind::Masked { Is::Masked } else { Is::Stopped };
                self.machines[service].cause = None;
                self.become_(at, service, is);
                if lasts.is_some() {
                    self.plan(until, Change::PersonStarts(service));
                }
                return;
            }
            // What is down already can't fail once more.
            _ if !matches!(self.machines[service].is, Is::Up | Is::Hung | Is::Starting) => return,
            _ => {}
        }
        let machine = &mut self.machines[service];
        let forever = Time(i64::MAX);
        match kind {
            FaultKind::Crash => machine.cause = Some(Cause { until, hangs: false }),
            FaultKind::Hang => machine.cause = Some(Cause { until, hangs: true }),
            FaultKind::NeverHeals => machine.cause = Some(Cause { until: forever, hangs: false }),
            FaultKind::SlowStart => machine.slow = lasts,
            FaultKind::Breaks(other) => machine.breaks = Some(other),
            _ => {}
        }
        let is = match kind {
            FaultKind::Hang | FaultKind::Blip => Is::Hung,
            FaultKind::SelfHeals => Is::Restarting,
            FaultKind::StartLimit => Is::StartLimit,
            _ => Is::Failed,
        };
        self.become_(at, service, is);
        match kind {
            FaultKind::Blip | FaultKind::SelfHeals => self.plan(until, Change::Back(service, start)),
            FaultKind::Flap if at + FLAP_EVERY < until => {
                let rest = until.since(at + FLAP_EVERY);
                self.plan(at + FLAP_EVERY, Change::Fault(service, kind, Some(rest)));
            }
            _ => {}
        }
    }

    fn start(&mut self, at: Time, service: usize, by: Option<Who>) {
        let start_up = self.machines[service].slow.unwrap_or(self.services[service].start_up);
        let is_unit = self.services[service].target.kind() == TargetKind::Unit;
        let machine = &mut self.machines[service];
        machine.starts += 1;
        let healer = by.or(machine.started_by);
        machine.recent.retain(|start| at.since(*start) < START_LIMIT.1);
        machine.recent.push(at);
        if is_unit && machine.recent.len() > START_LIMIT.0 && by != Some(Who::Person) {
            return self.become_(at, service, Is::StartLimit);
        }
        let fails = machine.cause.is_some_and(|cause| !cause.hangs && at < cause.until);
        let start = machine.starts;
        self.become_(at, service, Is::Starting);
        // After that: the outage that a needless restart makes is its maker's to end.
        self.machines[service].started_by = healer;
        self.plan(at + if fails { FAILS_AFTER.min(start_up) } else { start_up }, Change::Ready(service, start));
    }

    fn ready(&mut self, at: Time, service: usize, start: u64) {
        let machine = &mut self.machines[service];
        if machine.starts != start || machine.is != Is::Starting {
            return;
        }
        machine.slow = None;
        let is = match machine.cause {
            Some(cause) if at < cause.until => {
                if cause.hangs {
                    Is::Hung
                } else {
                    Is::Failed
                }
            }
            _ => Is::Up,
        };
        let (breaks, call) = (machine.breaks.take(), machine.call.take());
        self.become_(at, service, is);
        let helped = self.answers(service);
        if let Some(call) = call.and_then(|call| self.history.calls.get_mut(call))
            && call.needless.is_none()
            && !helped
        {
            call.needless = Some(Needless::NotHelped);
        }
        if let Some(other) = breaks {
            self.fault(at, other, FaultKind::Crash, None);
        }
    }

    fn become_(&mut self, at: Time, service: usize, is: Is) {
        let machine = &mut self.machines[service];
        (machine.is, machine.since) = (is, at);
        self.version += 1;
        self.note(at, service, self.machines[service].started_by);
    }

    /// Opens and closes the outages that a change makes, here and in what rests on it.
    fn note(&mut self, at: Time, service: usize, healer: Option<Who>) {
        let good = self.answers(service) || self.is_stopped(service);
        match (self.machines[service].outage, good) {
            (None, false) => {
                self.machines[service].outage = Some(self.history.outages.len());
                self.history.outages.push(Outage { service, from: at, to: None, healed_by: None });
                self.machines[service].started_by = None;
            }
            (Some(open), true) => {
                self.machines[service].outage = None;
                let healed_by = if self.is_stopped(service) { Some(Who::Person) } else { healer };
                if let Some(outage) = self.history.outages.get_mut(open) {
                    (outage.to, outage.healed_by) = (Some(at), healed_by);
                }
            }
            _ => return,
        }
        for dependant in self.dependants[service].clone() {
            let healer = self.machines[dependant].started_by.or(healer);
            self.note(at, dependant, healer);
        }
    }
}
