//! After a restart in the middle of a step: nothing is repeated blindly.

use super::Draft;
use super::attempt::{CONFLICT_WAIT, unseen};
use crate::domain::guard::{self, Ask, Proposal};
use crate::domain::id::AttemptId;
use crate::domain::incident::{AttemptOutcome, Escalation, IncidentEvent, Phase};
use crate::domain::look::{LookHow, Observation, TargetState};
use crate::domain::notice::NoticeKind;
use crate::domain::plan::{Plan, Section};
use crate::domain::playbook::Risk;
use crate::domain::time::Time;
use std::time::Duration;

/// After a restart: how long one look waits for the target to stop changing.
const SETTLE_LOOK: Duration = Duration::from_secs(2);

impl Draft<'_> {
    /// It may be what kills heald: nothing of it is tried again, not even a look, before a person has seen to it.
    pub(super) fn set_aside(&mut self, text: String) {
        match self.incident.phase.clone() {
            Phase::Acting { section: Section::Rollback, .. } => {
                self.event(IncidentEvent::RollbackEnded { ok: false, text: text.clone() })
            }
            Phase::Acting { section: Section::Afterwards, .. } => {
                self.event(IncidentEvent::AfterwardsEnded { ok: false, text: text.clone() });
            }
            Phase::Acting { attempt, .. } | Phase::Verifying { attempt, .. } => {
                let outcome = AttemptOutcome::Unknown;
                self.event(IncidentEvent::AttemptEnded { attempt: attempt.number, outcome, text: text.clone() });
            }
            _ => {}
        }
        self.escalate(Escalation::Quarantined, text);
        // No resolve will come that could end it, and no look is made.
        if !self.incident.is_firing() {
            self.resolved_after_escalation();
        }
    }

    /// After a restart in the middle of a step: what is seen says whether it took effect.
    pub(super) fn settle(&mut self, attempt: AttemptId, section: Section, index: usize, since: Time, seen: Observation) {
        let plan = match self.plan(section) {
            Ok(plan) => plan,
            Err(why) => return self.abandon(attempt, section, why),
        };
        let Some(step) = plan.steps.get(index) else {
            return self.steps_done(attempt, section, None);
        };
        let settled = |took_effect, why: &str| IncidentEvent::StepSettled {
            attempt: attempt.number,
            section,
            step: index,
            took_effect,
            why: why.to_owned(),
        };
        // Evidence is known of the incident's own target only.
        let risk = match step.risk {
            Risk::Seen if step.object.as_ref() != self.incident.target() || self.incident.before.is_none() => Risk::Once,
            risk => risk,
        };
        match risk {
            Risk::Read | Risk::Idempotent => {
                self.event(settled(None, "heald was restarted; doing it again does no harm"));
                self.send_again(attempt, &plan, index, &seen);
            }
            Risk::Whole => {
                self.event(settled(None, "heald was restarted; half of it is worse than none, so it is finished"));
                self.finish(attempt, &plan, index);
            }
            Risk::Once => {
                self.event(settled(None, "heald was restarted; whether it took effect is unknown, and it is never repeated"));
                let text = format!("{} was interrupted by a restart of heald", step.text());
                if !matches!(section, Section::Rung(_)) {
                    return self.section_ended(section, false, text);
                }
                self.event(IncidentEvent::AttemptEnded {
                    attempt: attempt.number,
                    outcome: AttemptOutcome::Unknown,
                    text: text.clone(),
                });
                self.give_up(Escalation::UnknownOutcome, text);
            }
            Risk::Seen => {
                let moving = matches!(
                    seen.state,
                    TargetState::Unreachable { .. }
                        | TargetState::HostBusy { .. }
                        | TargetState::JobPending { .. }
                        | TargetState::Starting { .. }
                        | TargetState::Restarting { .. }
                );
                let pending = matches!(seen.state, TargetState::Unreachable { .. } | TargetState::JobPending { .. });
                if seen.evidence != self.incident.before && !pending {
                    self.event(settled(Some(true), "heald was restarted; the target was started since the step was recorded"));
                    self.next_step(attempt, section, index + 1);
                } else if moving || self.now < since + step.in_flight {
                    if matches!(seen.state, TargetState::Unreachable { .. }) {
                        self.tell_once(
                            NoticeKind::OutOfSight,
                            &format!("a step that was interrupted can't be settled: {}", seen.state.text()),
                        );
                    }
                    // Lasts that long also when the probes pass: they say nothing about the step.
                    self.look(LookHow::UntilPass { within: SETTLE_LOOK, stable: SETTLE_LOOK });
                } else {
                    self.event(settled(Some(false), "heald was restarted; the target is untouched"));
                    self.send_again(attempt, &plan, index, &seen);
                }
            }
        }
    }

    /// As an undoing is judged, by kill switch and lock: what was begun is not left half done because the alert, which
    /// half of it may have silenced, does not fire any more.
    fn finish(&mut self, attempt: AttemptId, plan: &Plan, index: usize) {
        let seen = unseen();
        let proposal = Proposal { ask: Ask::Rollback, incident: &self.incident, attempt, plan, seen: &seen };
        match guard::judge(&proposal, self.facts, self.now).result {
            Ok(permit) => self.start_step(plan, attempt, index, permit),
            Err(refusal) => {
                let text =
                    format!("{} was interrupted by a restart of heald and is not finished: {}", plan.text(), refusal.reason);
                if !matches!(plan.section, Section::Rung(_)) {
                    return self.section_ended(plan.section, false, text);
                }
                let outcome = AttemptOutcome::Unknown;
                self.event(IncidentEvent::AttemptEnded { attempt: attempt.number, outcome, text: text.clone() });
                self.give_up(Escalation::UnknownOutcome, text);
            }
        }
    }

    fn send_again(&mut self, attempt: AttemptId, plan: &Plan, index: usize, seen: &Observation) {
        let stopped = matches!(seen.state, TargetState::StoppedByPerson { .. } | TargetState::Masked);
        let repairs = matches!(plan.section, Section::Rung(_));
        if stopped && repairs && index > 0 && self.incident.touched {
            // What heald stopped itself must not stay down unseen as if a person had wished it.
            let text = format!("{}, or by step {index} of this attempt before heald was restarted", seen.state.text());
            self.event(IncidentEvent::AttemptEnded {
                attempt: attempt.number,
                outcome: AttemptOutcome::Unknown,
                text: text.clone(),
            });
            return self.give_up(Escalation::UnknownOutcome, text);
        }
        if stopped && repairs {
            return self.interrupt(attempt, format!("{} meanwhile: left alone", seen.state.text()), CONFLICT_WAIT);
        }
        if self.incident.has_cause() || !repairs {
            self.resume_at(attempt, plan, index, seen);
        } else {
            self.steps_done(attempt, plan.section, None);
        }
    }
}
