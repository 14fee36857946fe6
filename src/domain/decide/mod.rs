//! What to do next: (incident, signal, facts, now) → events and effects. Total; no panic, no clock, no I/O.
//!
//! `events.rs` handles what comes from outside (alerts, people, time, a restart),
//! `attempt.rs` the way from a bad look to a verified repair, `refusal.rs` what follows
//! a guard's no, `consent.rs` the question to a person,
//! `steps.rs` one step after the other, `care.rs` what follows a repair, `closing.rs` the section *Afterwards*, `tell.rs` whom to tell of it, `climb.rs` the escalation clock, `recovery.rs` a step that a restart of heald cut short.

use super::alert::Remediate;
use super::guard::{Facts, Guard, Permit};
use super::id::{AttemptId, Fingerprint};
use super::incident::{Escalation, Incident, IncidentEvent, Outcome, Phase, Stage};
use super::look::{AlertQuery, Evidence, LookHow, LookOrder, Observation};
use super::notice::{Delivery, Notice, NoticeKind, Post};
use super::outcome::Acted;
use super::plan::{Binding, Plan, PlannedStep, Section};
use super::playbook::Severity;
use super::target::Target;
use super::time::Time;
use jiff::Timestamp;
use std::time::Duration;

mod attempt;
mod care;
mod climb;
mod closing;
mod consent;
mod events;
mod gather;
mod hush;
mod recovery;
mod refusal;
mod steps;
mod tell;
#[cfg(test)]
mod tests;
mod tick;

pub use climb::SilenceOrder;
pub use hush::{SILENCED_BY, silence_comment};

/// What arrived for one incident.
#[derive(Clone, Debug)]
pub enum Signal {
    /// It was just opened. `problem`: why no target could be made of its alert.
    Opened {
        problem: Option<String>,
    },
    /// An alert of it fires that was not known, or with a new start.
    Fired {
        fingerprint: Fingerprint,
        starts_at: Timestamp,
        remediate: Remediate,
        severity: Option<Severity>,
    },
    Resolved {
        fingerprint: Fingerprint,
    },
    /// The answer to the last [`Effect::Look`].
    Looked(Observation),
    Acted {
        attempt: AttemptId,
        section: Section,
        step: usize,
        acted: Acted,
        took: Duration,
    },
    /// A word of the step that runs.
    Progressed {
        attempt: AttemptId,
        step: usize,
        text: String,
    },
    /// One channel's answer to one [`Effect::Tell`].
    Told {
        number: u32,
        delivery: Delivery,
    },
    /// The answer to [`Effect::Gather`]: the lines, or why there are none. `None`: such a target keeps none.
    Gathered {
        lines: u32,
        logs: Option<Result<String, String>>,
    },
    /// A deadline of it passed.
    Wake,
    /// Something that it may have waited for changed: a lock, a hold, the pause.
    Unblocked,
    /// heald was restarted; nothing runs for it any more. `crashed`: it had ended without a word.
    Recovered {
        crashed: bool,
    },
    Ack {
        by: String,
        /// None: as configured.
        for_: Option<Duration>,
    },
    /// A step of the checklist is done; counted from 1.
    Tick {
        item: u32,
        by: String,
        note: String,
    },
    Silence {
        by: String,
        for_: Duration,
    },
    /// What Alertmanager said to that: the silence's id.
    /// The answer to [`Effect::Silence`]; `own`: not by a person's order.
    Silenced {
        own: bool,
        answer: Result<String, String>,
    },
    /// A button was pressed, by whom it may be; what it means follows.
    Pressed {
        by: String,
        what: String,
        tag: String,
    },
    /// Alerts are heard again: what resolved meanwhile counts.
    DetectionBack,
    Approve {
        by: String,
    },
    Deny {
        by: String,
        why: String,
    },
    Retry {
        by: String,
    },
    Close {
        by: String,
        note: String,
    },
}

/// First the events are committed, only then the effects performed.
#[derive(Debug, Default)]
pub struct Decision {
    pub events: Vec<IncidentEvent>,
    pub effects: Vec<Effect>,
    /// Who refused an attempt, for the metrics.
    pub refusal: Option<Guard>,
    /// For a person who asked: why it can't be done.
    pub refused: Option<String>,
    /// Instead of the incident's own next wake: a hold whose reason has not changed is not written again.
    pub wake: Option<Time>,
}

#[derive(Debug)]
pub enum Effect {
    /// Replaces any look that still runs for the incident.
    Look(LookOrder),
    /// Ends a running look.
    StopLooking,
    Act {
        step: PlannedStep,
        section: Section,
        index: usize,
        permit: Permit,
    },
    /// One try on one channel.
    Tell(Box<Post>),
    /// For the log, once for each notice.
    Note(Box<Notice>),
    Silence(SilenceOrder),
    /// Ends heald's own silence with that comment. Nobody waits for it: it ends by itself, too.
    Unsilence(String),
    /// The last lines of its logs. Nothing waits for them.
    Gather {
        target: Target,
        lines: u32,
    },
}

/// How often a healed target is looked at: a direct read costs about half a millisecond.
const CARE_EVERY: Duration = Duration::from_secs(1);
/// Two bad looks this far apart stand in for a firing alert.
const CARE_CONFIRM: Duration = Duration::from_millis(500);

const WATCH: LookHow = LookHow::UntilFail { every: CARE_EVERY, confirm: CARE_CONFIRM };

pub fn decide(incident: &Incident, signal: Signal, facts: &Facts<'_>, now: Time) -> Decision {
    let mut draft = Draft { incident: incident.clone(), facts, now, evidence: None, decision: Decision::default() };
    draft.handle(signal);
    draft.decision
}

/// The incident as it will be, while the decision grows: what follows an event sees it applied.
struct Draft<'a> {
    incident: Incident,
    facts: &'a Facts<'a>,
    now: Time,
    /// Of the look that is being answered, if one is.
    evidence: Option<Evidence>,
    decision: Decision,
}

// === impl Draft ===

impl Draft<'_> {
    fn handle(&mut self, signal: Signal) {
        self.heed(signal);
        self.climb(true);
        self.progress();
        self.deliver();
    }

    fn heed(&mut self, signal: Signal) {
        match signal {
            Signal::Opened { problem } => self.opened(problem),
            Signal::Fired { fingerprint, starts_at, remediate, severity } => {
                self.fired(fingerprint, starts_at, remediate, severity);
            }
            Signal::Resolved { fingerprint } => self.resolved(fingerprint),
            Signal::Looked(seen) => self.looked(seen),
            Signal::Acted { attempt, section, step, acted, took } => self.acted(attempt, section, step, acted, took),
            Signal::Progressed { attempt, step, text } => self.progressed(attempt, step, text),
            Signal::Told { number, delivery } => self.told(number, delivery),
            Signal::Ack { by, for_ } => self.acknowledge(by, for_),
            Signal::Tick { item, by, note } => self.tick(item, by, note),
            Signal::Silence { by, for_ } => self.silence(by, for_),
            Signal::Silenced { own, answer } => self.silenced(own, answer),
            Signal::Pressed { by, what, tag } => self.event(IncidentEvent::Pressed { by, what, tag }),
            Signal::DetectionBack => self.detection_back(),
            Signal::Gathered { lines, logs } => self.gathered(lines, logs),
            Signal::Wake => self.woke(),
            Signal::Unblocked => self.unblocked(),
            Signal::Recovered { crashed } => self.recovered(crashed),
            Signal::Approve { by } => self.approve(by),
            Signal::Deny { by, why } => self.deny(by, why),
            Signal::Retry { by } => self.retry(by),
            Signal::Close { by, note } => self.close(by, note),
        }
    }

    /// A look came back: what it means depends on why it was made, and the phase says that.
    fn looked(&mut self, seen: Observation) {
        self.evidence = seen.evidence.clone();
        match self.incident.phase.clone() {
            Phase::Assessing | Phase::Held { .. } => self.consider(seen),
            Phase::Watching { .. } | Phase::Observed | Phase::ResolvedBad { .. } => self.watched(seen),
            Phase::Acting { attempt, section, step, stage: Stage::Over, .. } => self.go_on(attempt, section, step + 1, seen),
            Phase::Acting { attempt, section, step, stage: Stage::Again(_), .. } => self.go_on(attempt, section, step, seen),
            Phase::Acting { attempt, section, step, since, .. } => self.settle(attempt, section, step, since, seen),
            Phase::Verifying { attempt, trouble, since } => self.verified(attempt, trouble, since, seen),
            Phase::Healed { .. } => self.cared(seen),
            Phase::Escalated { .. } => self.seen_after_escalation(seen),
            Phase::Closed { .. } => {}
        }
    }

    fn event(&mut self, event: IncidentEvent) {
        self.incident.apply(&event, self.now);
        self.decision.events.push(event);
    }

    fn effect(&mut self, effect: Effect) {
        self.decision.effects.push(effect);
    }

    fn look(&mut self, how: LookHow) {
        match self.binding().probes() {
            Ok(probes) => {
                let target = self.incident.target().cloned();
                let alerts = (how == LookHow::Once).then(|| self.alert_query());
                self.effect(Effect::Look(LookOrder { target, probes, alerts, how }));
            }
            Err(why) => self.cannot_look(why),
        }
    }

    /// Between two steps: the target's state and the alert, without the probes, which may be slow while it is down.
    fn look_between(&mut self) {
        let (target, alerts) = (self.incident.target().cloned(), Some(self.alert_query()));
        self.effect(Effect::Look(LookOrder { target, probes: Vec::new(), alerts, how: LookHow::Once }));
    }

    fn alert_query(&self) -> AlertQuery {
        let (labels, _) = self.incident.context.read();
        // Alertmanager knows nothing of a person's order.
        let asked = !self.incident.by_hand();
        let firing = self.incident.alerts.iter().filter(|(_, alert)| asked && alert.firing);
        AlertQuery {
            alertname: labels.get("alertname").cloned().unwrap_or_default(),
            fingerprints: firing.map(|(fingerprint, _)| fingerprint.clone()).collect(),
            own_silence: silence_comment(self.facts.host, self.incident.id),
        }
    }

    /// A name left the allow-list. What holds locks gives them back, and what is over ends.
    fn cannot_look(&mut self, why: String) {
        match self.incident.phase {
            Phase::Acting { attempt, section, .. } => self.abandon(attempt, section, why),
            Phase::Verifying { attempt, .. } => self.give_back(attempt, why),
            Phase::Escalated { .. } if !self.incident.is_firing() => {
                self.end(Outcome::Unverified, format!("the alert resolved; {why}"));
            }
            Phase::Escalated { .. } => {}
            _ => self.escalate(Escalation::NoTarget, why),
        }
    }

    fn binding(&self) -> Binding<'_> {
        Binding {
            playbook: self.facts.playbook,
            target: self.incident.target(),
            alert: &self.incident.context,
            allow: self.facts.allow,
            results: &self.incident.results,
        }
    }

    /// As things stand: what the steps that are over registered is known.
    fn plan(&self, section: Section) -> Result<Plan, String> {
        let done = match self.incident.phase {
            Phase::Acting { section: running, step, stage, .. } if running == section => step + usize::from(stage == Stage::Over),
            _ => 0,
        };
        self.binding().plan(section, Some(done))
    }

    fn escalate(&mut self, reason: Escalation, text: String) {
        self.event(IncidentEvent::Escalated { reason, text: text.clone() });
        self.end_order();
        self.effect(Effect::StopLooking);
        self.gather();
        if !self.incident.is_firing()
            && reason != Escalation::Quarantined
            && let Ok(probes) = self.binding().probes()
        {
            // No resolve will come that could end it.
            let target = self.incident.target().cloned();
            self.effect(Effect::Look(LookOrder { target, probes, alerts: None, how: LookHow::Once }));
        }
        // Whoever is called for it hears it once, with the reason.
        self.climb(false);
        // Each escalation is news, also the second one after a retry.
        self.tell(NoticeKind::Escalated, &text);
    }

    fn end(&mut self, outcome: Outcome, note: impl Into<String>) {
        let escalated = matches!(self.incident.phase, Phase::Escalated { .. }) || outcome == Outcome::Escalated;
        let note = note.into();
        // Due before it is closed: a closed incident that owes nobody a word is forgotten at once.
        if escalated {
            self.tell_once(NoticeKind::Over, &note);
        } else if self.incident.outbox.threads.keys().any(|channel| channel != tell::LOG) {
            match self.incident.outbox.news {
                // Everybody knows that it is good; the cards show that it is over, too.
                Some(NoticeKind::Healed) if self.cards().is_empty() => {}
                Some(NoticeKind::Healed) => self.owe(NoticeKind::Progress, &note, self.cards()),
                _ => self.tell_once(NoticeKind::Over, &note),
            }
        }
        self.unhush();
        self.event(IncidentEvent::Closed { outcome, note });
        self.effect(Effect::StopLooking);
    }
}
