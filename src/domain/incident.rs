//! An incident: one episode of (playbook, host, target), and what happened in it.
//!
//! What an event makes of it is in `transition.rs`.

use super::alert::{AlertContext, Remediate};
use super::guard::{Guard, is_planned};
use super::id::{AttemptId, Fingerprint, IncidentId, PlaybookId, Revision};
use super::look::{Evidence, Observation};
use super::notice::NoticeKind;
use super::outbox::Outbox;
use super::plan::Section;
use super::playbook::{Playbook, Severity};
use super::target::Target;
use super::template::Results;
use super::time::Time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use super::ending::{AttemptOutcome, Escalation, Outcome, Trouble};
pub use super::escalation::Ack;
pub use super::event::IncidentEvent;

/// Rebuilt from its events alone; everything volatile (running effects, timers) lives in `run/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    pub id: IncidentId,
    pub playbook: PlaybookId,
    /// The playbook's text at the time of opening, or of the last retry; what tightens later holds all the same.
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
    /// The number of the last attempt then.
    pub healed_after: u32,
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
    /// *Afterwards* runs once; how the incident ends when it has.
    pub closing: Option<(Outcome, String)>,
    /// What its steps registered.
    pub results: Results,
    /// A person's consent, asked for or given, to the next attempt.
    pub approval: Option<Approval>,
    /// Crashes of heald in a row at which it was running.
    pub crashes: u32,
    /// Observe mode said so then; true: no guard but the mode said no.
    pub would_act: Option<(Time, bool)>,
    /// Told once each.
    pub told: Vec<NoticeKind>,
    /// Its logs were asked for and came, or there are none.
    pub gathered: bool,
    /// The end of the target's logs, clean and short.
    pub logs: Option<Arc<str>>,
    /// The last that happened, in the words of the journal: at most [`TRAIL_MAX`] lines.
    pub trail: VecDeque<(Time, Arc<str>)>,
    pub outbox: Outbox,
    pub climb: Climb,
    pub ack: Option<Ack>,
    /// Done steps of the checklist, from 1, and by whom.
    pub ticks: BTreeMap<u32, Box<str>>,
    /// What the last look that decided something saw.
    pub seen: Option<Box<str>>,
    /// Buttons that were used, and by whom.
    pub pressed: Vec<(Box<str>, Box<str>)>,
    /// Alertmanager was asked for a silence and has not answered.
    pub silencing: bool,
    /// The one that heald asked for by itself.
    pub own_silence: Option<OwnSilence>,
    /// Resolved by alerts' word, while that was in doubt.
    pub doubted: BTreeSet<Fingerprint>,
}

/// While heald repairs, Alertmanager tells nobody of the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSilence {
    pub until: Time,
    /// heald wants it ended.
    pub lifted: bool,
}

/// How far people were called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Climb {
    /// The last level that was reached; 0: none.
    pub level: u8,
    pub since: Time,
    /// When the next one is.
    pub next: Option<Time>,
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
    /// As its label says.
    pub severity: Option<Severity>,
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
        stage: Stage,
        /// Tries of this step before the one that runs or comes.
        tries: u32,
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

/// Where a step of an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Running,
    /// The target is looked at before the next one.
    Over,
    /// It is tried again then.
    Again(Time),
}

// === impl AttachedAlert ===

impl AttachedAlert {
    fn opening(context: &AlertContext, starts_at: Timestamp, at: Time) -> Self {
        let (labels, _) = context.read();
        let severity = labels.get("severity").and_then(|label| Severity::of_label(label));
        Self { remediate: Remediate::of(&labels), severity, starts_at, firing: true, at }
    }
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
            alerts: BTreeMap::from([(fingerprint.clone(), AttachedAlert::opening(context, *starts_at, at))]),
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
            healed_after: 0,
            before: None,
            seen_before: None,
            touched: false,
            relapsed: false,
            giving_up: None,
            rolled_back: false,
            closing: None,
            results: Results::new(),
            approval: None,
            crashes: 0,
            would_act: None,
            told: Vec::new(),
            gathered: false,
            logs: None,
            trail: VecDeque::new(),
            outbox: Outbox::default(),
            climb: Climb { since: at, ..Climb::default() },
            ack: None,
            ticks: BTreeMap::new(),
            seen: None,
            pressed: Vec::new(),
            silencing: false,
            own_silence: None,
            doubted: BTreeSet::new(),
        })
    }

    /// When the incident must be looked at again, come what may. `None`: an effect runs, or an event is waited for.
    pub fn wake(&self) -> Option<Time> {
        self.deadlines().min()
    }

    /// As [`Incident::wake`], but for what is still to come.
    pub fn wake_after(&self, now: Time) -> Option<Time> {
        self.deadlines().filter(|deadline| *deadline > now).min()
    }

    fn deadlines(&self) -> impl Iterator<Item = Time> {
        let climb = self.climb.next.filter(|_| self.is_troubled());
        self.phase_wake().into_iter().chain(climb).chain(self.outbox.deadlines())
    }

    /// It is broken as far as is known, and nobody's plan: the escalation clock runs.
    pub fn is_troubled(&self) -> bool {
        match &self.phase {
            Phase::Held { guard, reason, .. } => *guard != Guard::Window || !is_planned(reason),
            Phase::Acting { section: Section::Afterwards, .. } => false,
            Phase::Acting { .. } | Phase::Verifying { .. } | Phase::ResolvedBad { .. } | Phase::Escalated { .. } => true,
            Phase::Assessing => self.attempts > 0,
            Phase::Watching { .. } | Phase::Observed | Phase::Healed { .. } | Phase::Closed { .. } => false,
        }
    }

    /// The playbook's word, or the most urgent of its alerts; without either it is P1: called for, but not at once.
    pub fn severity(&self, playbook: &Playbook) -> Severity {
        self.named_severity(playbook).unwrap_or(Severity::P1)
    }

    pub fn named_severity(&self, playbook: &Playbook) -> Option<Severity> {
        playbook.severity.or_else(|| self.alerts.values().filter_map(|alert| alert.severity).min())
    }

    pub fn phase_wake(&self) -> Option<Time> {
        match &self.phase {
            Phase::Watching { until, said: false } | Phase::ResolvedBad { until } => Some(*until),
            Phase::Held { wake, .. } | Phase::Acting { stage: Stage::Again(wake), .. } => Some(*wake),
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

    /// Begun by a person's order; no alert will resolve.
    pub fn by_hand(&self) -> bool {
        self.alerts.keys().all(|fingerprint| fingerprint.0.starts_with(BY_HAND))
    }

    /// Something says that it is broken: an alert, or heald's own look in after-care.
    pub fn has_cause(&self) -> bool {
        self.relapsed || self.is_firing()
    }

    /// Over, and everybody who was to be told has been: nothing is left to do.
    pub fn is_done(&self) -> bool {
        !self.is_open() && self.outbox.owed.is_empty()
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

    /// What happened so far, a line each: for templates that help people.
    pub fn timeline(&self) -> String {
        let lines: Vec<String> = self.trail.iter().map(|(at, text)| format!("{at}  {text}")).collect();
        if lines.is_empty() { "(nothing was done)".to_owned() } else { lines.join("\n") }
    }

    /// How much of `within` is used up: since the first permit, without the time on hold or good.
    pub fn spent(&self, now: Time) -> Duration {
        let Some(first) = self.first_permit else { return Duration::ZERO };
        let held = self.held + self.held_since.map_or(Duration::ZERO, |since| now.since(since));
        now.since(first).saturating_sub(held)
    }
}

/// What a person reads of an incident before doing something about it.
pub const TRAIL_MAX: usize = 12;
/// Begin of the fingerprint that stands for a person's order.
pub const BY_HAND: &str = "by-hand-";

/// Still firing this long after it was healed: people are told once.
pub const STILL_FIRING_AFTER: Duration = Duration::from_secs(15 * 60);
/// No resolve this long after it was healed: closed as never seen.
pub const RESOLVE_WAIT: Duration = Duration::from_secs(24 * 3_600);
