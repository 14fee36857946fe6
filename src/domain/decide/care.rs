//! Watching: before a first attempt, after a repair, after a resolve.

use super::{Draft, WATCH};
use crate::domain::guard::RELOOK_MAX;
use crate::domain::incident::{BY_HAND, Escalation, IncidentEvent, Outcome, Phase};
use crate::domain::look::{LookHow, Observation};
use std::time::Duration;

impl Draft<'_> {
    /// The alert fires and the probes pass: heald does not act, it watches.
    pub(super) fn watch_first(&mut self, seen: Observation) {
        let first_look = self.incident.phase == Phase::Assessing;
        self.event(IncidentEvent::Looked { seen, passed: true });
        if first_look && self.incident.previous.is_some() {
            return self.end(Outcome::Stale, "the alert belongs to an incident that is over, and all probes pass");
        }
        if self.incident.by_hand() {
            self.end_order();
            return self.end(Outcome::ResolvedByItself, "run by hand, and all probes pass: there is nothing to repair");
        }
        let until = self.now + self.facts.playbook.limits.settle;
        self.event(IncidentEvent::Watched { until, said: false });
        self.look(WATCH);
    }

    /// A person's order is carried out, or can't be: no alert will say that it is over.
    pub(super) fn end_order(&mut self) {
        let orders = self.incident.alerts.iter().filter(|(name, alert)| name.0.starts_with(BY_HAND) && alert.firing);
        for fingerprint in orders.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.event(IncidentEvent::AlertResolved { fingerprint });
        }
    }

    /// A look while nothing was done or nothing may be done any more.
    pub(super) fn watched(&mut self, seen: Observation) {
        if self.incident.has_cause() {
            return match (self.incident.phase.clone(), seen.passed()) {
                (Phase::Observed, _) => {}
                (Phase::Watching { .. }, true) => self.look(WATCH),
                // The look that watches sees less than the one that a decision needs.
                (Phase::Watching { .. }, false) => {
                    self.event(IncidentEvent::SymptomShown { seen });
                    self.look(LookHow::Once);
                }
                // The alert fired again before the probes were good.
                (_, false) => self.propose(seen),
                (_, true) => self.watch_first(seen),
            };
        }
        let text = seen.summary();
        match (self.incident.phase.clone(), seen.passed()) {
            (_, true) if self.incident.touched => {
                self.event(IncidentEvent::Looked { seen, passed: true });
                self.heal();
            }
            (_, true) => {
                self.event(IncidentEvent::Looked { seen, passed: true });
                self.end(Outcome::ResolvedByItself, "resolved, and all probes pass; heald did nothing");
            }
            (Phase::ResolvedBad { until }, false) if self.now < until => self.look_until(until.since(self.now)),
            (Phase::ResolvedBad { .. }, false) => {
                self.escalate(Escalation::ResolvedButBad, format!("the alert resolved, but the probes fail: {text}"));
            }
            (_, false) => {
                self.event(IncidentEvent::Looked { seen, passed: false });
                let settle = self.facts.playbook.limits.settle;
                self.event(IncidentEvent::FoundBadAfterResolve { until: self.now + settle });
                self.look_until(settle);
            }
        }
    }

    pub(super) fn look_until(&mut self, within: Duration) {
        self.look(LookHow::UntilPass { within, stable: Duration::ZERO });
    }

    /// Two bad looks in after-care stand in for a firing alert: the same incident decides again, counters kept.
    pub(super) fn cared(&mut self, seen: Observation) {
        if seen.passed() || seen.is_unknown() {
            return self.look(WATCH);
        }
        self.event(IncidentEvent::CareFailed { seen });
        self.look(LookHow::Once);
    }

    /// After-care is over at the earliest after its own time and one group interval after the resolve:
    /// that long Alertmanager may keep a second failure to itself.
    pub(super) fn schedule_close(&mut self) {
        if let Phase::Healed { since, .. } = self.incident.phase {
            let own = since + self.facts.playbook.after_care;
            let close_at = own.max(self.now + self.facts.group_interval);
            self.event(IncidentEvent::CareScheduled { close_at: Some(close_at) });
        }
    }

    /// Resolved, but a person is still at it: watched until it is good, so that the next failure is a new episode.
    pub(super) fn seen_after_escalation(&mut self, seen: Observation) {
        if self.incident.is_firing() {
            return;
        }
        if seen.passed() {
            self.event(IncidentEvent::Looked { seen, passed: true });
            return self.close_well(Outcome::Escalated, "resolved, and all probes pass again");
        }
        self.look_until(RELOOK_MAX);
    }
}
