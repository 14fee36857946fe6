//! What a look at the stage sees.

use super::script::ProbeScript;
use super::stage::Stage;
use crate::domain::look::{LookOrder, Observation, ProbeResult, ProbeVerdict, Surroundings, TargetState};
use crate::domain::plan::PlannedProbe;
use crate::domain::target::Target;
use crate::domain::time::Time;

/// Without a word of Alertmanager.
pub fn see(stage: &mut Stage, now: Time, order: &LookOrder) -> Observation {
    let start = stage.start;
    let own = order.target.as_ref();
    if let Some(target) = own {
        stage.thing(target, now, true);
    }
    let probes = order.probes.iter().map(|probe| result(stage, now, probe, own)).collect();
    let Some(target) = own else { return Observation::new(probes, TargetState::Stateless, None) };
    let thing = stage.thing(target, now, true);
    let mut seen = Observation::new(probes, thing.state(target, now, start), thing.evidence(target));
    seen.around = Surroundings { needs_down: thing.needs_down.clone(), ..Surroundings::default() };
    seen
}

fn result(stage: &mut Stage, now: Time, probe: &PlannedProbe, own: Option<&Target>) -> ProbeResult {
    let text = probe.text();
    let start = stage.start;
    // Others than the incident's target are good, but for what the file says.
    let other = probe.object.as_ref().filter(|object| Some(*object) != own && stage.is_scripted(object));
    let subject = other.or(own).or(probe.object.as_ref());
    let script = stage.probe(probe.kind, &text).unwrap_or_default();
    let (plain, good_since) = match subject {
        None => (ProbeVerdict::Unknown, None),
        Some(target) => {
            let thing = stage.thing(target, now, own == Some(target)).clone();
            let by_state = probe.kind.ends_with(".active") || probe.kind.ends_with(".running");
            let verdict = match thing.state(target, now, start) {
                TargetState::Unreachable { .. } => ProbeVerdict::Unknown,
                TargetState::Stateless => of(thing.is_good(now)),
                state if by_state => of(state.is_up()),
                _ => of(thing.is_good(now)),
            };
            (verdict, thing.good_since)
        }
    };
    let verdict = script.verdict(now, start, plain, good_since);
    let plain = match verdict {
        ProbeVerdict::Pass => "good",
        ProbeVerdict::Fail => "bad",
        ProbeVerdict::Unknown => "can't be asked",
    };
    let says = script.says.filter(|_| verdict != ProbeVerdict::Pass);
    ProbeResult { probe: text, verdict, detail: says.unwrap_or_else(|| plain.to_owned()) }
}

fn of(good: bool) -> ProbeVerdict {
    if good { ProbeVerdict::Pass } else { ProbeVerdict::Fail }
}

// === impl ProbeScript ===

impl ProbeScript {
    /// `plain`: what it would say if the file said nothing. `good_since`: of what it looks at.
    fn verdict(&self, now: Time, start: Time, plain: ProbeVerdict, good_since: Option<Time>) -> ProbeVerdict {
        let reached = |after: std::time::Duration| start + after <= now;
        if self.unknown.is_some_and(|(from, until)| reached(from) && !reached(until)) {
            return ProbeVerdict::Unknown;
        }
        if let Some(always) = self.always {
            return of(always);
        }
        let passes = self.passes_after.filter(|after| reached(*after));
        let fails = self.fails_from.filter(|from| reached(*from));
        match (passes, fails) {
            (Some(after), from) if from.is_none_or(|from| after >= from) => ProbeVerdict::Pass,
            // A step after that mends it.
            (_, Some(from)) => {
                let mended = !self.stays && good_since.is_some_and(|since| since > start + from && since + self.lags <= now);
                of(mended)
            }
            (None, None) if self.passes_after.is_some() && self.fails_from.is_none_or(|from| !reached(from)) => {
                ProbeVerdict::Fail
            }
            _ if plain == ProbeVerdict::Pass && good_since.is_some_and(|since| since + self.lags > now) => ProbeVerdict::Fail,
            _ => plain,
        }
    }
}
