//! What a decision does to the world of a test: events go to the ledger and the timeline, effects are answered at once or
//! wait for the script's word.

use super::super::{Effect, LookHow, Signal};
use super::{Bench, ME, books};
use crate::domain::guard::PastAttempt;
use crate::domain::id::AttemptId;
use crate::domain::incident::{AttemptOutcome, IncidentEvent};
use crate::domain::time::Span;

impl Bench {
    pub(super) fn record(&mut self, event: &IncidentEvent) {
        match event {
            IncidentEvent::AttemptStarted { attempt, charged: true, .. } => {
                let attempt = AttemptId { incident: ME, number: *attempt };
                let playbook = self.book.id.clone();
                self.ledger.past.push(PastAttempt { attempt, playbook, at: self.now, ended: None });
                self.ledger.spent.push(self.now);
            }
            IncidentEvent::AttemptEnded { attempt, outcome, .. } => {
                let mine = |past: &&mut PastAttempt| past.attempt == AttemptId { incident: ME, number: *attempt };
                for past in self.ledger.past.iter_mut().filter(mine) {
                    past.ended = Some((self.now, *outcome));
                }
            }
            IncidentEvent::Gathered { logs, what } if logs.is_empty() && what.contains("keeps no logs") => return,
            IncidentEvent::NoticeDue { .. }
            | IncidentEvent::Told { .. }
            | IncidentEvent::ClimbSet { .. }
            | IncidentEvent::VerifyStarted { .. } => return,
            _ => {}
        }
        self.line(&event.text());
    }

    pub(super) fn perform(&mut self, effect: Effect, last: Option<&&IncidentEvent>) {
        match effect {
            Effect::Gather { target, .. } => {
                assert_eq!(target, books::target("web.service"));
                // Whoever does not speak of logs has a target without any.
                match self.logs {
                    true => self.gathering = true,
                    false => self.signal(Signal::Gathered { lines: 50, logs: None }),
                }
            }
            Effect::StopLooking => self.looking = None,
            // The look before the next decision sees what was seen a moment ago.
            Effect::Look(order)
                if order.how == LookHow::Once
                    && matches!(
                        last,
                        Some(
                            IncidentEvent::AttemptEnded { outcome: AttemptOutcome::NotHealed, .. }
                                | IncidentEvent::CareFailed { .. }
                                | IncidentEvent::SymptomShown { .. }
                        )
                    ) =>
            {
                let word = self.last.clone();
                self.signal(Signal::Looked(self.seen.of(&word)));
            }
            Effect::Look(order) if order.probes.is_empty() => {
                let word = self.between.clone().unwrap_or_else(|| self.last.clone());
                self.signal(Signal::Looked(self.seen.of(&word)));
            }
            Effect::Look(order) => {
                self.looking = Some(order.how);
            }
            Effect::Act { step, section, index, permit } => {
                assert!(permit.targets().contains(&books::target("web.service")), "every effect is on the target's account");
                self.acting = Some((permit.attempt(), section, index));
                let announced =
                    matches!(last, Some(IncidentEvent::StepStarted { section: s, step: i, .. }) if *s == section && *i == index);
                assert!(announced, "a step is in the journal before it is sent: {}", step.text());
            }
            Effect::Note(_) => {}
            Effect::Silence(order) => self.line(&format!("→ silence for {}", Span(order.for_))),
            Effect::Unsilence(id) => self.line(&format!("→ end the silence {id}")),
            Effect::Tell(post) => self.tell(*post),
        }
    }
}
