//! What comes from outside: alerts, time, people, a restart of heald.

use super::{Draft, WATCH};
use crate::domain::alert::Remediate;
use crate::domain::guard;
use crate::domain::id::Fingerprint;
use crate::domain::incident::{Escalation, IncidentEvent, Outcome, Phase, RESOLVE_WAIT, Stage, Subject};
use crate::domain::look::LookHow;
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::Severity;
use crate::domain::time::Span;
use jiff::Timestamp;

impl Draft<'_> {
    pub(super) fn opened(&mut self, problem: Option<String>) {
        if let Some(why) = problem {
            self.escalate(Escalation::NoTarget, why);
        } else if self.facts.playbook.rungs.is_empty() {
            self.escalate(Escalation::RunbookOnly, "the playbook is a runbook for people: nothing runs by itself".to_owned());
        } else {
            self.look(LookHow::Once);
        }
    }

    pub(super) fn fired(
        &mut self,
        fingerprint: Fingerprint,
        starts_at: Timestamp,
        remediate: Remediate,
        severity: Option<Severity>,
    ) {
        let before = self.incident.severity(self.facts.playbook);
        let was_resolved_bad = matches!(self.incident.phase, Phase::ResolvedBad { .. });
        // Its resolve was doubted, and rightly: nothing new.
        let doubted = self.incident.doubted.contains(&fingerprint);
        let known = self.incident.alerts.contains_key(&fingerprint) && !doubted;
        self.event(IncidentEvent::AlertAttached { fingerprint, starts_at, remediate, severity });
        let severity = self.incident.severity(self.facts.playbook);
        if severity < before {
            self.event(IncidentEvent::SeverityRose { severity });
        }
        if was_resolved_bad {
            self.look(LookHow::Once);
        }
        // A new start of the same alert: its resolve was lost, or came and the probes stayed bad. Each is news.
        if known && matches!(self.incident.phase, Phase::Escalated { .. }) {
            let reason = format!("its alert fires anew; heald stays away until `heald retry {}`", self.incident.id);
            self.tell(NoticeKind::FiresAnew, &reason);
        }
    }

    /// Never acts. While others still fire, or while heald is in the middle of it, nothing follows yet.
    pub(super) fn resolved(&mut self, fingerprint: Fingerprint) {
        // Whoever lost sight of the metrics resolves everything.
        if self.facts.house.blind.is_some() {
            if self.incident.doubted.contains(&fingerprint) {
                return;
            }
            return self.event(IncidentEvent::ResolveDoubted { fingerprint });
        }
        self.event(IncidentEvent::AlertResolved { fingerprint });
        if self.incident.is_firing() {
            return;
        }
        self.unhush();
        match self.incident.phase {
            Phase::Watching { .. } | Phase::Held { .. } | Phase::Observed => self.look(LookHow::Once),
            Phase::Escalated { .. } => self.resolved_after_escalation(),
            Phase::Healed { .. } => self.schedule_close(),
            // A look is under way, or the repair finishes first; then the resolve is seen.
            Phase::Assessing
            | Phase::Acting { .. }
            | Phase::Verifying { .. }
            | Phase::ResolvedBad { .. }
            | Phase::Closed { .. } => {}
        }
    }

    pub(super) fn detection_back(&mut self) {
        for fingerprint in self.incident.doubted.clone() {
            self.resolved(fingerprint);
        }
    }

    pub(super) fn resolved_after_escalation(&mut self) {
        if matches!(self.incident.phase, Phase::Escalated { reason: Escalation::Quarantined, .. })
            || self.facts.playbook.rungs.is_empty()
            || self.facts.playbook.verify.probes.is_empty()
            || matches!(self.incident.subject, Subject::Alert(_))
        {
            self.end(Outcome::Unverified, "the alert resolved; no probe can say more");
        } else {
            self.look(LookHow::Once);
        }
    }

    pub(super) fn woke(&mut self) {
        if self.incident.phase_wake().is_none_or(|wake| wake > self.now) && !matches!(self.incident.phase, Phase::Held { .. }) {
            return;
        }
        match self.incident.phase.clone() {
            Phase::Held { .. } => self.look(LookHow::Once),
            Phase::ResolvedBad { .. } => self.look(LookHow::Once),
            Phase::Acting { attempt, section, step, stage: Stage::Again(_), .. } => self.retry_step(attempt, section, step),
            // The look that the resolve asked for is under way.
            Phase::Watching { .. } if !self.incident.has_cause() => {}
            Phase::Watching { until, .. } => {
                self.event(IncidentEvent::Watched { until, said: true });
                self.tell_once(
                    NoticeKind::AlertWithoutSymptom,
                    "the alert fires and all probes pass: nothing was done, the target stays watched",
                );
            }
            Phase::Healed { close_at: Some(_), .. } => {
                self.close_well(Outcome::Healed, "repaired, verified, resolved, and good through its after-care");
            }
            Phase::Healed { since, close_at: None } if self.now >= since + RESOLVE_WAIT => {
                self.close_well(Outcome::ResolveNeverSeen, "repaired and good; no resolve was seen within 24 h");
            }
            Phase::Healed { since, .. } => {
                let age = Span(self.now.since(since));
                self.tell_once(
                    NoticeKind::StillFiring,
                    &format!("healed {age} ago by all probes, and the alert still fires: does it look at the same thing?"),
                );
            }
            _ => {}
        }
    }

    /// Only a hold waits for others.
    pub(super) fn unblocked(&mut self) {
        if matches!(self.incident.phase, Phase::Held { .. }) {
            self.look(LookHow::Once);
        }
    }

    /// heald looks first, then decides; a step that may have been sent is settled by what is seen.
    pub(super) fn recovered(&mut self, crashed: bool) {
        if self.incident.silencing {
            self.silenced(false, Err("heald was restarted before Alertmanager answered; ask again".to_owned()));
        }
        self.unhush_again();
        let busy = matches!(self.incident.phase, Phase::Assessing | Phase::Acting { .. } | Phase::Verifying { .. });
        if crashed && busy {
            self.event(IncidentEvent::CrashSeen);
            if let Some(why) = guard::set_aside(&self.incident, self.facts) {
                return self.set_aside(why);
            }
        }
        match self.incident.phase.clone() {
            Phase::Assessing if self.facts.playbook.rungs.is_empty() || self.incident.target().is_none() => self.opened(None),
            Phase::Escalated { reason: Escalation::Quarantined, .. } if !self.incident.is_firing() => {
                self.resolved_after_escalation()
            }
            Phase::Acting { stage: Stage::Over, .. } => self.look_between(),
            // Its deadline is on disk.
            Phase::Acting { stage: Stage::Again(_), .. } => {}
            Phase::Assessing | Phase::Held { .. } | Phase::Acting { .. } => self.look(LookHow::Once),
            // Its last alert resolved just before: that look waits for nothing.
            Phase::Watching { .. } if !self.incident.has_cause() => self.look(LookHow::Once),
            Phase::Watching { .. } | Phase::Healed { .. } => self.look(WATCH),
            Phase::Verifying { trouble, .. } => self.look_to_verify(trouble),
            Phase::ResolvedBad { until } => {
                self.look(LookHow::UntilPass { within: until.since(self.now), stable: std::time::Duration::ZERO });
            }
            Phase::Observed | Phase::Escalated { .. } if !self.incident.is_firing() => self.look(LookHow::Once),
            Phase::Observed | Phase::Escalated { .. } | Phase::Closed { .. } => {}
        }
    }

    pub(super) fn retry(&mut self, by: String) {
        match self.incident.phase {
            // Not even steps that name no object: whether it is theirs to mend is just what is unknown.
            _ if self.incident.target().is_none() && !self.facts.playbook.rungs.is_empty() => {
                self.refuse_person("no target could be made of its alert, so nothing may run");
            }
            Phase::Escalated { .. } | Phase::Held { .. } | Phase::Observed | Phase::ResolvedBad { .. } => {
                // The loop lends the playbook in force to whoever is to be tried again.
                let book = self.facts.playbook;
                let renewed = book.revision != self.incident.revision;
                let (revision, rungs) = (renewed.then(|| book.revision.clone()), renewed.then_some(book.rungs.len()));
                self.event(IncidentEvent::Retried { by, revision, rungs });
                self.opened(None);
            }
            _ => self.refuse_person("only an incident that is escalated, held or observed can be tried again"),
        }
    }

    pub(super) fn close(&mut self, by: String, note: String) {
        match self.incident.phase {
            Phase::Acting { .. } | Phase::Verifying { .. } => {
                self.refuse_person("a repair is running; close it when that has ended, or pause heald first");
            }
            Phase::Closed { .. } => self.refuse_person("it is closed already"),
            _ => self.end(Outcome::ClosedByPerson, format!("closed by {by}: {note}")),
        }
    }

    pub(super) fn refuse_person(&mut self, why: &str) {
        self.decision.refused = Some(format!("incident {} is {}: {why}", self.incident.id, self.incident.phase.label()));
    }
}
