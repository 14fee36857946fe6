//! The one transition table: what each event makes of an incident. It writes the state and it replays it.
//!
//! It decides nothing; deadlines come inside the events.

use super::event::IncidentEvent;
use super::guard::Guard;
use super::incident::{Ack, Approval, AttachedAlert, Climb, Incident, OwnSilence, Phase, Stage, TRAIL_MAX};
use super::notice::NoticeKind;
use super::plan::Section;
use super::time::Time;
use std::time::Duration;

impl Incident {
    /// The one transition table. Events that don't fit the phase change nothing but their own fields:
    /// `decide` never makes such, and a journal that holds one is still readable.
    pub fn apply(&mut self, event: &IncidentEvent, at: Time) {
        let planned = matches!(self.phase, Phase::Held { guard: Guard::Window, .. }) && !self.is_troubled();
        self.turn(event, at);
        if planned && self.is_troubled() {
            self.climb_anew(at);
        }
    }

    fn turn(&mut self, event: &IncidentEvent, at: Time) {
        use IncidentEvent as E;
        if !matches!(
            event,
            E::Held { .. }
                | E::AlertAttached { .. }
                | E::AlertResolved { .. }
                | E::NoticeDue { .. }
                | E::Told { .. }
                | E::Looked { .. }
                | E::LateAnswer { .. }
                | E::StepProgressed { .. }
                | E::CareScheduled { .. }
                | E::Gathered { .. }
                | E::PassedOn { .. }
                | E::Climbed { .. }
                | E::ClimbSet { .. }
                | E::SeverityRose { .. }
                | E::Acknowledged { .. }
                | E::StepTicked { .. }
                | E::Pressed { .. }
                | E::SilenceAsked { .. }
                | E::SilenceSet { .. }
                | E::SilenceLifted
                | E::ResolveDoubted { .. }
        ) {
            self.end_hold(at);
        }
        if matches!(
            event,
            E::Held { .. }
                | E::Watched { .. }
                | E::AttemptEnded { .. }
                | E::RollbackEnded { .. }
                | E::AfterwardsEnded { .. }
                | E::Healed { .. }
                | E::Escalated { .. }
        ) {
            self.crashes = 0;
        }
        self.note(event, at);
        match event {
            E::Gathered { logs, .. } => {
                self.gathered = true;
                self.outbox.hurry(at);
                if !logs.is_empty() {
                    self.logs = Some(logs.as_str().into());
                }
            }
            E::Looked { seen, .. } => self.seen = Some(seen.summary().into()),
            E::Opened { .. } | E::LateAnswer { .. } => {}
            E::AlertAttached { fingerprint, starts_at, remediate, severity } => {
                let known = self.alerts.get(fingerprint);
                let remediate = known.map(|alert| alert.remediate).unwrap_or_default().max(*remediate);
                let severity = severity.or(known.and_then(|alert| alert.severity));
                let alert = AttachedAlert { starts_at: *starts_at, firing: true, at, remediate, severity };
                self.alerts.insert(fingerprint.clone(), alert);
                self.doubted.remove(fingerprint);
                if let Phase::Healed { close_at, .. } = &mut self.phase {
                    *close_at = None;
                }
                if matches!(self.phase, Phase::ResolvedBad { .. }) {
                    self.phase = Phase::Assessing;
                }
            }
            E::AlertResolved { fingerprint } => {
                self.doubted.remove(fingerprint);
                if let Some(alert) = self.alerts.get_mut(fingerprint) {
                    alert.firing = false;
                    alert.at = at;
                }
            }
            E::Watched { until, said } => {
                // Seen good: what was seen broken in after-care is over.
                self.relapsed = false;
                self.phase = Phase::Watching { until: *until, said: *said };
            }
            E::Held { guard, reason, wake } => {
                if self.first_permit.is_some() && self.held_since.is_none() {
                    self.held_since = Some(at);
                }
                let since = match &self.phase {
                    // Alertmanager that can't be asked is another matter than one that does not list it.
                    Phase::Held { guard: Guard::Freshness, reason: old, .. } if old != reason => at,
                    Phase::Held { guard: same, since, .. } if same == guard => *since,
                    _ => at,
                };
                self.phase = Phase::Held { guard: *guard, reason: reason.clone(), wake: *wake, since };
            }
            E::WouldAct { permitted, .. } => {
                self.would_act = Some((at, *permitted));
                self.phase = Phase::Observed;
            }
            E::ApprovalAsked { attempt, plan, expires, may, .. } => {
                let (attempt, plan, expires) = (*attempt, plan.as_str().into(), *expires);
                self.approval = Some(Approval { attempt, plan, expires, may: may.clone(), by: None });
            }
            E::Approved { by, .. } => {
                if let Some(approval) = &mut self.approval {
                    approval.by = Some(by.clone());
                }
            }
            E::Denied { .. } => self.approval = None,
            E::CrashSeen => self.crashes += 1,
            E::AttemptStarted { attempt, rung, charged, seen, .. } => {
                self.attempts = *attempt;
                if let Some(tries) = self.rung_tries.get_mut(*rung) {
                    *tries += 1;
                }
                if *charged {
                    self.first_permit.get_or_insert(at);
                }
                self.approval = None;
                self.closing = None;
                self.seen_before = Some(seen.clone());
                self.before = seen.evidence.clone();
                self.begin(*attempt, Section::Rung(*rung), at);
            }
            E::RollbackStarted { attempt, reason, text, .. } => {
                self.rolled_back = true;
                self.giving_up = Some((*reason, text.clone()));
                self.begin(*attempt, Section::Rollback, at);
            }
            E::AfterwardsStarted { attempt, outcome, note, .. } => {
                self.closing = Some((*outcome, note.clone()));
                self.begin(*attempt, Section::Afterwards, at);
            }
            E::AfterwardsEnded { .. } => self.phase = Phase::Assessing,
            E::RungSkipped { rung, .. } => {
                if let Some(tries) = self.rung_tries.get_mut(*rung) {
                    *tries = u32::MAX;
                }
            }
            E::StepStarted { attempt, section, step, evidence, .. } => {
                if evidence.is_some() {
                    self.before = evidence.clone();
                }
                let (section, step) = (*section, *step);
                let tries = match &self.phase {
                    Phase::Acting { section: s, step: i, tries, .. } if *s == section && *i == step => *tries,
                    _ => 0,
                };
                let attempt = self.attempt(*attempt);
                self.phase = Phase::Acting { attempt, section, step, since: at, stage: Stage::Running, tries };
            }
            E::StepSkipped { attempt, section, step, why, register, .. } => {
                if let Some(name) = register {
                    let result = serde_json::json!({ "outcome": "skipped", "detail": why });
                    self.results.insert(name.clone(), result);
                }
                let (attempt, section, step) = (self.attempt(*attempt), *section, *step);
                self.phase = Phase::Acting { attempt, section, step, since: at, stage: Stage::Over, tries: 0 };
            }
            E::StepRetried { again, until, .. } => {
                if let Phase::Acting { stage, tries, .. } = &mut self.phase {
                    (*stage, *tries) = (Stage::Again(*until), again - 1);
                }
            }
            E::StepProgressed { .. } => {}
            E::StepEnded { acted, quiet, section, register, .. } => {
                if let Some(name) = register {
                    self.results.insert(name.clone(), acted.result());
                }
                use super::outcome::ActOutcome as O;
                self.touched |= !quiet && matches!(acted.outcome, O::Done | O::Failed | O::Unknown);
                // Without a word of its own, what the step may have changed on the target is not known.
                if acted.evidence.is_some() || !*quiet && matches!(section, Section::Rung(_)) {
                    self.before = acted.evidence.clone();
                }
                self.end_step();
            }
            E::StepSettled { took_effect, .. } => {
                self.touched |= *took_effect != Some(false);
                if *took_effect != Some(false) {
                    self.before = None;
                    self.end_step();
                }
            }
            E::VerifyStarted { attempt, trouble } => {
                self.phase = Phase::Verifying { attempt: self.attempt(*attempt), trouble: *trouble, since: at };
            }
            E::AttemptEnded { text, .. } => {
                self.seen = Some(text.as_str().into());
                self.phase = Phase::Assessing;
            }
            E::RollbackEnded { .. } => self.phase = Phase::Assessing,
            E::SymptomShown { .. } => {
                self.climb_anew(at);
                self.phase = Phase::Assessing;
            }
            E::CareFailed { seen } => {
                self.seen = Some(seen.summary().into());
                self.climb_anew(at);
                self.relapsed = true;
                self.phase = Phase::Assessing;
            }
            E::Retried { revision, rungs, .. } => {
                if let Some(revision) = revision {
                    self.revision = revision.clone();
                }
                self.forgiven = self.attempts;
                self.gathered = false;
                self.rung_tries = vec![0; rungs.unwrap_or(self.rung_tries.len())];
                self.first_permit = None;
                self.held = Duration::ZERO;
                self.touched = false;
                self.rolled_back = false;
                self.giving_up = None;
                self.closing = None;
                self.approval = None;
                self.would_act = None;
                self.told.clear();
                self.climb = Climb { level: 0, since: at, next: None };
                self.phase = Phase::Assessing;
            }
            E::Healed { .. } => {
                self.relapsed = false;
                self.healed = Some(at);
                self.healed_after = self.attempts;
                // A relapse gets what is left of `within`, however long it was good.
                self.held_since = self.first_permit.map(|_| at);
                self.seen_before = None;
                self.approval = None;
                self.phase = Phase::Healed { since: at, close_at: None };
            }
            E::CareScheduled { close_at: new } => {
                if let Phase::Healed { close_at, .. } = &mut self.phase {
                    *close_at = *new;
                }
            }
            E::FoundBadAfterResolve { until } => self.phase = Phase::ResolvedBad { until: *until },
            E::Escalated { reason, .. } => {
                self.seen_before = None;
                self.relapsed = false;
                self.giving_up = None;
                self.approval = None;
                self.phase = Phase::Escalated { since: at, reason: *reason };
            }
            E::NoticeDue { notice, reason, number, to, not_before } => {
                if !self.told.contains(notice) {
                    self.told.push(*notice);
                }
                self.outbox.due(*number, *notice, reason, to, at, not_before.unwrap_or(at));
            }
            E::Told { notice, deliveries, number, next } => {
                // Several only in older journals, where one success was enough.
                let best = deliveries.iter().find(|delivery| delivery.error.is_none()).or(deliveries.first());
                self.outbox.told(*number, *notice, best, *next);
            }
            E::PassedOn { number, to, .. } => self.outbox.pass_on(*number, to, at),
            E::Climbed { level } => {
                self.climb = Climb { level: *level, since: at, next: None };
                self.ack = self.ack.take().filter(|ack| ack.until > at);
            }
            E::ClimbSet { next } => self.climb.next = *next,
            E::SeverityRose { .. } => {
                self.climb = Climb { level: 0, since: at, next: None };
                // Who is at the smaller trouble may not know of the greater.
                self.ack = None;
                self.told.retain(|kind| *kind != NoticeKind::Fires);
            }
            E::StepTicked { item, by, .. } => {
                self.ticks.insert(*item, by.as_str().into());
            }
            E::Acknowledged { by, until } => self.ack = Some(Ack { by: by.as_str().into(), until: *until }),
            E::Pressed { by, tag, .. } => self.pressed.push((tag.as_str().into(), by.as_str().into())),
            E::SilenceAsked { until, own: true, .. } => self.own_silence = Some(OwnSilence { until: *until, lifted: false }),
            E::SilenceAsked { .. } => self.silencing = true,
            E::SilenceLifted => {
                if let Some(own) = &mut self.own_silence {
                    own.lifted = true;
                }
            }
            // What was not answered may have been set all the same.
            E::SilenceSet { own: true, .. } => {}
            E::SilenceSet { .. } => self.silencing = false,
            E::ResolveDoubted { fingerprint } => drop(self.doubted.insert(fingerprint.clone())),
            E::Closed { outcome, .. } => {
                self.seen_before = None;
                self.approval = None;
                self.phase = Phase::Closed { outcome: *outcome };
            }
        }
    }

    /// What a person is told of its past; looks and messages are left to the journal.
    fn note(&mut self, event: &IncidentEvent, at: Time) {
        use IncidentEvent as E;
        let tells = match event {
            E::Held { guard, .. } => !matches!(&self.phase, Phase::Held { guard: same, .. } if same == guard),
            E::AttemptStarted { .. }
            | E::StepEnded { .. }
            | E::RungSkipped { .. }
            | E::AttemptEnded { .. }
            | E::RollbackEnded { .. }
            | E::AfterwardsEnded { .. }
            | E::Healed { .. }
            | E::CareFailed { .. }
            | E::Approved { .. }
            | E::Denied { .. }
            | E::Retried { .. }
            | E::Acknowledged { .. }
            | E::StepTicked { .. }
            | E::SilenceSet { own: false, .. }
            | E::CrashSeen
            | E::Escalated { .. } => true,
            _ => false,
        };
        if tells {
            if self.trail.len() == TRAIL_MAX {
                self.trail.pop_front();
            }
            self.trail.push_back((at, shortened(event.text()).into()));
        }
    }

    /// While it was good, or left alone by plan, nobody's clock ran.
    fn climb_anew(&mut self, at: Time) {
        self.climb.since = at;
        self.climb.next = None;
    }

    fn end_step(&mut self) {
        if let Phase::Acting { stage, .. } = &mut self.phase {
            *stage = Stage::Over;
        }
    }

    fn begin(&mut self, attempt: u32, section: Section, at: Time) {
        let attempt = self.attempt(attempt);
        self.phase = Phase::Acting { attempt, section, step: 0, since: at, stage: Stage::Running, tries: 0 };
    }

    fn end_hold(&mut self, at: Time) {
        if let Some(since) = self.held_since.take() {
            self.held += at.since(since);
        }
    }
}

/// So that an incident in memory stays small.
fn shortened(mut text: String) -> String {
    const MAX: usize = 200;
    if text.len() > MAX {
        let end = (0..=MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
