//! What follows a guard's no: a wait, a question, a report, a person.

use super::Draft;
use crate::domain::guard::{self, Guard, RELOOK_MAX, Refusal, Then};
use crate::domain::incident::{IncidentEvent, Outcome, Phase};
use crate::domain::look::{AlertSight, LookHow, Observation, TargetState};
use crate::domain::notice::NoticeKind;
use crate::domain::plan::Plan;
use crate::domain::time::{Span, Time};
use std::time::Duration;

/// Whoever is held so long without an end is told of.
const LONG_HOLD: Duration = Duration::from_secs(600);

impl Draft<'_> {
    pub(super) fn refused(&mut self, refusal: Refusal, plan: &Plan, seen: Observation) {
        let observe = guard::only_reports(self.facts.mode, self.incident.remediate());
        match refusal.then {
            Then::Look => self.look(LookHow::Once),
            Then::Ask => self.ask_people(plan, seen),
            Then::Resolved => {
                self.not_listed();
                self.watched(seen);
            }
            Then::Wait(wake) | Then::WaitForPeople(wake) => {
                let told = match (refusal.then, refusal.guard, &seen.state) {
                    // Only a person ends such a hold, so a person must hear of it.
                    (Then::WaitForPeople(_), ..) => Some(NoticeKind::LeftAlone),
                    (_, Guard::Settling, TargetState::Unreachable { .. }) => Some(NoticeKind::OutOfSight),
                    (_, Guard::Freshness, _) if matches!(seen.alert, AlertSight::Unreadable { .. }) => {
                        Some(NoticeKind::OutOfSight)
                    }
                    _ => None,
                };
                self.hold(refusal.guard, refusal.reason.clone(), wake, seen);
                if let Some(kind) = told {
                    self.tell_once(kind, &refusal.reason);
                }
            }
            Then::Escalate(reason) if !observe => {
                self.event(IncidentEvent::Looked { seen, passed: false });
                self.give_up(reason, refusal.reason);
            }
            Then::Report | Then::Escalate(_) => {
                self.event(IncidentEvent::Looked { seen, passed: false });
                let number = self.incident.tried() + 1;
                let what = format!("{}, attempt {number} of {}", plan.text(), self.facts.playbook.limits.attempts);
                let permitted = refusal.then == Then::Report;
                let text = match permitted {
                    true => format!("would do {what} ({})", refusal.reason),
                    false => format!("would not do {what}: refused by {} ({})", refusal.guard.label(), refusal.reason),
                };
                self.event(IncidentEvent::WouldAct { text: text.clone(), permitted });
                self.tell_once(NoticeKind::WouldAct, &text);
                if self.incident.by_hand() {
                    self.end_order();
                    self.end(Outcome::Unverified, "run by hand, and only reported");
                }
            }
        }
    }

    /// Alertmanager does not list them any more: as good as a resolve that was lost, or is still on its way.
    pub(super) fn not_listed(&mut self) {
        let firing: Vec<_> =
            self.incident.alerts.iter().filter(|(_, alert)| alert.firing).map(|(name, _)| name.clone()).collect();
        for fingerprint in firing {
            self.event(IncidentEvent::AlertResolved { fingerprint });
        }
        self.unhush();
    }

    /// The same hold again is not written again, only prolonged.
    fn hold(&mut self, guard: Guard, reason: String, wake: Time, seen: Observation) {
        let same = matches!(&self.incident.phase, Phase::Held { guard: old, reason: text, .. } if *old == guard && (*text == reason || matches!(guard, Guard::Settling | Guard::BlastRadius | Guard::Rate) && same_words(text, &reason)));
        // What holds it may be over sooner than it said, and what is held may be good again.
        let wake = wake.min(self.now + RELOOK_MAX);
        if same {
            self.decision.wake = Some(wake);
            return self.tell_long_hold(guard, &reason);
        }
        if !matches!(self.incident.phase, Phase::Held { .. }) {
            self.event(IncidentEvent::Looked { seen, passed: false });
        }
        self.event(IncidentEvent::Held { guard, reason, wake });
    }

    /// Nobody may wait for ever unheard. A window was a person's plan, and consent is asked for anyway.
    fn tell_long_hold(&mut self, guard: Guard, reason: &str) {
        let Phase::Held { since, .. } = self.incident.phase else { return };
        if self.now.since(since) >= LONG_HOLD && !matches!(guard, Guard::Window | Guard::Approve) {
            let reason = format!("held by {} for {}: {reason}", guard.label(), Span(LONG_HOLD));
            self.tell_once(NoticeKind::LeftAlone, &reason);
        }
    }
}

/// The same reason but for the figures in it (`started 2.1 s ago`).
fn same_words(a: &str, b: &str) -> bool {
    let words = |text: &str| text.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect::<String>();
    words(a) == words(b)
}
