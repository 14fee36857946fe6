//! An incident: one episode of (playbook, host, target), and what happened in it.
//!
//! [`Incident::apply`] is the one transition table: it writes the state and it
//! replays it. It decides nothing; deadlines come inside the events.

use super::alert::{AlertContext, Remediate};
use super::guard::Guard;
use super::id::{AttemptId, Fingerprint, IncidentId, PlaybookId, Revision};
use super::look::{Evidence, Observation};
use super::notice::NoticeKind;
use super::plan::Section;
use super::target::Target;
use super::time::Time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub use super::ending::{AttemptOutcome, Escalation, Outcome, Trouble};
pub use super::event::IncidentEvent;

/// Rebuilt from its events alone; everything volatile (running effects, timers) lives in `run/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    pub id: IncidentId,
    pub playbook: PlaybookId,
    /// The playbook's text at the time of opening; what tightens later holds all the same.
    pub revision: Revision,
    pub subject: Subject,
    /// Of the alert that opened it.
    pub context: AlertContext,
    pub alerts: BTreeMap<Fingerprint, AttachedAlert>,
    pub opened: Time,
    /// The closed incident that the same alert had before.
    pub previous: Option<IncidentId>,
    pub phase: Phase,
    /// The number of the last one; never counted anew, for answers are told apart by it.
    pub attempts: u32,
    /// Those before a person asked for a retry: they don't count against the limit.
    pub forgiven: u32,
    /// Runs of each rung so far.
    pub rung_tries: Vec<u32>,
    pub first_permit: Option<Time>,
    /// Time on hold, or good, since the first permit; it does not count against `within`.
    pub held: Duration,
    pub held_since: Option<Time>,
    pub healed: Option<Time>,
    /// The target's evidence when the running step was recorded.
    pub before: Option<Evidence>,
    /// The state before the running attempt: what was up and what passed then.
    pub seen_before: Option<Observation>,
    /// A step took effect or may have, so there is something to roll back.
    pub touched: bool,
    /// Seen broken in after-care: stands in for a firing alert until healed again.
    pub relapsed: bool,
    /// Why heald gives up, while the rollback runs.
    pub giving_up: Option<(Escalation, String)>,
    /// Rollback runs once.
    pub rolled_back: bool,
    /// A person's consent, asked for or given, to the next attempt.
    pub approval: Option<Approval>,
    /// Crashes of heald in a row at which it was running.
    pub crashes: u32,
    /// Observe mode said so then; true: no guard but the mode said no.
    pub would_act: Option<(Time, bool)>,
    /// Told once each.
    pub told: Vec<NoticeKind>,
    /// Decided, with the reason, but not yet taken by any channel.
    pub untold: Vec<(NoticeKind, String)>,
    /// No channel took it: when to try again.
    pub tell_again: Option<Time>,
}

/// What makes two alerts the same episode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Target(Target),
    /// No target could be made of the alert: recorded and told, nothing runs.
    Alert(Fingerprint),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedAlert {
    pub remediate: Remediate,
    pub starts_at: Timestamp,
    pub firing: bool,
    /// When its last change arrived.
    pub at: Time,
}

/// Bound to one attempt and one plan; used up by that attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub attempt: u32,
    pub plan: Box<str>,
    pub expires: Time,
    pub may: Vec<String>,
    /// Who consented; `None` while it is asked for.
    pub by: Option<String>,
}

/// Where an incident stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// To be looked at before anything is decided.
    Assessing,
    /// The alert fires and the probes pass: watched.
    Watching {
        until: Time,
        said: bool,
    },
    /// A guard said no, for now.
    Held {
        guard: Guard,
        reason: String,
        wake: Time,
        /// When this guard began to hold it.
        since: Time,
    },
    /// Observe mode said what it would have done.
    Observed,
    Acting {
        attempt: AttemptId,
        section: Section,
        step: usize,
        since: Time,
        /// The step is over, and the target is looked at before the next one.
        ended: bool,
    },
    /// The attempt's steps are through; the probes decide. `doubt`: a step's outcome is unknown.
    Verifying {
        attempt: AttemptId,
        trouble: Option<Trouble>,
        since: Time,
    },
    /// Verified good; watched until `close_at`, which is set once the alerts have resolved.
    Healed {
        since: Time,
        close_at: Option<Time>,
    },
    /// Alerts resolved, probes bad: no further effect; told when `until` passes without a change.
    ResolvedBad {
        until: Time,
    },
    /// A person's turn.
    Escalated {
        since: Time,
        reason: Escalation,
    },
    Closed {
        outcome: Outcome,
    },
}

// === impl Incident ===

impl Incident {
    /// The incident that an `Opened` begins; `None` for any other event.
    pub fn open(id: IncidentId, event: &IncidentEvent, at: Time) -> Option<Self> {
        let IncidentEvent::Opened { playbook, revision, subject, fingerprint, starts_at, context, previous, rungs } = event
        else {
            return None;
        };
        Some(Self {
            id,
            playbook: playbook.clone(),
            revision: revision.clone(),
            subject: subject.clone(),
            context: context.clone(),
            alerts: BTreeMap::from([(
                fingerprint.clone(),
                AttachedAlert { starts_at: *starts_at, firing: true, at, remediate: Remediate::of(&context.read().0) },
            )]),
            opened: at,
            previous: *previous,
            phase: Phase::Assessing,
            attempts: 0,
            forgiven: 0,
            rung_tries: vec![0; *rungs],
            first_permit: None,
            held: Duration::ZERO,
            held_since: None,
            healed: None,
            before: None,
            seen_before: None,
            touched: false,
            relapsed: false,
            giving_up: None,
            rolled_back: false,
            approval: None,
            crashes: 0,
            would_act: None,
            told: Vec::new(),
            untold: Vec::new(),
            tell_again: None,
        })
    }

    /// The one transition table. Events that don't fit the phase change nothing but their own fields:
    /// `decide` never makes such, and a journal that holds one is still readable.
    pub fn apply(&mut self, event: &IncidentEvent, at: Time) {
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
                | E::CareScheduled { .. }
        ) {
            self.end_hold(at);
        }
        if matches!(
            event,
            E::Held { .. }
                | E::Watched { .. }
                | E::AttemptEnded { .. }
                | E::RollbackEnded { .. }
                | E::Healed { .. }
                | E::Escalated { .. }
        ) {
            self.crashes = 0;
        }
        match event {
            E::Opened { .. } | E::Looked { .. } | E::LateAnswer { .. } => {}
            E::AlertAttached { fingerprint, starts_at, remediate } => {
                let said = self.alerts.get(fingerprint).map(|alert| alert.remediate).unwrap_or_default();
                let remediate = said.max(*remediate);
                self.alerts.insert(fingerprint.clone(), AttachedAlert { starts_at: *starts_at, firing: true, at, remediate });
                if let Phase::Healed { close_at, .. } = &mut self.phase {
                    *close_at = None;
                }
                if matches!(self.phase, Phase::ResolvedBad { .. }) {
                    self.phase = Phase::Assessing;
                }
            }
            E::AlertResolved { fingerprint } => {
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
                self.seen_before = Some(seen.clone());
                self.before = seen.evidence.clone();
                let section = Section::Rung(*rung);
                self.phase = Phase::Acting { attempt: self.attempt(*attempt), section, step: 0, since: at, ended: false };
            }
            E::RollbackStarted { attempt, reason, text, .. } => {
                self.rolled_back = true;
                self.giving_up = Some((*reason, text.clone()));
                let section = Section::Rollback;
                self.phase = Phase::Acting { attempt: self.attempt(*attempt), section, step: 0, since: at, ended: false };
            }
            E::StepStarted { attempt, section, step, evidence, .. } => {
                if evidence.is_some() {
                    self.before = evidence.clone();
                }
                let (section, step) = (*section, *step);
                self.phase = Phase::Acting { attempt: self.attempt(*attempt), section, step, since: at, ended: false };
            }
            E::StepEnded { acted, quiet, section, .. } => {
                use super::outcome::ActOutcome as O;
                self.touched |= !quiet && matches!(acted.outcome, O::Done | O::Failed | O::Unknown);
                // Without a word of its own, what the step may have changed on the target is not known.
                if acted.evidence.is_some() || !*quiet && *section != Section::Rollback {
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
            E::AttemptEnded { .. } | E::RollbackEnded { .. } => self.phase = Phase::Assessing,
            E::CareFailed { .. } => {
                self.relapsed = true;
                self.phase = Phase::Assessing;
            }
            E::Retried { .. } => {
                self.forgiven = self.attempts;
                self.rung_tries.fill(0);
                self.first_permit = None;
                self.held = Duration::ZERO;
                self.touched = false;
                self.rolled_back = false;
                self.giving_up = None;
                self.approval = None;
                self.told.clear();
                self.phase = Phase::Assessing;
            }
            E::Healed { .. } => {
                self.relapsed = false;
                self.healed = Some(at);
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
            E::NoticeDue { notice, reason } => {
                self.told.push(*notice);
                self.untold.push((*notice, reason.clone()));
            }
            E::Told { notice, deliveries } => {
                if deliveries.is_empty() || deliveries.iter().any(|delivery| delivery.error.is_none()) {
                    // One message took one of them off; the same kind may be due twice, for different reasons.
                    if let Some(told) = self.untold.iter().position(|(due, _)| due == notice) {
                        self.untold.remove(told);
                    }
                }
                self.tell_again = (!self.untold.is_empty()).then(|| at + TELL_AGAIN_AFTER);
            }
            E::Closed { outcome, .. } => {
                self.seen_before = None;
                self.approval = None;
                self.phase = Phase::Closed { outcome: *outcome };
            }
        }
    }

    /// When the incident must be looked at again, come what may. `None`: an effect runs, or an event is waited for.
    pub fn wake(&self) -> Option<Time> {
        match (self.phase_wake(), self.tell_again) {
            (Some(phase), Some(tell)) => Some(phase.min(tell)),
            (phase, tell) => phase.or(tell),
        }
    }

    pub fn phase_wake(&self) -> Option<Time> {
        match &self.phase {
            Phase::Watching { until, said: false } | Phase::ResolvedBad { until } => Some(*until),
            Phase::Held { wake, .. } => Some(*wake),
            Phase::Healed { since, close_at } => Some(close_at.unwrap_or(if self.told.contains(&NoticeKind::StillFiring) {
                *since + RESOLVE_WAIT
            } else {
                *since + STILL_FIRING_AFTER
            })),
            _ => None,
        }
    }

    /// Attempts that count against the limit.
    pub fn tried(&self) -> u32 {
        self.attempts.saturating_sub(self.forgiven)
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Closed { .. })
    }

    pub fn is_firing(&self) -> bool {
        self.alerts.values().any(|alert| alert.firing)
    }

    /// The strictest word of all its alerts. It only tightens: an alert that resolved may have said why.
    pub fn remediate(&self) -> Remediate {
        self.alerts.values().map(|alert| alert.remediate).max().unwrap_or_default()
    }

    /// Something says that it is broken: an alert, or heald's own look in after-care.
    pub fn has_cause(&self) -> bool {
        self.relapsed || self.is_firing()
    }

    /// Over, and everybody who was to be told has been: nothing is left to do.
    pub fn is_done(&self) -> bool {
        !self.is_open() && self.untold.is_empty()
    }

    /// While an attempt runs nobody else may touch what it locked.
    pub fn holds_locks(&self) -> bool {
        matches!(self.phase, Phase::Acting { .. } | Phase::Verifying { .. })
    }

    pub fn target(&self) -> Option<&Target> {
        match &self.subject {
            Subject::Target(target) => Some(target),
            Subject::Alert(_) => None,
        }
    }

    pub fn attempt(&self, number: u32) -> AttemptId {
        AttemptId { incident: self.id, number }
    }

    /// How much of `within` is used up: since the first permit, without the time on hold or good.
    pub fn spent(&self, now: Time) -> Duration {
        let Some(first) = self.first_permit else { return Duration::ZERO };
        let held = self.held + self.held_since.map_or(Duration::ZERO, |since| now.since(since));
        now.since(first).saturating_sub(held)
    }

    fn end_step(&mut self) {
        if let Phase::Acting { ended, .. } = &mut self.phase {
            *ended = true;
        }
    }

    fn end_hold(&mut self, at: Time) {
        if let Some(since) = self.held_since.take() {
            self.held += at.since(since);
        }
    }
}

/// Still firing this long after it was healed: people are told once.
pub const STILL_FIRING_AFTER: Duration = Duration::from_secs(15 * 60);
/// After no channel took a message.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// No resolve this long after it was healed: closed as never seen.
pub const RESOLVE_WAIT: Duration = Duration::from_secs(24 * 3_600);
