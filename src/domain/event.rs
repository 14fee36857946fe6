//! What happened to an incident: facts, in the past tense. The journal holds nothing else of it.

use super::alert::{AlertContext, Remediate};
use super::guard::Guard;
use super::id::{Fingerprint, IncidentId, PlaybookId, Revision};
use super::incident::{AttemptOutcome, Escalation, Outcome, Subject, Trouble};
use super::look::{Evidence, Observation};
use super::notice::{Delivery, NoticeKind};
use super::outcome::Acted;
use super::plan::Section;
use super::playbook::Severity;
use super::target::Target;
use super::time::Time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Committed before anything follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum IncidentEvent {
    Opened {
        playbook: PlaybookId,
        revision: Revision,
        subject: Subject,
        fingerprint: Fingerprint,
        starts_at: Timestamp,
        context: AlertContext,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<IncidentId>,
        rungs: usize,
    },
    AlertAttached {
        fingerprint: Fingerprint,
        starts_at: Timestamp,
        #[serde(default)]
        remediate: Remediate,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
    },
    AlertResolved {
        fingerprint: Fingerprint,
    },
    /// The verification was looked at; kept where the look decided something.
    Looked {
        seen: Observation,
        passed: bool,
    },
    Watched {
        until: Time,
        said: bool,
    },
    Held {
        guard: Guard,
        reason: String,
        wake: Time,
    },
    WouldAct {
        text: String,
        /// No guard but the mode said no.
        #[serde(default)]
        permitted: bool,
    },
    AttemptStarted {
        attempt: u32,
        rung: usize,
        title: String,
        locks: Vec<Target>,
        charged: bool,
        seen: Observation,
    },
    RollbackStarted {
        attempt: u32,
        locks: Vec<Target>,
        reason: Escalation,
        text: String,
    },
    /// On disk before the step is sent.
    StepStarted {
        attempt: u32,
        section: Section,
        step: usize,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Evidence>,
    },
    StepEnded {
        attempt: u32,
        section: Section,
        step: usize,
        acted: Acted,
        took_ms: u64,
        /// It only read or waited: nothing on the target is of its making.
        #[serde(default)]
        quiet: bool,
        /// Under which name its result is kept for later steps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        register: Option<String>,
    },
    /// Its `when:` does not hold.
    StepSkipped {
        attempt: u32,
        section: Section,
        step: usize,
        text: String,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        register: Option<String>,
    },
    /// It failed clearly, and is tried again within the attempt.
    StepRetried {
        attempt: u32,
        section: Section,
        step: usize,
        /// The number of the try that is to come; the first is 1.
        again: u32,
        until: Time,
    },
    /// What a long step says while it runs.
    StepProgressed {
        attempt: u32,
        step: usize,
        text: String,
    },
    /// No step of it has anything to do now.
    RungSkipped {
        rung: usize,
        title: String,
        why: String,
    },
    /// After a crash: the step's effect was found on the target, or not, without sending it again.
    StepSettled {
        attempt: u32,
        section: Section,
        step: usize,
        took_effect: Option<bool>,
        why: String,
    },
    VerifyStarted {
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<Trouble>,
    },
    AttemptEnded {
        attempt: u32,
        outcome: AttemptOutcome,
        text: String,
    },
    RollbackEnded {
        ok: bool,
        text: String,
    },
    /// The section *Afterwards* begins; then the incident closes with this outcome.
    AfterwardsStarted {
        attempt: u32,
        locks: Vec<Target>,
        outcome: Outcome,
        note: String,
    },
    AfterwardsEnded {
        ok: bool,
        text: String,
    },
    Healed {
        after_care_until: Time,
    },
    /// When the alerts had resolved: when the after-care will be over.
    CareScheduled {
        close_at: Option<Time>,
    },
    CareFailed {
        seen: Observation,
    },
    /// Watched because the probes passed; now they don't.
    SymptomShown {
        seen: Observation,
    },
    FoundBadAfterResolve {
        until: Time,
    },
    Escalated {
        reason: Escalation,
        text: String,
    },
    /// The end of the target's logs, clean and without obvious secrets; empty where `what` says why there are none.
    Gathered {
        logs: String,
        what: String,
    },
    /// An intention to tell; kept until a channel took it.
    NoticeDue {
        notice: NoticeKind,
        reason: String,
        /// Counts the incident's notices from 1; 0 in an older journal.
        #[serde(default)]
        number: u32,
        /// The channels that are to take it.
        #[serde(default)]
        to: Vec<String>,
        /// It waits for that long at most for the target's logs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Time>,
    },
    /// One try on one channel.
    Told {
        notice: NoticeKind,
        deliveries: Vec<Delivery>,
        #[serde(default)]
        number: u32,
        /// When the channel is tried again, where it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Time>,
    },
    /// Those that were to take a notice don't: others are told too.
    PassedOn {
        number: u32,
        to: Vec<String>,
        why: String,
    },
    /// A level of the escalation chain was reached.
    Climbed {
        level: u8,
    },
    /// The chain's clock was set, or set anew.
    ClimbSet {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Time>,
    },
    /// Its alerts are more urgent than before: the chain starts anew.
    SeverityRose {
        severity: Severity,
    },
    /// A person is at it: nobody else is called until then.
    Acknowledged {
        by: String,
        until: Time,
    },
    /// A person did a step of the checklist. `item` counts from 1.
    StepTicked {
        item: u32,
        text: String,
        by: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
    /// A person pressed a button of a message, which works once.
    Pressed {
        by: String,
        what: String,
        tag: String,
    },
    /// Alertmanager is asked to silence the alert.
    SilenceAsked {
        by: String,
        until: Time,
        /// While heald repairs, by nobody's order.
        #[serde(default)]
        own: bool,
    },
    /// What Alertmanager said.
    SilenceSet {
        /// None: it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        text: String,
        #[serde(default)]
        own: bool,
    },
    /// heald's own silence is ended before its time.
    SilenceLifted,
    /// A resolve came while the alerts' source is in doubt; it counts once that is heard again.
    ResolveDoubted {
        fingerprint: Fingerprint,
    },
    /// People are asked for their consent to one attempt.
    ApprovalAsked {
        attempt: u32,
        /// The plan itself, word for word ([`super::plan::Plan::fingerprint`]): a changed one is another one.
        plan: String,
        text: String,
        expires: Time,
        /// Who may consent; empty: everybody who may order heald about.
        may: Vec<String>,
    },
    Approved {
        attempt: u32,
        by: String,
    },
    Denied {
        attempt: u32,
        by: String,
        #[serde(default)]
        why: String,
    },
    /// heald ended without a word while it was at this incident.
    CrashSeen,
    Retried {
        by: String,
        /// Of the playbook in force, where that is another one than before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<Revision>,
        /// How many that one has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rungs: Option<usize>,
    },
    LateAnswer {
        attempt: u32,
        step: usize,
        text: String,
    },
    Closed {
        outcome: Outcome,
        note: String,
    },
}
