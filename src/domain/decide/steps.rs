//! One step after the other: begun, answered, tried again, skipped.

use super::attempt::{CONFLICT_WAIT, unseen};
use super::{Draft, Effect};
use crate::domain::guard::{self, Ask, Proposal, Refusal, Then};
use crate::domain::id::AttemptId;
use crate::domain::incident::{AttemptOutcome, Escalation, IncidentEvent, Phase, Stage, Trouble};
use crate::domain::look::{LookHow, Observation};
use crate::domain::notice::NoticeKind;
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::{Plan, PlannedStep, Section};
use crate::domain::playbook::{OnFailure, Risk};
use std::time::Duration;

impl Draft<'_> {
    pub(super) fn start_step(&mut self, plan: &Plan, attempt: AttemptId, index: usize, permit: guard::Permit) {
        let Some(step) = plan.steps.get(index) else {
            return self.steps_done(attempt, plan.section, None);
        };
        if let Some(why) = &step.skip {
            let (text, why, register) = (step.kind.to_owned(), why.clone(), step.register.clone());
            let (attempt_number, section) = (attempt.number, plan.section);
            self.event(IncidentEvent::StepSkipped { attempt: attempt_number, section, step: index, text, why, register });
            // What follows may depend on that.
            return match self.plan(section) {
                Ok(plan) => self.start_step(&plan, attempt, index + 1, permit),
                Err(why) => self.abandon(attempt, section, why),
            };
        }
        if step.waits {
            let why = format!("step {} ({}) speaks of a result that no step has brought", index + 1, step.kind);
            return self.abandon(attempt, plan.section, why);
        }
        self.event(IncidentEvent::StepStarted {
            attempt: attempt.number,
            section: plan.section,
            step: index,
            text: step.text(),
            evidence: self.evidence.clone(),
        });
        self.effect(Effect::StopLooking);
        self.effect(Effect::Act { step: step.clone(), section: plan.section, index, permit });
    }

    fn runs(&self, attempt: AttemptId, step: usize) -> Option<Section> {
        match self.incident.phase {
            Phase::Acting { attempt: a, section, step: i, stage: Stage::Running, .. } if a == attempt && i == step => {
                Some(section)
            }
            _ => None,
        }
    }

    pub(super) fn progressed(&mut self, attempt: AttemptId, step: usize, text: String) {
        if self.runs(attempt, step).is_some() {
            self.event(IncidentEvent::StepProgressed { attempt: attempt.number, step, text });
        }
    }

    pub(super) fn acted(&mut self, attempt: AttemptId, section: Section, step: usize, acted: Acted, took: Duration) {
        if self.runs(attempt, step) != Some(section) {
            let text = format!("{}: {}", acted.outcome.label(), acted.detail);
            return self.event(IncidentEvent::LateAnswer { attempt: attempt.number, step, text });
        }
        let outcome = acted.outcome;
        let detail = acted.detail.clone();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let plan = self.plan(section).ok();
        let done = plan.as_ref().and_then(|plan| plan.steps.get(step));
        let quiet = done.is_some_and(|step| step.risk == Risk::Read);
        // What it says of another object is nothing to compare this target with.
        let own = done.is_some_and(|step| step.object.as_ref() == self.incident.target());
        let acted = if own { acted } else { Acted { evidence: None, ..acted } };
        let register = done.and_then(|step| step.register.clone());
        // An answer may hold a secret, which only a step that was asked to keep it needs.
        let acted = if register.is_some() { acted } else { acted.redacted() };
        self.event(IncidentEvent::StepEnded { attempt: attempt.number, section, step, acted, took_ms, quiet, register });
        if done.is_some_and(|done| self.try_again(attempt, section, step, done, outcome)) {
            return;
        }
        let on_failure = done.map(|step| step.on_failure).unwrap_or_default();
        match (outcome, on_failure) {
            (ActOutcome::Done, _) => self.next_step(attempt, section, step + 1),
            // Somebody else's job is theirs to finish, however little this step matters.
            (ActOutcome::Conflict, _) if matches!(section, Section::Rung(_)) => {
                self.interrupt(attempt, format!("somebody else is at it: {detail}"), CONFLICT_WAIT);
            }
            (_, OnFailure::Continue) => self.next_step(attempt, section, step + 1),
            _ if !matches!(section, Section::Rung(_)) => {
                self.section_ended(section, false, format!("the {} failed: {detail}", section.noun()))
            }
            (ActOutcome::Failed, OnFailure::Escalate) => self.stop_trying(attempt, Escalation::NotHealed, detail),
            (ActOutcome::Failed, _) => self.steps_done(attempt, section, Some(Trouble::StepFailed)),
            (ActOutcome::NotSent, _) => {
                self.tell_once(NoticeKind::OutOfSight, &detail);
                self.interrupt(attempt, format!("nothing was sent: {detail}"), CONFLICT_WAIT);
            }
            (ActOutcome::Impossible(why), _) => {
                self.event(IncidentEvent::AttemptEnded {
                    attempt: attempt.number,
                    outcome: AttemptOutcome::NotHealed,
                    text: detail.clone(),
                });
                self.give_up(Escalation::Impossible, format!("{}: {detail}", why.label()));
            }
            (ActOutcome::Unknown | ActOutcome::Conflict, _) => self.steps_done(attempt, section, Some(Trouble::StepUnknown)),
        }
    }

    /// The playbook says that nothing more is to be tried after this step failed.
    fn stop_trying(&mut self, attempt: AttemptId, reason: Escalation, text: String) {
        let outcome = AttemptOutcome::NotHealed;
        self.event(IncidentEvent::AttemptEnded { attempt: attempt.number, outcome, text: text.clone() });
        self.give_up(reason, format!("a step failed after which the playbook calls people: {text}"));
    }

    /// Only what is known not to have happened, or does no harm twice.
    fn try_again(&mut self, attempt: AttemptId, section: Section, index: usize, step: &PlannedStep, outcome: ActOutcome) -> bool {
        let (Some(retry), Phase::Acting { tries, .. }) = (step.retry, &self.incident.phase) else { return false };
        let made = tries + 1;
        let may = match outcome {
            ActOutcome::Failed | ActOutcome::NotSent => true,
            ActOutcome::Unknown => matches!(step.risk, Risk::Read | Risk::Idempotent | Risk::Whole),
            ActOutcome::Done | ActOutcome::Conflict | ActOutcome::Impossible(_) => false,
        };
        let late = matches!(section, Section::Rung(_)) && self.incident.spent(self.now) > self.facts.playbook.limits.within;
        if !may || late || made >= retry.attempts {
            return false;
        }
        let until = self.now + retry.backoff.wait(made, self.incident.id.0);
        let (attempt, again) = (attempt.number, made + 1);
        self.event(IncidentEvent::StepRetried { attempt, section, step: index, again, until });
        true
    }

    /// The wait before another try of the same step is over.
    pub(super) fn retry_step(&mut self, attempt: AttemptId, section: Section, index: usize) {
        match section {
            Section::Rung(_) => self.look_between(),
            Section::Rollback | Section::Afterwards => self.go_on(attempt, section, index, unseen()),
        }
    }

    /// The step after one that took effect; none left, or no cause left: the probes decide.
    pub(super) fn next_step(&mut self, attempt: AttemptId, section: Section, index: usize) {
        let plan = match self.plan(section) {
            Ok(plan) => plan,
            Err(why) => return self.abandon(attempt, section, why),
        };
        if index >= plan.steps.len() || !self.rest_is_needed(section) {
            return self.steps_done(attempt, section, None);
        }
        match section {
            Section::Rung(_) => self.look_between(),
            Section::Rollback | Section::Afterwards => self.resume_at(attempt, &plan, index, &unseen()),
        }
    }

    /// The look between two steps came back.
    pub(super) fn go_on(&mut self, attempt: AttemptId, section: Section, index: usize, seen: Observation) {
        match self.plan(section) {
            Err(why) => self.abandon(attempt, section, why),
            Ok(plan) if index >= plan.steps.len() || !self.rest_is_needed(section) => self.steps_done(attempt, section, None),
            Ok(plan) => self.resume_at(attempt, &plan, index, &seen),
        }
    }

    fn rest_is_needed(&self, section: Section) -> bool {
        !matches!(section, Section::Rung(_)) || self.incident.has_cause() || self.is_whole(section)
    }

    /// Half of the rung is worse than none, and something of it was done: stopped, not yet started.
    fn is_whole(&self, section: Section) -> bool {
        let rung = match section {
            Section::Rung(rung) => self.facts.playbook.rungs.get(rung),
            Section::Rollback | Section::Afterwards => None,
        };
        self.incident.touched && rung.is_some_and(|rung| rung.whole)
    }

    pub(super) fn judge_step(&self, attempt: AttemptId, plan: &Plan, seen: &Observation) -> Result<guard::Permit, Refusal> {
        let ends = !self.incident.has_cause() && self.is_whole(plan.section);
        let ask = if matches!(plan.section, Section::Rung(_)) && !ends { Ask::Step } else { Ask::Rollback };
        self.judge(ask, attempt, plan, seen)
    }

    fn judge(&self, ask: Ask, attempt: AttemptId, plan: &Plan, seen: &Observation) -> Result<guard::Permit, Refusal> {
        let proposal = Proposal { ask, incident: &self.incident, attempt, plan, seen };
        guard::judge(&proposal, self.facts, self.now).result
    }

    /// Judges one step of a running attempt and starts it.
    pub(super) fn resume_at(&mut self, attempt: AttemptId, plan: &Plan, index: usize, seen: &Observation) {
        match self.judge_step(attempt, plan, seen) {
            Ok(permit) => self.start_step(plan, attempt, index, permit),
            Err(refusal) if !matches!(plan.section, Section::Rung(_)) => {
                let text = format!("the {} was refused: {}", plan.section.noun(), refusal.reason);
                self.section_ended(plan.section, false, text);
            }
            Err(refusal) if refusal.then == Then::Look => self.look(LookHow::Once),
            // Alertmanager knows before its webhook does.
            Err(refusal) if refusal.then == Then::Resolved && self.is_whole(plan.section) => {
                match self.judge(Ask::Rollback, attempt, plan, seen) {
                    Ok(permit) => self.start_step(plan, attempt, index, permit),
                    Err(_) => self.steps_done(attempt, plan.section, Some(Trouble::StepFailed)),
                }
            }
            Err(refusal) if refusal.then == Then::Resolved => {
                self.not_listed();
                self.steps_done(attempt, plan.section, None);
            }
            // What ran so far may have helped: the rest is left out and the probes decide.
            Err(_) => self.steps_done(attempt, plan.section, Some(Trouble::StepFailed)),
        }
    }
}
