//! The simulated host: units that break, lie, hang and are stopped by people. It keeps its own history.
//!
//! Its time is handed in; what was to happen meanwhile happens when it is next asked.

use crate::books::{IN_FLIGHT, TARGETS};
use crate::rng::Rng;
use heald::domain::id::{AttemptId, IncidentId, Seq};
use heald::domain::look::{Evidence, Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::outcome::{ActOutcome, Acted, Impossible};
use heald::domain::target::Target;
use heald::domain::time::Time;
use heald::run::world::ActOrder;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct World {
    pub rng: Rng,
    pub units: BTreeMap<&'static str, Unit>,
    pub history: Vec<Call>,
    /// What each unit was, and since when.
    pub states: BTreeMap<&'static str, Vec<(Time, Is)>>,
    pub told: Vec<Told>,
    /// Faults have stopped: what is asked for works.
    pub calm: bool,
    queue: BTreeMap<(Time, u64), (&'static str, Change)>,
    next: u64,
}

#[derive(Clone, Debug)]
pub struct Unit {
    pub is: Is,
    pub since: Time,
    /// Changes with every start.
    pub start: u64,
    /// Until then a start ends in a failure.
    pub broken_until: Time,
    unreachable_until: Time,
    /// Starts under way, as a service manager shows them.
    pub jobs: u32,
    pub shows_jobs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    Up,
    /// Runs, and does not answer.
    Half,
    Starting,
    Failed,
    Stopped,
    Masked,
    StartLimit,
}

#[derive(Clone, Copy, Debug)]
pub enum Change {
    Is(Is),
    Break(Duration),
    Hide(Duration),
    /// A start that was asked for takes effect.
    Land {
        works: bool,
    },
    Ready(u64),
}

/// One call of heald's, as the world saw it.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Time,
    pub attempt: AttemptId,
    pub text: String,
    pub kind: &'static str,
    pub targets: Vec<Target>,
    /// What was on disk then.
    pub committed: Seq,
    pub unit: Unit,
    /// When the call's answer came, if it did, and when the effect.
    pub answered: Option<Time>,
    pub lands: Option<Time>,
}

/// A message that reached the channel; people have read it whatever the channel answered.
#[derive(Clone, Debug)]
pub struct Told {
    pub incident: IncidentId,
    pub number: u32,
    pub channel: String,
    pub accepted: bool,
}

/// `outcome: None` hangs.
pub struct Behaviour {
    pub call: usize,
    pub takes: Duration,
    pub outcome: Option<ActOutcome>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let unit = |name: &&'static str| Unit {
            is: Is::Up,
            since: Time(0),
            start: 1,
            broken_until: Time(0),
            unreachable_until: Time(0),
            jobs: 0,
            shows_jobs: *name != "cache.service",
        };
        let units = TARGETS.iter().map(|name| (*name, unit(name))).collect();
        let rng = Rng::new(seed ^ 0x5EED);
        let states = TARGETS.iter().map(|name| (*name, vec![(Time(0), Is::Up)])).collect();
        Self { rng, units, history: Vec::new(), states, told: Vec::new(), calm: false, queue: BTreeMap::new(), next: 0 }
    }

    /// Trouble for all units until `end`.
    pub fn plan_trouble(&mut self, start: Time, end: Time) {
        for name in TARGETS {
            let mut at = start + self.rng.millis(10_000, 900_000);
            while at < end {
                match self.rng.below(12) {
                    0 => self.at(at, name, Change::Is(Is::Half)),
                    1 => self.at(at, name, Change::Hide(Duration::from_secs(200))),
                    2 => {
                        let stop = *self.rng.pick(&[Is::Stopped, Is::Stopped, Is::Masked, Is::StartLimit]);
                        self.at(at, name, Change::Is(stop));
                        if self.rng.percent(70) {
                            let back = self.rng.millis(30_000, 1_800_000);
                            self.at(at + back, name, Change::Land { works: true });
                        }
                    }
                    3 => (0..6).for_each(|n| self.at(at + Duration::from_secs(n * 45), name, Change::Break(Duration::ZERO))),
                    4 | 5 => {
                        let long = self.rng.millis(20_000, 1_200_000);
                        self.at(at, name, Change::Break(long));
                    }
                    _ => self.at(at, name, Change::Break(Duration::ZERO)),
                }
                at = at + self.rng.millis(60_000, 3_000_000);
            }
        }
    }

    pub fn at(&mut self, at: Time, name: &'static str, change: Change) {
        self.next += 1;
        self.queue.insert((at, self.next), (name, change));
    }

    pub fn calm_down(&mut self, now: Time) {
        self.advance(now);
        self.calm = true;
        for unit in self.units.values_mut() {
            unit.broken_until = now;
            unit.unreachable_until = now;
        }
    }

    pub fn advance(&mut self, now: Time) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= now) {
            let at = entry.key().0;
            let (name, change) = entry.remove();
            self.change(at, name, change);
        }
    }

    fn change(&mut self, at: Time, name: &'static str, change: Change) {
        let slow = self.rng.percent(30).then(|| self.rng.millis(1_000, 15_000));
        let unit = self.units.get_mut(name).unwrap();
        let mut ready = None;
        let is = match change {
            Change::Is(is) => is,
            Change::Break(_) if matches!(unit.is, Is::Stopped | Is::Masked) => unit.is,
            Change::Break(long) => {
                unit.broken_until = at + long;
                Is::Failed
            }
            Change::Hide(long) => {
                unit.unreachable_until = at + long;
                unit.is
            }
            Change::Land { works } => {
                unit.start += 1;
                unit.jobs = unit.jobs.saturating_sub(1);
                match slow {
                    _ if !works || at < unit.broken_until => Is::Failed,
                    Some(slow) => {
                        ready = Some((at + slow, unit.start));
                        Is::Starting
                    }
                    None => Is::Up,
                }
            }
            Change::Ready(start) if start == unit.start && unit.is == Is::Starting => Is::Up,
            Change::Ready(_) => unit.is,
        };
        if is != unit.is || matches!(change, Change::Land { .. }) {
            (unit.is, unit.since) = (is, at);
            self.states.get_mut(name).unwrap().push((at, is));
        }
        if let Some((when, start)) = ready {
            self.at(when, name, Change::Ready(start));
        }
    }

    pub fn is_good(&self, name: &str) -> bool {
        self.units[name].is == Is::Up
    }

    /// Notes the call, decides what comes of it and sets it going: nobody can stop it any more.
    pub fn begin(&mut self, now: Time, order: &ActOrder, committed: Seq) -> Behaviour {
        self.advance(now);
        let name = TARGETS.into_iter().find(|name| order.permit.targets().iter().any(|target| target.name() == *name));
        let name = name.unwrap_or(TARGETS[0]);
        let takes = self.rng.millis(100, 8_000);
        let late = self.rng.millis(5_000, u64::try_from(IN_FLIGHT.as_millis()).unwrap());
        let dice = if self.calm { 0 } else { self.rng.below(100) };
        let hidden = now < self.units[name].unreachable_until;
        let impossible = *self.rng.pick(&[Impossible::NotFound, Impossible::AccessDenied, Impossible::Masked]);
        use ActOutcome as O;
        let (takes, outcome, lands) = match dice {
            _ if hidden => (Duration::from_millis(50), Some(O::NotSent), None),
            0..60 => (takes, Some(O::Done), Some((takes, true))),
            60..66 => (takes, Some(O::Failed), Some((takes, false))),
            66..73 => (takes, Some(O::Done), None),
            73..77 => (takes, Some(O::Conflict), None),
            77..79 => (takes, Some(O::Impossible(impossible)), None),
            79..83 => (takes, Some(O::NotSent), None),
            83..90 => (takes, None, None),
            _ => (takes, None, Some((late, true))),
        };
        let starts = matches!(order.step.kind, "restart" | "undo.restart");
        let lands = lands.filter(|_| starts).map(|(after, works)| (now + after, works));
        self.history.push(Call {
            at: now,
            attempt: order.permit.attempt(),
            text: order.step.text(),
            kind: order.step.kind,
            targets: order.permit.targets().to_vec(),
            committed,
            unit: self.units[name].clone(),
            answered: None,
            lands: lands.map(|(at, _)| at),
        });
        if let Some((at, works)) = lands {
            self.units.get_mut(name).unwrap().jobs += 1;
            self.at(at, name, Change::Land { works });
        }
        Behaviour { call: self.history.len() - 1, takes, outcome }
    }

    pub fn end(&mut self, now: Time, behaviour: &Behaviour, outcome: ActOutcome) -> Acted {
        self.advance(now);
        self.history[behaviour.call].answered = Some(now);
        let name = self.history[behaviour.call]
            .targets
            .first()
            .map_or(TARGETS[0], |target| TARGETS.into_iter().find(|name| target.name() == *name).unwrap_or(TARGETS[0]));
        let evidence = Evidence(self.units[name].start.to_string().into());
        Acted::new(outcome, "says the world").with((outcome == ActOutcome::Done).then_some(evidence))
    }

    pub fn observe(&mut self, now: Time, target: Option<&Target>) -> Observation {
        self.advance(now);
        let unit = target.and_then(|target| self.units.get(target.name()));
        let Some(unit) = unit else { return Observation::new(Vec::new(), TargetState::Missing, None) };
        let detail = || format!("{:?}", unit.is).to_lowercase();
        let (active, answers, state) = match unit.is {
            _ if now < unit.unreachable_until => {
                (ProbeVerdict::Unknown, ProbeVerdict::Unknown, TargetState::Unreachable { detail: "no bus".to_owned() })
            }
            _ if unit.jobs > 0 && unit.shows_jobs => {
                (ProbeVerdict::Fail, ProbeVerdict::Fail, TargetState::JobPending { detail: "restart".to_owned() })
            }
            Is::Up => (ProbeVerdict::Pass, ProbeVerdict::Pass, TargetState::up(now.since(unit.since))),
            Is::Half => (ProbeVerdict::Pass, ProbeVerdict::Fail, TargetState::up(now.since(unit.since))),
            Is::Starting => (ProbeVerdict::Fail, ProbeVerdict::Fail, TargetState::Starting { detail: detail() }),
            Is::Failed => (ProbeVerdict::Fail, ProbeVerdict::Fail, TargetState::Failed { detail: detail() }),
            Is::Stopped => (ProbeVerdict::Fail, ProbeVerdict::Fail, TargetState::StoppedByPerson { detail: detail() }),
            Is::Masked => (ProbeVerdict::Fail, ProbeVerdict::Fail, TargetState::Masked),
            Is::StartLimit => (ProbeVerdict::Fail, ProbeVerdict::Fail, TargetState::StartLimitHit),
        };
        let probe = |probe: &str, verdict| ProbeResult { probe: probe.to_owned(), verdict, detail: detail() };
        let evidence = (!matches!(state, TargetState::Unreachable { .. })).then(|| Evidence(unit.start.to_string().into()));
        Observation::new(vec![probe("active", active), probe("answers", answers)], state, evidence)
    }
}
