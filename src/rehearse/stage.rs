//! The world of a test: what the file says, and sane answers to whatever it leaves open.
//!
//! Without a word the target is broken and its probes fail until the first effect that is carried out; from then on all is
//! well. It has no clock: the time is handed in, and [`Stage::next_change`] says when it changes by itself.

use super::script::{Calls, ProbeScript, StateWord, StepScript, TargetScript, WorldScript, Wrong};
use crate::domain::look::{Evidence, TargetState};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug)]
pub struct Stage {
    pub start: Time,
    pub script: WorldScript,
    things: BTreeMap<Target, Thing>,
    /// Of each scripted step: how often it was called.
    calls: Vec<u32>,
    /// Scripted probes that were asked, by number.
    asked: BTreeSet<usize>,
}

/// A target as it is now.
#[derive(Clone, Debug)]
pub struct Thing {
    /// It is, or will be, as it should; None: broken.
    pub good_since: Option<Time>,
    /// What the file says of its state; None: by whether it is good.
    word: Option<(StateWord, String)>,
    /// Of its present state.
    since: Time,
    /// Changes with every start of it.
    starts: u64,
    starts_in: Duration,
    stays: bool,
    pub needs_down: Vec<Target>,
    /// The file's word up to here was heeded; None: not yet looked at.
    heeded: Option<Time>,
    /// It is what an incident is about.
    own: bool,
}

/// A call that has begun.
#[derive(Debug)]
pub struct Call {
    script: Option<StepScript>,
    /// Counted from 1.
    number: u32,
}

/// What is up at the beginning has been so for a day.
const BEFORE: Duration = Duration::from_secs(86_400);

// === impl Stage ===

impl Stage {
    pub fn new(script: WorldScript, start: Time) -> Self {
        let calls = vec![0; script.steps.len()];
        Self { start, script, things: BTreeMap::new(), calls, asked: BTreeSet::new() }
    }

    /// When something changes by itself.
    pub fn next_change(&self, now: Time) -> Option<Time> {
        let at = |after: Duration| self.start + after;
        let targets = self.script.targets.iter().map(|one| at(one.at));
        let probes = self.script.probes.iter().flat_map(|one| {
            let unknown = one.unknown.into_iter().flat_map(|(from, until)| [from, until]);
            one.passes_after.into_iter().chain(one.fails_from).chain(unknown).map(at)
        });
        let lags: Vec<Duration> = self.script.probes.iter().map(|one| one.lags).chain([Duration::ZERO]).collect();
        let good = self.things.values().filter_map(|thing| thing.good_since);
        let good = good.flat_map(|since| lags.iter().map(move |lag| since + *lag));
        targets.chain(probes).chain(good).filter(|time| *time > now).min()
    }

    /// As it is now. `own`: an incident is about it.
    pub fn thing(&mut self, target: &Target, now: Time, own: bool) -> &mut Thing {
        let start = self.start;
        let thing = self.things.entry(target.clone()).or_insert_with(|| Thing::broken(start));
        thing.own |= own;
        let heeded = thing.heeded.replace(now);
        let mut due: Vec<&TargetScript> = self.script.targets.iter().filter(|one| names(&one.target, target)).collect();
        due.sort_by_key(|one| one.at);
        for one in due {
            let at = start + one.at;
            if at <= now && heeded.is_none_or(|heeded| at > heeded) {
                thing.heed(one, at, heeded.is_some());
            }
        }
        thing
    }

    /// Whether the file says anything of it.
    pub fn is_scripted(&self, target: &Target) -> bool {
        self.script.targets.iter().any(|one| names(&one.target, target))
    }

    /// The most exact word on a probe.
    pub fn probe(&mut self, kind: &str, text: &str) -> Option<ProbeScript> {
        let scripts = &self.script.probes;
        let exact = scripts.iter().position(|one| one.probe == text);
        let index = exact.or_else(|| scripts.iter().position(|one| one.probe == kind))?;
        self.asked.insert(index);
        scripts.get(index).cloned()
    }

    /// What the file says of something that heald never met: mostly a slip of the pen.
    pub fn unmet(&self) -> Vec<String> {
        let script = &self.script;
        let steps = script.steps.iter().zip(&self.calls).filter(|(_, calls)| **calls == 0);
        let steps = steps.map(|(one, _)| format!("the step {} was never taken", one.step));
        let probes = script.probes.iter().enumerate().filter(|(index, _)| !self.asked.contains(index));
        let probes = probes.map(|(_, one)| format!("the probe {} was never asked", one.probe));
        let met = |one: &&TargetScript| self.things.keys().any(|target| names(&one.target, target));
        let targets = script.targets.iter().filter(|one| !met(one));
        let targets = targets.map(|one| format!("the target {} was never looked at", one.target));
        let mut unmet: Vec<String> = steps.chain(probes).chain(targets).collect();
        unmet.dedup();
        unmet
    }

    pub fn begin(&mut self, step: &PlannedStep) -> Call {
        let (kind, text) = (step.kind, step.text());
        let scripts = &self.script.steps;
        let found = scripts.iter().position(|one| one.step == text).or_else(|| scripts.iter().position(|one| one.step == kind));
        let Some(index) = found else { return Call { script: None, number: 1 } };
        self.calls[index] += 1;
        Call { script: scripts.get(index).cloned(), number: self.calls[index] }
    }

    /// The answer, and what becomes of the world. `targets`: whom the permit names.
    pub fn end(&mut self, call: &Call, step: &PlannedStep, targets: &[Target], now: Time) -> Acted {
        let plain = StepScript { mends: mends_by_itself(step.kind), ..StepScript::plain(String::new()) };
        let script = call.script.as_ref().unwrap_or(&plain);
        let says = |or: &str| script.says.clone().unwrap_or_else(|| or.to_owned());
        let mut acted = match script.how {
            Wrong::Outcome(outcome) if script.wrong.has(call.number) => {
                let mut acted = Acted::new(outcome, says("as the test has it"));
                if let Some(facts) = &script.answers {
                    acted = acted.knowing(facts.clone());
                }
                return acted;
            }
            _ => Acted::new(ActOutcome::Done, says("carried out")),
        };
        if step.risk != Risk::Read {
            self.touch(step, script, call.number, targets, now);
        }
        if let Some(facts) = &script.answers {
            acted = acted.knowing(facts.clone());
        }
        let evidence = step.object.as_ref().and_then(|object| self.thing(object, now, false).evidence(object));
        acted.with(evidence)
    }

    fn touch(&mut self, step: &PlannedStep, script: &StepScript, number: u32, targets: &[Target], now: Time) {
        if let Some(object) = step.object.clone().filter(|_| step.risk == Risk::Seen) {
            self.thing(&object, now, false).starts += 1;
        }
        let near: Vec<Target> = step.object.iter().chain(targets).cloned().collect();
        let own: Vec<Target> = self.things.iter().filter(|(_, thing)| thing.own).map(|(target, _)| target.clone()).collect();
        let mut concerned: Vec<Target> = own.iter().filter(|target| near.contains(target)).cloned().collect();
        if concerned.is_empty() {
            concerned = own;
        }
        concerned.extend(step.object.clone().filter(|object| !self.things.get(object).is_some_and(|thing| thing.own)));
        for target in concerned {
            let thing = self.thing(&target, now, false);
            if script.breaks {
                thing.break_(now, "broken by a step, as the test has it");
            } else if script.mends.has(number) {
                thing.mend(now);
            }
        }
    }
}

/// `ollama` or `container ollama`
fn names(written: &str, target: &Target) -> bool {
    written == target.name() || written == target.to_string()
}

/// What only stops something does not make it good.
fn mends_by_itself(kind: &str) -> Calls {
    match kind.rsplit('.').next() {
        Some("stop" | "pause") => Calls::None,
        _ => Calls::All,
    }
}

// === impl Call ===

impl Call {
    pub fn hangs(&self) -> bool {
        self.script.as_ref().is_some_and(|script| script.how == Wrong::Hangs && script.wrong.has(self.number))
    }

    pub fn takes(&self, step: &PlannedStep) -> Duration {
        let scripted = self.script.as_ref().map(|script| script.takes).filter(|takes| !takes.is_zero());
        scripted.or_else(|| waits(step)).unwrap_or_default()
    }
}

/// A step that waits takes its time.
fn waits(step: &PlannedStep) -> Option<Duration> {
    let length = step.args.as_str().or_else(|| step.args.get("for")?.as_str());
    length.filter(|_| step.kind == "wait")?.parse::<Span>().ok().map(|Span(length)| length)
}

// === impl Thing ===

impl Thing {
    fn broken(start: Time) -> Self {
        Self {
            good_since: None,
            word: None,
            since: start,
            starts: 1,
            starts_in: Duration::ZERO,
            stays: false,
            needs_down: Vec::new(),
            heeded: None,
            own: false,
        }
    }

    /// `known`: heald has looked at it before.
    fn heed(&mut self, script: &TargetScript, at: Time, known: bool) {
        self.stays = script.stays;
        self.starts_in = script.starts_in.unwrap_or(self.starts_in);
        self.needs_down.clone_from(&script.needs_down);
        let Some(word) = script.state else { return };
        let up = matches!(word, StateWord::Good | StateWord::Running | StateWord::Starting);
        // Somebody started it meanwhile.
        if up && known {
            self.starts += 1;
        }
        self.since = at;
        self.good_since = (word == StateWord::Good).then_some(at);
        let detail = script.detail.clone().unwrap_or_else(|| "as the test has it".to_owned());
        self.word = (word != StateWord::Good).then_some((word, detail));
    }

    fn mend(&mut self, now: Time) {
        if !self.stays {
            (self.good_since, self.word, self.since) = (Some(now + self.starts_in), None, now);
        }
    }

    fn break_(&mut self, now: Time, why: &str) {
        (self.good_since, self.since) = (None, now);
        self.word = Some((StateWord::Failed, why.to_owned()));
    }

    pub fn is_good(&self, now: Time) -> bool {
        self.good_since.is_some_and(|since| since <= now)
    }

    /// Only units, containers and programs have a manager that keeps a state; of others the file may speak.
    pub fn state(&self, target: &Target, now: Time, start: Time) -> TargetState {
        let managed = keeps_state(target);
        let Some((word, detail)) = &self.word else {
            return match self.good_since {
                _ if !managed => TargetState::Stateless,
                None => TargetState::Failed { detail: "broken, as the test begins".to_owned() },
                Some(good) if good > now => TargetState::Starting { detail: "starting".to_owned() },
                Some(_) => TargetState::up(self.up_for(now, start)),
            };
        };
        let detail = detail.clone();
        match word {
            StateWord::Unreachable => TargetState::Unreachable { detail },
            StateWord::HostBusy => TargetState::HostBusy { detail },
            _ if !managed => TargetState::Stateless,
            StateWord::Good | StateWord::Running => TargetState::up(self.up_for(now, start)),
            StateWord::Starting => TargetState::Starting { detail },
            StateWord::Restarting => TargetState::Restarting { detail },
            StateWord::JobPending => TargetState::JobPending { detail },
            StateWord::Failed => TargetState::Failed { detail },
            StateWord::Stopped => TargetState::StoppedByPerson { detail },
            StateWord::StoppedUnclear => TargetState::StoppedUnclear { detail },
            StateWord::Masked => TargetState::Masked,
            StateWord::StartLimit => TargetState::StartLimitHit,
            StateWord::Missing => TargetState::Missing,
        }
    }

    fn up_for(&self, now: Time, start: Time) -> Duration {
        if self.since <= start { BEFORE + now.since(start) } else { now.since(self.since) }
    }

    pub fn evidence(&self, target: &Target) -> Option<Evidence> {
        let hidden = matches!(&self.word, Some((StateWord::Unreachable | StateWord::Missing, _)));
        (keeps_state(target) && !hidden).then(|| Evidence(self.starts.to_string().into()))
    }
}

/// Its manager knows whether it runs.
pub fn keeps_state(target: &Target) -> bool {
    matches!(target.kind(), TargetKind::Unit | TargetKind::Container | TargetKind::Program)
}
