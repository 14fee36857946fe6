//! From a bad look to a verified repair: guards, steps, verification, rollback.

use super::{Draft, WATCH};
use crate::domain::guard::{self, Ask, Guard, Proposal};
use crate::domain::id::AttemptId;
use crate::domain::incident::{AttemptOutcome, Escalation, IncidentEvent, Trouble};
use crate::domain::look::{LookHow, Observation, TargetState};
use crate::domain::notice::NoticeKind;
use crate::domain::plan::Section;
use crate::domain::playbook::ActOn;
use crate::domain::time::{Span, Time};
use std::time::Duration;

/// How long to wait for a job of somebody else before looking again.
pub(super) const CONFLICT_WAIT: Duration = Duration::from_secs(5);
/// A verification that can't be made is waited for so long; then its outcome is unknown, and that is a person's matter.
const BLIND_MAX: Duration = Duration::from_secs(300);

impl Draft<'_> {
    /// A first look, or the look at the end of a hold.
    pub(super) fn consider(&mut self, seen: Observation) {
        if !self.incident.has_cause() {
            return self.watched(seen);
        }
        let touched = self.incident.touched;
        let passes = seen.passed() && (self.facts.playbook.act_on == ActOn::Probes || touched);
        match (passes, touched) {
            (true, false) if self.incident.is_firing() => self.watch_first(seen),
            // An attempt was not verified in time, or it failed in after-care, and now it is good: after-care all the same.
            (true, _) => {
                self.event(IncidentEvent::Looked { seen, passed: true });
                self.heal();
            }
            (false, _) => self.propose(seen),
        }
    }

    /// Asks the guards for the next rung; the first refusal decides.
    pub(super) fn propose(&mut self, seen: Observation) {
        let limits = &self.facts.playbook.limits;
        let Some(rung) = self.facts.playbook.next_rung(&self.incident.rung_tries) else {
            return self.give_up(
                Escalation::NotHealed,
                format!("all that the playbook knows was tried: {}", count(self.incident.tried())),
            );
        };
        if self.incident.tried() >= limits.attempts {
            return self.give_up(
                Escalation::NotHealed,
                format!("{} of {} attempts did not help", self.incident.tried(), limits.attempts),
            );
        }
        if self.incident.spent(self.now) > limits.within {
            return self.give_up(Escalation::NotHealed, format!("not healed within {}", Span(limits.within)));
        }
        let plan = match self.plan(Section::Rung(rung)) {
            Ok(plan) => plan,
            Err(why) => return self.give_up(Escalation::Impossible, why),
        };
        if plan.is_idle() {
            let title = self.facts.playbook.rungs[rung].title.clone();
            let why = plan.steps.iter().find_map(|step| step.skip.clone()).unwrap_or_default();
            self.event(IncidentEvent::RungSkipped { rung, title, why });
            return self.propose(seen);
        }
        let number = self.incident.attempts + 1;
        let attempt = self.incident.attempt(number);
        let proposal = Proposal { ask: Ask::Attempt, incident: &self.incident, attempt, plan: &plan, seen: &seen };
        let (locks, charged) = (proposal.objects(), plan.has_effects());
        let permit = match guard::judge(&proposal, self.facts, self.now).result {
            Ok(permit) => permit,
            Err(refusal) => {
                self.decision.refusal = Some(refusal.guard);
                return self.refused(refusal, &plan, seen);
            }
        };
        let title = self.facts.playbook.rungs[rung].title.clone();
        self.event(IncidentEvent::AttemptStarted { attempt: number, rung, title, locks, charged, seen });
        self.gather();
        if charged {
            self.hush();
        }
        self.start_step(&plan, attempt, 0, permit);
    }

    pub(super) fn interrupt(&mut self, attempt: AttemptId, text: String, wait: Duration) {
        self.event(IncidentEvent::AttemptEnded {
            attempt: attempt.number,
            outcome: AttemptOutcome::Interrupted,
            text: text.clone(),
        });
        self.event(IncidentEvent::Held { guard: Guard::Settling, reason: text, wake: self.now + wait });
    }

    /// The rest can't be bound any more (a name left the allow-list): what holds locks ends before people are called.
    pub(super) fn abandon(&mut self, attempt: AttemptId, section: Section, why: String) {
        match section {
            Section::Rung(_) => self.give_back(attempt, why),
            Section::Rollback | Section::Afterwards => self.section_ended(section, false, why),
        }
    }

    /// Ends the attempt, and with it its locks, without a word of the probes.
    pub(super) fn give_back(&mut self, attempt: AttemptId, why: String) {
        self.event(IncidentEvent::AttemptEnded { attempt: attempt.number, outcome: AttemptOutcome::Unknown, text: why.clone() });
        self.give_up(Escalation::Impossible, why);
    }

    pub(super) fn steps_done(&mut self, attempt: AttemptId, section: Section, trouble: Option<Trouble>) {
        match section {
            Section::Rung(_) => {}
            Section::Rollback => return self.section_ended(section, true, "rolled back".to_owned()),
            Section::Afterwards => return self.section_ended(section, true, "put in order afterwards".to_owned()),
        }
        self.event(IncidentEvent::VerifyStarted { attempt: attempt.number, trouble });
        self.look_to_verify(trouble);
    }

    /// After a step that said itself that it failed, waiting for a miracle is no use.
    pub(super) fn look_to_verify(&mut self, trouble: Option<Trouble>) {
        let verify = &self.facts.playbook.verify;
        self.look(match trouble {
            Some(Trouble::StepFailed) => LookHow::Once,
            _ => LookHow::UntilPass { within: verify.within, stable: verify.stable },
        });
    }

    pub(super) fn verified(&mut self, attempt: AttemptId, trouble: Option<Trouble>, since: Time, seen: Observation) {
        let number = attempt.number;
        let verify = &self.facts.playbook.verify;
        let blind = !seen.passed() && (seen.is_unknown() || matches!(seen.state, TargetState::Unreachable { .. }));
        if blind && self.now.since(since) < verify.within + BLIND_MAX {
            self.tell_once(NoticeKind::OutOfSight, &format!("the repair can't be verified: {}", seen.summary()));
            return self.look(LookHow::UntilPass { within: verify.within, stable: verify.stable });
        }
        let outcome = match (seen.passed(), trouble) {
            // Good again, and heald did no more than wait: it takes no credit.
            (true, _) if !self.incident.touched => AttemptOutcome::Interrupted,
            (true, _) => AttemptOutcome::Healed,
            (false, _) if blind => AttemptOutcome::Unknown,
            (false, _) if self.is_worse(&seen) => AttemptOutcome::Worse,
            (false, Some(Trouble::StepUnknown)) => AttemptOutcome::Unknown,
            (false, _) => AttemptOutcome::NotHealed,
        };
        let text = seen.summary();
        self.event(IncidentEvent::AttemptEnded { attempt: number, outcome, text: text.clone() });
        match outcome {
            AttemptOutcome::Healed => self.heal(),
            AttemptOutcome::Worse => self.give_up(Escalation::Worse, format!("it got worse: {text}")),
            AttemptOutcome::Unknown if blind => {
                self.give_up(Escalation::UnknownOutcome, format!("whether the repair helped can't be seen: {text}"));
            }
            AttemptOutcome::Unknown => self.give_up(
                Escalation::UnknownOutcome,
                format!("whether the step took effect is unknown, and the probes fail: {text}"),
            ),
            AttemptOutcome::Interrupted => self.consider(seen),
            AttemptOutcome::NotHealed => {
                if self.incident.has_cause() {
                    // By then the journal knows that it has ended, and the look shows the neighbours too.
                    self.look(LookHow::Once);
                } else {
                    self.watched(seen);
                }
            }
        }
    }

    /// A probe that passed before fails now, or what was running is down.
    fn is_worse(&self, seen: &Observation) -> bool {
        use crate::domain::look::ProbeVerdict as V;
        let Some(before) = &self.incident.seen_before else { return false };
        let lost = before.probes.iter().zip(&seen.probes).any(|(was, is)| was.verdict == V::Pass && is.verdict == V::Fail);
        let fell = before.state.is_up()
            && matches!(seen.state, TargetState::Failed { .. } | TargetState::Missing | TargetState::StartLimitHit);
        lost || fell
    }

    pub(super) fn heal(&mut self) {
        let after_care_until = self.now + self.facts.playbook.after_care;
        // A flicker in after-care that passed without an attempt is none.
        let news = self.incident.healed_after < self.incident.attempts;
        self.event(IncidentEvent::Healed { after_care_until });
        self.end_order();
        if news {
            let reason = format!("all probes pass after {}", count(self.incident.tried()));
            self.tell(NoticeKind::Healed, &reason);
        }
        if !self.incident.is_firing() {
            self.schedule_close();
        }
        self.look(WATCH);
    }

    /// Rolls back first where that can help, then calls a person.
    pub(super) fn give_up(&mut self, reason: Escalation, text: String) {
        // Nothing is under way any more, and what earlier steps did stands.
        let worth_it = matches!(
            reason,
            Escalation::NotHealed | Escalation::Worse | Escalation::BudgetRefused | Escalation::Policy | Escalation::Impossible
        );
        if !worth_it || !self.incident.touched || self.incident.rolled_back || self.facts.playbook.rollback.is_empty() {
            return self.escalate(reason, text);
        }
        let plan = match self.plan(Section::Rollback) {
            Ok(plan) => plan,
            Err(why) => return self.escalate(Escalation::RollbackFailed, format!("{text}; the rollback can't be made: {why}")),
        };
        let attempt = self.incident.attempt(self.incident.attempts);
        match self.judge_step(attempt, &plan, &unseen()) {
            Ok(permit) => {
                self.event(IncidentEvent::RollbackStarted { attempt: attempt.number, locks: plan.objects(), reason, text });
                self.start_step(&plan, attempt, 0, permit);
            }
            // Its locks are somebody else's: they must not be taken, not even for a moment.
            Err(refusal) => {
                self.escalate(Escalation::RollbackFailed, format!("{text}; the rollback was refused: {}", refusal.reason));
            }
        }
    }

    /// Rollback or *Afterwards* is over: what follows is a person's matter, or the end.
    pub(super) fn section_ended(&mut self, section: Section, ok: bool, text: String) {
        match section {
            Section::Afterwards => self.afterwards_ended(ok, text),
            Section::Rung(_) | Section::Rollback => self.rollback_ended(ok, text),
        }
    }

    fn rollback_ended(&mut self, ok: bool, text: String) {
        let (reason, why) = self.incident.giving_up.clone().unwrap_or((Escalation::NotHealed, String::new()));
        self.event(IncidentEvent::RollbackEnded { ok, text: text.clone() });
        if ok {
            self.escalate(reason, format!("{why}; {text}"));
        } else {
            self.escalate(Escalation::RollbackFailed, format!("{why}; {text}"));
        }
    }
}

/// A rollback asks for no look: kill switch and lock are all that matters.
pub(super) fn unseen() -> Observation {
    Observation::new(Vec::new(), TargetState::Stateless, None)
}

fn count(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}
